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
from authz.policy.catalogue import Entry, Producer, entry
from authz.rules import Bool, Bytes

if TYPE_CHECKING:
    from authz.policy.values import RequestValues
    from authz.rules import Type, Value

_LEAF = "the certificate as presented, verified or not"
_ISSUER = "the issuer on the verified path"


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


def _row(
    name: str, kind: Type, produce: Producer, doc: str, source: str = "", *, as_hex: bool = False
) -> Entry:
    return entry(f"cf.tls_client_auth.{name}", kind, produce, doc, source, as_hex=as_hex)


def _leaf_row(name: str, attribute: str, doc: str, *, as_hex: bool = False) -> Entry:
    return _row(name, Bytes, _leaf(attribute), doc, _LEAF, as_hex=as_hex)


def _issuer_row(name: str, attribute: str, doc: str, *, as_hex: bool = False) -> Entry:
    return _row(name, Bytes, _issuer(attribute), doc, _ISSUER, as_hex=as_hex)


CATALOGUE: tuple[Entry, ...] = (
    _row(
        "cert_presented",
        Bool,
        lambda v: v.client.presented,
        "A certificate was presented, valid or not.",
        "`source.certificate` (needs `include_peer_certificate`) or `x-forwarded-client-cert`",
    ),
    _row(
        "cert_verified",
        Bool,
        lambda v: v.client.verified,
        "A path to an anchor of this host's authorities exists, in time and fit for client "
        "authentication. True for a revoked certificate as well.",
        "our own verification, never Envoy's",
    ),
    _row(
        "cert_revoked",
        Bool,
        lambda v: v.client.revoked,
        "Verified, and revoked by its issuer.",
        "the CRLs and serial numbers of the site's authorities",
    ),
    _issuer_row("cert_issuer_dn", "subject_dn", "Issuer name, as in RFC 2253."),
    _leaf_row("cert_subject_dn", "subject_dn", "Subject name, as in RFC 2253."),
    _issuer_row("cert_issuer_dn_rfc2253", "subject_dn_rfc2253", "Issuer name in RFC 2253 form."),
    _leaf_row("cert_subject_dn_rfc2253", "subject_dn_rfc2253", "Subject name in RFC 2253 form."),
    _issuer_row(
        "cert_issuer_dn_legacy", "subject_dn_legacy", "Issuer name, OpenSSL one-line form."
    ),
    _leaf_row(
        "cert_subject_dn_legacy", "subject_dn_legacy", "Subject name, OpenSSL one-line form."
    ),
    _leaf_row("cert_serial", "serial", "Serial number, upper-case hex.", as_hex=True),
    _issuer_row(
        "cert_issuer_serial",
        "serial",
        "Serial number of the issuer's certificate, upper-case hex.",
        as_hex=True,
    ),
    _leaf_row(
        "cert_fingerprint_sha256",
        "fingerprint_sha256",
        "SHA-256 of the certificate (DER), 64 lower-case hex digits.",
        as_hex=True,
    ),
    _leaf_row(
        "cert_fingerprint_sha1",
        "fingerprint_sha1",
        "SHA-1 of the certificate (DER), 40 lower-case hex digits.",
        as_hex=True,
    ),
    _leaf_row("cert_not_before", "not_before", "Start of validity, `Mar 21 13:35:00 2022 GMT`."),
    _leaf_row("cert_not_after", "not_after", "End of validity, `Mar 21 13:35:00 2023 GMT`."),
    _leaf_row("cert_ski", "ski", "Subject key identifier, upper-case hex.", as_hex=True),
    _issuer_row(
        "cert_issuer_ski",
        "ski",
        "Subject key identifier of the issuer, upper-case hex.",
        as_hex=True,
    ),
    _row(
        "cert_rfc9440",
        Bytes,
        lambda v: (_rfc9440(v) or "").encode(),
        "The certificate as an RFC 9440 `Client-Cert` value; empty beyond 10 KiB.",
        _LEAF,
    ),
    _row(
        "cert_rfc9440_too_large",
        Bool,
        lambda v: _rfc9440(v) is None,
        "That value is beyond 10 KiB.",
    ),
    _row(
        "cert_chain_rfc9440",
        Bytes,
        lambda v: (_chain_rfc9440(v) or "").encode(),
        "The intermediates as sent, RFC 9440 `Client-Cert-Chain`; empty beyond 16 KiB.",
        "`Chain` of `x-forwarded-client-cert`; `source.certificate` has the leaf only",
    ),
    _row(
        "cert_chain_rfc9440_too_large",
        Bool,
        lambda v: _chain_rfc9440(v) is None,
        "That value is beyond 16 KiB.",
    ),
)
