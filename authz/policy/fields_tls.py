# SPDX-License-Identifier: Apache-2.0
"""The 21 `cf.tls_client_auth.*` fields and when they are empty (architecture 4.4).

`cert_presented`, the RFC 9440 values and the leaf's own facts are there for whatever was presented;
`cert_issuer_*` come from the issuer on the verified path, never from the leaf's claims, and
are empty for an unverified certificate. Formats: Cloudflare's fields reference; authz.certs makes
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.rfc9440 import client_cert, client_cert_chain
from authz.rules import Bool, Bytes, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.values import RequestValues
    from authz.rules import Value

    Producer = Callable[[RequestValues], Value]

_PREFIX = "cf.tls_client_auth."


def _leaf(name: str) -> Producer:
    def produce(values: RequestValues) -> Value:
        certificate = values.client.certificate
        return b"" if certificate is None else str(getattr(certificate, name)).encode()

    return produce


def _issuer(name: str) -> Producer:
    def produce(values: RequestValues) -> Value:
        issuer = values.client.issuer
        return b"" if issuer is None else str(getattr(issuer, name)).encode()

    return produce


def _rfc9440(values: RequestValues) -> str | None:
    certificate = values.client.certificate
    return "" if certificate is None else client_cert(certificate.der)


def _chain_rfc9440(values: RequestValues) -> str | None:
    return client_cert_chain(values.client.judgement.sent_chain)


CATALOGUE: tuple[tuple[Field, Producer], ...] = (
    (
        Field(_PREFIX + "cert_presented", Bool, doc="A certificate was presented, valid or not."),
        lambda v: v.client.presented,
    ),
    (
        Field(
            _PREFIX + "cert_verified",
            Bool,
            doc="A path to an anchor of this host's authorities exists, in time and fit for client "
            "authentication. True for a revoked certificate as well.",
        ),
        lambda v: v.client.verified,
    ),
    (
        Field(_PREFIX + "cert_revoked", Bool, doc="Verified, and revoked by its issuer."),
        lambda v: v.client.revoked,
    ),
    (
        Field(_PREFIX + "cert_issuer_dn", Bytes, doc="Issuer name, as in RFC 2253."),
        _issuer("subject_dn"),
    ),
    (
        Field(_PREFIX + "cert_subject_dn", Bytes, doc="Subject name, as in RFC 2253."),
        _leaf("subject_dn"),
    ),
    (
        Field(_PREFIX + "cert_issuer_dn_rfc2253", Bytes, doc="Issuer name in RFC 2253 form."),
        _issuer("subject_dn_rfc2253"),
    ),
    (
        Field(_PREFIX + "cert_subject_dn_rfc2253", Bytes, doc="Subject name in RFC 2253 form."),
        _leaf("subject_dn_rfc2253"),
    ),
    (
        Field(_PREFIX + "cert_issuer_dn_legacy", Bytes, doc="Issuer name, OpenSSL one-line form."),
        _issuer("subject_dn_legacy"),
    ),
    (
        Field(
            _PREFIX + "cert_subject_dn_legacy", Bytes, doc="Subject name, OpenSSL one-line form."
        ),
        _leaf("subject_dn_legacy"),
    ),
    (
        Field(_PREFIX + "cert_serial", Bytes, hex=True, doc="Serial number, upper-case hex."),
        _leaf("serial"),
    ),
    (
        Field(
            _PREFIX + "cert_issuer_serial",
            Bytes,
            hex=True,
            doc="Serial number of the issuer's certificate, upper-case hex.",
        ),
        _issuer("serial"),
    ),
    (
        Field(
            _PREFIX + "cert_fingerprint_sha256",
            Bytes,
            hex=True,
            doc="SHA-256 of the certificate (DER), 64 lower-case hex digits.",
        ),
        _leaf("fingerprint_sha256"),
    ),
    (
        Field(
            _PREFIX + "cert_fingerprint_sha1",
            Bytes,
            hex=True,
            doc="SHA-1 of the certificate (DER), 40 lower-case hex digits.",
        ),
        _leaf("fingerprint_sha1"),
    ),
    (
        Field(
            _PREFIX + "cert_not_before", Bytes, doc="Start of validity, `Mar 21 13:35:00 2022 GMT`."
        ),
        _leaf("not_before"),
    ),
    (
        Field(
            _PREFIX + "cert_not_after", Bytes, doc="End of validity, `Mar 21 13:35:00 2023 GMT`."
        ),
        _leaf("not_after"),
    ),
    (
        Field(_PREFIX + "cert_ski", Bytes, hex=True, doc="Subject key identifier, upper-case hex."),
        _leaf("ski"),
    ),
    (
        Field(
            _PREFIX + "cert_issuer_ski",
            Bytes,
            hex=True,
            doc="Subject key identifier of the issuer, upper-case hex.",
        ),
        _issuer("ski"),
    ),
    (
        Field(
            _PREFIX + "cert_rfc9440",
            Bytes,
            doc="The certificate as an RFC 9440 `Client-Cert` value; empty beyond 10 KiB.",
        ),
        lambda v: (_rfc9440(v) or "").encode(),
    ),
    (
        Field(_PREFIX + "cert_rfc9440_too_large", Bool, doc="That value is beyond 10 KiB."),
        lambda v: _rfc9440(v) is None,
    ),
    (
        Field(
            _PREFIX + "cert_chain_rfc9440",
            Bytes,
            doc="The intermediates as sent, RFC 9440 `Client-Cert-Chain`; empty beyond 16 KiB.",
        ),
        lambda v: (_chain_rfc9440(v) or "").encode(),
    ),
    (
        Field(_PREFIX + "cert_chain_rfc9440_too_large", Bool, doc="That value is beyond 16 KiB."),
        lambda v: _chain_rfc9440(v) is None,
    ),
)
