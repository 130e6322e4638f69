# SPDX-License-Identifier: Apache-2.0
"""Our own fields, `authz.*`: what Cloudflare has no name for. Metadata is in fields_metadata.

The facts of a certificate are those of whatever was presented: only a rule that also asks for
`cf.tls_client_auth.cert_verified` may believe them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.policy.catalogue import STRINGS, Entry, Producer, entry
from authz.rules import Array, Bytes, Int, Ip

if TYPE_CHECKING:
    from authz.policy.values import RequestValues
    from authz.rules import Value

_LEAF = "the certificate as presented, verified or not"


def _names(kind: str) -> Producer:
    def produce(values: RequestValues) -> Value:
        certificate = values.client.certificate
        if certificate is None:
            return ()
        # A general name is IA5String; what is none shows its bytes rather than raising.
        names: tuple[str, ...] = getattr(certificate, kind)
        return tuple(name.encode("utf-8", "surrogatepass") for name in names)

    return produce


CATALOGUE: tuple[Entry, ...] = (
    entry(
        "authz.cert.failure",
        Bytes,
        lambda v: (v.client.failure or "").encode(),
        "Why the certificate is not verified; empty if it is.",
        "our own verification; the words are those of the metric and the log",
    ),
    entry(
        "authz.cert.san.dns",
        STRINGS,
        _names("san_dns"),
        "Host names among the subject alternative names, as the certificate has them.",
        _LEAF,
    ),
    entry(
        "authz.cert.san.uri",
        STRINGS,
        _names("san_uri"),
        "URIs among the subject alternative names (SPIFFE IDs), as the certificate has them.",
        _LEAF,
    ),
    entry(
        "authz.cert.san.email",
        STRINGS,
        _names("san_email"),
        "Mail addresses among the subject alternative names, as the certificate has them.",
        _LEAF,
    ),
    entry(
        "authz.cert.san.ip",
        Array(Ip),
        lambda v: () if v.client.certificate is None else v.client.certificate.san_ip,
        "IP addresses among the subject alternative names.",
        _LEAF,
    ),
    entry(
        "authz.cert.spki_sha256",
        Bytes,
        lambda v: (
            b"" if v.client.certificate is None else v.client.certificate.spki_sha256.encode()
        ),
        "SHA-256 of the public key (SubjectPublicKeyInfo in DER), 64 lower-case hex digits: the "
        "same for a renewed certificate with the same key.",
        _LEAF,
        as_hex=True,
    ),
    entry(
        "authz.tls.sni",
        Bytes,
        lambda v: (v.facts.sni or "").encode(),
        "Server name of the TLS handshake.",
        "`tls_session.sni`; needs `include_tls_session: true`",
    ),
    entry("authz.site", Bytes, lambda v: v.site.encode(), "Name of the site that answers."),
    entry(
        "authz.peer.port",
        Int,
        lambda v: v.facts.peer_port,
        "Source port of the TCP peer.",
        "`source.address`",
    ),
)
