# SPDX-License-Identifier: Apache-2.0
"""The certificate headers an allowed request carries upstream, and those taken off it.

Two families: Cloudflare's 17 `cf-cert-*` (Managed Transform "Add TLS client auth headers") and
`client-cert`, `client-cert-chain` (RFC 9440). They are set only for a verified client that is not
revoked (architecture 4.4); everything of both families that is not set is removed, because a copy
in the request would be the client's own invention.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard
from urllib.parse import quote

from authz.certs.rfc9440 import client_cert, client_cert_chain
from authz.rules.regex import compile_regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.certs.certificate import Certificate
    from authz.extauthz.decode import DecodedRequest
    from authz.policy.client import Client

CF_CERT: Final = "cf-cert"
CLIENT_CERT: Final = "client-cert"

CF_CERT_HEADERS: Final = (
    "cf-cert-presented",
    "cf-cert-verified",
    "cf-cert-revoked",
    "cf-cert-issuer-dn",
    "cf-cert-subject-dn",
    "cf-cert-issuer-dn-rfc2253",
    "cf-cert-subject-dn-rfc2253",
    "cf-cert-issuer-dn-legacy",
    "cf-cert-subject-dn-legacy",
    "cf-cert-serial",
    "cf-cert-issuer-serial",
    "cf-cert-fingerprint-sha256",
    "cf-cert-fingerprint-sha1",
    "cf-cert-not-before",
    "cf-cert-not-after",
    "cf-cert-ski",
    "cf-cert-issuer-ski",
)
RFC9440_HEADERS: Final = ("client-cert", "client-cert-chain")
XFCC_HEADER: Final = "x-forwarded-client-cert"

#: A longer value is dropped: a name of that size is an attack on the upstream's header limit.
MAX_VALUE_BYTES: Final = 4096

# Visible ASCII and space, without "%": that one marks what was encoded, so it is encoded itself.
_SAFE: Final = "".join(chr(c) for c in range(0x20, 0x7F) if c != 0x25)

Headers = tuple[tuple[str, str], ...]

_PROTECTED: Final = frozenset(
    name.encode() for name in (*CF_CERT_HEADERS, *RFC9440_HEADERS, XFCC_HEADER)
)


# Where the first key of a serialised header map begins: behind the tag and the length of its line
# and its own tag and length; a line's length may take a second byte.
_KEY: Final = 4
_COLON: Final = 0x3A
_ONE_BYTE: Final = 0x80
_METHOD: Final = b"\n\x07:method"
# Upstreams that make variables of header names fold what is no letter and no digit.
_FOLDED: Final = bytes(code if chr(code).isalnum() and code < 0x80 else 0x2D for code in range(256))
# Every protected name, and what looks like one, has these letters. Envoy writes names in lower
# case, others need not. On 800 bytes this engine takes half of what `re` does for lower case alone,
# and a twentieth of what it does for both (measured).
_has_protected: Final = compile_regex("(?i)cert").is_match


def nothing_to_remove(header_maps: Sequence[bytes]) -> bool:
    """True when a serialised header map shows all headers and none that has to be taken off.

    `header_maps` are the pieces of a view's: one, unless somebody else than Envoy wrote it. False
    says nothing: `removals` looks at the names.
    """
    if len(header_maps) != 1:
        return False
    header_map = header_maps[0]
    return shows_all(header_map) and not _has_protected(header_map)


def shows_all(header_map: bytes) -> bool:
    """True when a serialised header map begins with a pseudo header and has the method.

    Envoy keeps pseudo headers before all others, and shows them unless `allowed_headers` makes it
    choose. False for a first line of 16 KiB and more.
    """
    if len(header_map) <= _KEY + 1:
        return False
    # The length of a line, and so where its key begins, takes one byte or two (protobuf varints):
    # the byte before the key is the key's length, which may be the code of a colon.
    if header_map[1] < _ONE_BYTE:
        key = _KEY
    elif header_map[2] < _ONE_BYTE:
        key = _KEY + 1
    else:
        return False
    return header_map[key] == _COLON and _METHOD in header_map


def removals(facts: DecodedRequest, client: Client | None) -> tuple[str, ...]:
    """The names of the request's headers that the upstream must not see.

    Envoy shows the pseudo headers with the others unless `allowed_headers` makes it choose; then
    names that we cannot see may be there, and every name has to be taken off.

    Some upstreams cannot tell two names apart: CGI and WSGI write both `cf-cert-verified` and
    `cf_cert_verified` as HTTP_CF_CERT_VERIFIED. The shipped listener refuses underscores; not
    every listener does.
    """
    pieces = facts.view.header_map
    if len(pieces) > 1:
        # Nothing that Envoy writes: whatever it shows, no name is let through.
        shown, complete = b"", False
    elif pieces and pieces[0]:
        shown = pieces[0]
        complete = shows_all(shown)
    else:
        shown = b"".join(facts.view.headers)
        # Keys behind their tag and length. No header value has a line feed, so no client can
        # pretend.
        complete = _METHOD in shown and b"\n\x05:path" in shown
    if complete and not _has_protected(shown):
        return ()
    found = {name for name, _ in facts.headers if name.translate(_FOLDED) in _PROTECTED}
    if not complete:
        found |= _PROTECTED
    if is_believed(client):
        # Envoy wrote it, or a proxy it trusts.
        found.discard(XFCC_HEADER.encode())
    return tuple(sorted(name.decode() for name in found))


def is_believed(client: Client | None) -> TypeGuard[Client]:
    """Whether the upstream is told who the client is (architecture 4.4)."""
    return (
        client is not None
        and client.verified
        and not client.revoked
        and client.certificate is not None
    )


def upstream_headers(
    client: Client | None, families: frozenset[str]
) -> tuple[Headers, tuple[str, ...]]:
    """`(to set, to remove)`. No name is in both: Envoy removes after setting."""
    if not is_believed(client) or client.certificate is None:
        return (), (*CF_CERT_HEADERS, *RFC9440_HEADERS, XFCC_HEADER)
    headers: list[tuple[str, str]] = []
    if CF_CERT in families:
        headers += _cf_cert(client.certificate, client.issuer)
    if CLIENT_CERT in families:
        headers += _rfc9440(client.certificate, client.judgement.sent_chain)
    names = {name for name, _ in headers}
    removed = (name for name in (*CF_CERT_HEADERS, *RFC9440_HEADERS) if name not in names)
    return tuple(headers), tuple(removed)


def _cf_cert(leaf: Certificate, issuer: Certificate | None) -> list[tuple[str, str]]:
    # The same values as the cf.tls_client_auth fields: the issuer's come from the verified path.
    values = (
        "true",
        "true",
        "false",
        issuer.subject_dn if issuer else "",
        leaf.subject_dn,
        issuer.subject_dn_rfc2253 if issuer else "",
        leaf.subject_dn_rfc2253,
        issuer.subject_dn_legacy if issuer else "",
        leaf.subject_dn_legacy,
        leaf.serial,
        issuer.serial if issuer else "",
        leaf.fingerprint_sha256,
        leaf.fingerprint_sha1,
        leaf.not_before,
        leaf.not_after,
        leaf.ski,
        issuer.ski if issuer else "",
    )
    safe = zip(CF_CERT_HEADERS, map(header_value, values), strict=True)
    # Envoy leaves out a header that is set to nothing, so an empty one is removed instead.
    return [(name, value) for name, value in safe if value]


def _rfc9440(leaf: Certificate, chain: tuple[bytes, ...]) -> list[tuple[str, str]]:
    # Base64 between colons: nothing to encode. None is too large, "" means none was sent.
    values = (client_cert(leaf.der), client_cert_chain(chain))
    return [(name, value) for name, value in zip(RFC9440_HEADERS, values, strict=True) if value]


def header_value(value: str) -> str:
    """`value` as a header can carry it: percent-encoded where needed, `""` when too long.

    Control bytes, bytes beyond ASCII (as UTF-8) and "%" itself become %XX, and so does a space at
    either end, which HTTP would strip (RFC 9110 5.5): a name from a certificate can neither end
    the header nor be mistaken for another one.
    """
    if value.isascii() and value.isprintable() and "%" not in value and value == value.strip():
        safe = value
    else:
        safe = quote(value, safe=_SAFE, errors="surrogatepass")
        stripped = safe.strip(" ")
        leading = len(safe) - len(safe.lstrip(" "))
        safe = f"{'%20' * leading}{stripped}{'%20' * (len(safe) - leading - len(stripped))}"
    return safe if len(safe) <= MAX_VALUE_BYTES else ""
