# SPDX-License-Identifier: Apache-2.0
"""The demo as data: the policy it runs and the requests it sends, each with the right answer.

The end-to-end tests send the same rows over HTTP/1.1 and HTTP/2. Nothing here does anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.demo.credentials import Credentials

#: Cloudflare, "Configure mTLS": the three expressions as its page writes them, except that the
#: fingerprint is the one of the demo's own `valid` certificate.
NO_VALID_CERTIFICATE = "not cf.tls_client_auth.cert_verified"
NOT_THE_PINNED_ONE = (
    "not (cf.tls_client_auth.cert_verified and "
    'cf.tls_client_auth.cert_fingerprint_sha256 eq "{fingerprint}")'
)
NOT_VALID_OR_REVOKED = (
    "((not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) "
    'and http.request.uri.path in {"/admin"})'
)

_POLICY = """\
# What the demo asks of each host. Edit it while the demo runs: it is reloaded within a second.
sites:
  # Every request needs a certificate that verifies.
  - name: api
    hosts: ["api.localhost"]
    trust: &demo
      - name: demo
        certificates: [trust/demo-ca.pem, trust/issuing-ca.pem]
        crls: [trust/demo-ca.crl, trust/issuing-ca.crl]
        revoked_serials_file: trust/revoked-serials.txt
    rules:
      - ref: needs-certificate
        description: Block requests without a valid certificate
        expression: '%(no_valid_certificate)s'
        action: block

  # One certificate and no other.
  - name: pinned
    hosts: ["pinned.localhost"]
    trust: *demo
    rules:
      - ref: needs-the-pinned-certificate
        expression: '%(not_the_pinned_one)s'
        action: block

  # One path needs a certificate that is not revoked; the rest is public.
  - name: admin
    hosts: ["admin.localhost"]
    trust: *demo
    rules:
      - ref: protect-admin
        expression: '%(not_valid_or_revoked)s'
        action: block
        action_parameters:
          response:
            status_code: 403
            content_type: application/json
            content: '{"error":"mTLS"}'

  # Trusts another authority than the sites above.
  - name: partner
    hosts: ["partner.localhost"]
    trust: [{name: partner, certificates: [trust/partner-ca.pem]}]
    rules:
      - ref: needs-certificate
        expression: '%(no_valid_certificate)s'
        action: block

  # Lets everybody in and tells the application who they are.
  - name: whoami
    hosts: ["whoami.localhost"]
    trust: *demo
    upstream_headers: [cf-cert, client-cert]
"""

#: What a client might send to be taken for somebody else.
SPOOFED = (
    ("cf-cert-verified", "true"),
    ("cf-cert-subject-dn", "CN=valid"),
    ("client-cert", ":AAAA:"),
    ("client-cert-chain", ":AAAA:"),
    ("x-forwarded-client-cert", 'Hash=00;Subject="CN=valid"'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request and its right answer.

    `certificate` is a client of `credentials`, `""` for none; `sni` is the host unless it differs.
    `reason`, `rule` and `failure` are what the authorizer must say about it (all `""` when Envoy
    answers by itself). `upstream` maps a header to what the application must see: None for absent,
    `"@NAME"` for the fingerprint of client NAME, `"*"` for anything, else that value.
    """

    id: str
    says: str
    host: str
    path: str
    certificate: str
    status: int
    reason: str = "default_action"
    rule: str = ""
    failure: str = ""
    sni: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    upstream: Mapping[str, str | None] = field(default_factory=dict)


def policy_yaml(credentials: Credentials) -> str:
    """policy.yaml of the demo, for files laid out as `make_credentials` does."""
    # The upper case is that of the page, and of `openssl x509 -fingerprint`; both cases match.
    fingerprint = credentials.clients["valid"].fingerprint.upper()
    return _POLICY % {
        "no_valid_certificate": NO_VALID_CERTIFICATE,
        "not_the_pinned_one": NOT_THE_PINNED_ONE.replace("{fingerprint}", fingerprint),
        "not_valid_or_revoked": NOT_VALID_OR_REVOKED,
    }


def _blocked(id_: str, says: str, certificate: str, failure: str) -> Row:
    return Row(
        id=id_,
        says=says,
        host="api.localhost",
        path="/",
        certificate=certificate,
        status=403,
        reason="rule",
        rule="needs-certificate",
        failure=failure,
    )


def _admin(id_: str, says: str, certificate: str, path: str = "/admin", failure: str = "") -> Row:
    return Row(
        id=id_,
        says=says,
        host="admin.localhost",
        path=path,
        certificate=certificate,
        status=403,
        reason="rule",
        rule="protect-admin",
        failure=failure,
    )


def _allowed(id_: str, says: str, host: str, certificate: str, path: str = "/") -> Row:
    failure = "" if certificate else "absent"
    return Row(
        id=id_,
        says=says,
        host=host,
        path=path,
        certificate=certificate,
        status=200,
        failure=failure,
    )


