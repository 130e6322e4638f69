# SPDX-License-Identifier: Apache-2.0
"""Writes the inputs that fuzzing begins with to tests/vectors/fuzz/<target>/seed-*.

    python -m tests.vectors.build_fuzz

Only those that are not there: what is signed would be another one each time. What a run has found
is added by hand, under a name that says what it is.
"""

from __future__ import annotations

import json
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.factories.checks import check_request
from tests.factories.ocsp import answer
from tests.factories.pki import intermediate, presented, root

_FUZZ = Path(__file__).parent / "fuzz"
_VECTORS = Path(__file__).parent

_POLICY = b"""\
sites:
  - name: api
    hosts: ["api.example.com", "*.example.net", "*"]
    default_action: block
    paths: refuse
    rules:
      - ref: admin
        expression: 'not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"}'
        action: block
        action_parameters: {response: {status_code: 403, content_type: text/plain, content: no}}
      - ref: rest
        expression: 'ip.src in $office'
        action: skip
        action_parameters: {ruleset: current}
lists:
  office: {kind: ip, items: ["10.0.0.0/8", "2001:db8::/32"]}
"""


def _lines(path: str) -> list[bytes]:
    lines = (_VECTORS / path).read_bytes().splitlines()
    return [one for one in lines if one and not one.startswith(b"#")]


def seeds() -> dict[str, list[bytes]]:
    """Inputs by target."""
    ca = intermediate()
    leaf = ca.client("alice", serial=4711)
    named = ca.client(
        "named", san=[x509.DNSName("a.example.com"), x509.RFC822Name("a@example.com")]
    )
    shown = presented(leaf, ca).certificate
    xfcc = f'Hash={"0" * 64};Cert="{shown}";Subject="CN=\\"a\\",O=b";URI=spiffe://a/b;DNS=a;DNS=b'
    requests = (
        {},
        {"path": "/admin", "certificate": shown},
        {"headers": [("x-forwarded-client-cert", xfcc), ("x-forwarded-for", "10.0.0.1, ::1")]},
        {"sni": None, "method": "POST", "raw_body": b"a=b", "size": 3},
        {"path": "/a/%2e%2e/admin;x=1//b?c=%00#d"},
    )
    rule = {"expression": "true", "action": "block", "description": "a"}
    bodies = (
        {"name": "office", "kind": "ip", "description": ""},
        [{"ip": "10.0.0.0/8", "comment": "a"}],
        {"rules": [rule]},
        {"name": "r", "kind": "zone", "phase": "http_request_firewall_custom", "rules": [rule]},
        {"expression": 'http.host eq "a"', "fields": {"http.host": "a"}},
        {"csr": "-----BEGIN CERTIFICATE REQUEST-----\n", "validity_days": 3650},
        {"certificates": ca.chain_pem.decode(), "ca": True, "name": "a"},
        {"hostnames": ["a.example"], "mtls_certificate_id": "f" * 32},
        {"name": "t", "policies": [{"effect": "allow", "permission_groups": [{"id": "f" * 32}]}]},
    )
    fields = (
        b"name=office&kind=ip&description=a",
        b"expression=http.host+eq+%22a%22&action=block&description=a",
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\noffice\r\n--x--\r\n',
        b'{"expression": "http.host eq \\"a\\""}',
        b"pem=" + ca.pem.replace(b"+", b"%2B") + b"&name=a",
    )
    return {
        "check_request": [check_request(**one).SerializeToString() for one in requests],  # type: ignore[arg-type]
        "xfcc": [xfcc.encode(), *_lines("xfcc/text.txt")[:6], *_lines("xfcc/json.txt")[:4]],
        "certificate": [leaf.der, named.der, root().der, leaf.pem, ca.chain_pem],
        "crl": [ca.crl([1, 4711]).der, ca.crl().der],
        "ocsp": [
            answer(leaf, ca),
            answer(leaf, ca, status="revoked", nonce=b"n" * 16),
            answer(leaf, ca, signer=ca.client("r", eku=[ExtendedKeyUsageOID.OCSP_SIGNING])),
        ],
        "expression": [
            b'http.request.uri.path in {"/a" "/b"} and not ip.src in $nets',
            b'any(http.request.headers["a"][*] matches "^a+(b|c)$") or http.host wildcard "*.a"',
            b'lower(http.host) contains r#"a"# xor cf.tls_client_auth.cert_serial eq "0A"',
            b"ip.src in {10.0.0.0/8 2001:db8::1..2001:db8::f} && http.request.body.size ge 0x10",
        ],
        "policy_file": [_POLICY],
        "api_body": [
            bytes([place * 7]) + json.dumps(one).encode() for place, one in enumerate(bodies)
        ],
        "cookie": [
            b"authz-session=x; authz-notice=YQ==; authz-sign-in=a.Lw==",
            b'a="b\\073c"; =; ;;',
        ],
        "form": [bytes([place * 9, place % 3]) + one for place, one in enumerate(fields)],
    }


def main() -> None:
    """Write those that are not there."""
    for target, inputs in seeds().items():
        directory = _FUZZ / target
        directory.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs, 1):
            path = directory / f"seed-{number}"
            if not path.exists():
                path.write_bytes(data)


if __name__ == "__main__":
    main()