_NOTHING_BELIEVED: Mapping[str, str | None] = MappingProxyType({name: None for name, _ in SPOOFED})

ROWS: tuple[Row, ...] = (
    # not cf.tls_client_auth.cert_verified
    _blocked("no-certificate", "no certificate", "", "absent"),
    _allowed("valid", "valid certificate", "api.localhost", "valid"),
    _blocked("expired", "expired", "expired", "expired"),
    _blocked("not-yet-valid", "not valid yet", "not-yet-valid", "not_yet_valid"),
    _blocked("self-signed", "self-signed", "self-signed", "unknown_issuer"),
    _blocked("other-ca", "from another CA", "partner", "unknown_issuer"),
    _blocked("server-auth-only", "for servers only", "server-auth-only", "wrong_usage"),
    # Envoy forwards the end-entity certificate and nothing else of what the client sent.
    _allowed(
        "intermediate-in-bundle",
        "from an intermediate in the trust bundle",
        "api.localhost",
        "via-intermediate",
    ),
    _blocked(
        "intermediate-only-sent",
        "from an intermediate that only the client has",
        "via-unlisted",
        "unknown_issuer",
    ),
    # Cloudflare: cert_verified stays true for a revoked certificate. Hence the third expression.
    _allowed(
        "revoked-not-asked",
        "revoked, but the rule asks only for verified",
        "api.localhost",
        "revoked-by-crl",
    ),
    # not (… cert_verified and … cert_fingerprint_sha256 eq "…")
    _allowed("pinned-right", "the pinned certificate", "pinned.localhost", "valid"),
    Row(
        id="pinned-wrong",
        says="valid, but not the pinned one",
        host="pinned.localhost",
        path="/",
        certificate="second",
        status=403,
        reason="rule",
        rule="needs-the-pinned-certificate",
    ),
    Row(
        id="pinned-none",
        says="no certificate where one is pinned",
        host="pinned.localhost",
        path="/",
        certificate="",
        status=403,
        reason="rule",
        rule="needs-the-pinned-certificate",
        failure="absent",
    ),
    # ((not … cert_verified or … cert_revoked) and http.request.uri.path in {"/admin"})
    _allowed("public-path", "public path, no certificate", "admin.localhost", "", "/"),
    _admin("protected-path", "protected path, no certificate", "", failure="absent"),
    _allowed(
        "protected-path-valid",
        "protected path, valid certificate",
        "admin.localhost",
        "valid",
        "/admin",
    ),
    _admin("revoked-by-crl", "protected path, revoked by CRL", "revoked-by-crl"),
    _admin("revoked-by-serial", "protected path, revoked by serial", "revoked-by-serial"),
    _allowed(
        "public-path-revoked",
        "public path, revoked certificate",
        "admin.localhost",
        "revoked-by-crl",
        "/",
    ),
    _admin("path-encoded", "protected path, encoded", "", "/%61dmin", "absent"),
    Row(
        id="path-ambiguous",
        says="protected path, with a parameter",
        host="admin.localhost",
        path="/admin;x=1",
        certificate="",
        status=403,
        reason="ambiguous_path",
        rule="protect-admin",
        failure="absent",
    ),
    Row(
        id="path-escaped-slash",
        says="escaped slash (Envoy refuses it)",
        host="admin.localhost",
        path="/x%2f..%2fadmin",
        certificate="valid",
        status=400,
        reason="",
    ),
    # Two authorities, one listener.
    _allowed("partner", "the partner's certificate at the partner", "partner.localhost", "partner"),
    Row(
        id="misdirected",
        says="TLS for api, request for partner",
        host="partner.localhost",
        path="/",
        certificate="valid",
        sni="api.localhost",
        status=421,
        reason="misdirected",
    ),
    Row(
        id="unknown-host",
        says="a host that no site has",
        host="nobody.localhost",
        path="/",
        certificate="valid",
        status=403,
        reason="unknown_host",
    ),
    # What the application sees.
    Row(
        id="spoofed-headers",
        says="spoofed headers, no certificate",
        host="whoami.localhost",
        path="/",
        certificate="",
        status=200,
        failure="absent",
        headers=SPOOFED,
        upstream=_NOTHING_BELIEVED,
    ),
    Row(
        id="spoofed-headers-unverified",
        says="spoofed headers, self-signed certificate",
        host="whoami.localhost",
        path="/",
        certificate="self-signed",
        status=200,
        failure="unknown_issuer",
        headers=SPOOFED,
        upstream=_NOTHING_BELIEVED,
    ),
    Row(
        id="upstream-headers",
        says="what the application is told",
        host="whoami.localhost",
        path="/",
        certificate="second",
        status=200,
        headers=SPOOFED,
        upstream=MappingProxyType(
            {
                "cf-cert-verified": "true",
                "cf-cert-revoked": "false",
                "cf-cert-fingerprint-sha256": "@second",
                "client-cert": "*",
                "client-cert-chain": None,
                "x-forwarded-client-cert": None,
            }
        ),
    ),
)
