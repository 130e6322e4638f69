# SPDX-License-Identifier: Apache-2.0
"""Which peer certificate counts: Envoy's own word or one XFCC element (architecture 4.5).

Chooses and compares; does not parse XFCC (certs.xfcc) nor judge certificates (certs.judgement).
The source is a setting, never a fallback: with `xfcc`, `source.certificate` only ever serves to
catch a contradiction.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from authz.certs.presented import ABSENT, CertificateSource, Presented
from authz.certs.xfcc import parse_xfcc

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER: Final = b"x-forwarded-client-cert"
_XFCC: Final = CertificateSource.XFCC
_ABSENT_XFCC: Final = Presented(source=_XFCC)


def from_envoy(certificate: str) -> Presented:
    """The certificate of `source.certificate` (URL-encoded PEM), or ABSENT."""
    return Presented(certificate=certificate) if certificate else ABSENT


def from_xfcc(headers: Iterable[tuple[bytes, bytes]], hops: int, own: str) -> Presented:
    """The certificate of the `hops`-th XFCC element from the right.

    Fewer elements mean no certificate; elements further left are somebody else's claims and are
    ignored. `own` is `source.certificate`: for `hops` 1 both describe the same connection, so a
    difference is a defect (the header was not written by our Envoy).
    """
    value = b",".join(value for name, value in headers if name == _HEADER)
    if not value:
        return _ABSENT_XFCC
    elements = parse_xfcc(value)
    if len(elements) < hops:
        return _ABSENT_XFCC
    element = elements[-hops]
    if element.defect:
        return _defect(element.defect)
    encoded = element.cert or element.chain
    if not encoded:
        return _defect("the XFCC element carries neither Cert nor Chain")
    fingerprint = fingerprint_of(encoded)
    if element.hash and element.hash.lower() != fingerprint:
        return _defect("the XFCC Hash is not that of its certificate")
    if hops == 1 and own and fingerprint_of(own) != fingerprint:
        return _defect("the XFCC certificate is not that of the connection")
    return Presented(source=_XFCC, certificate=element.cert, chain=element.chain)


def _defect(what: str) -> Presented:
    return Presented(source=_XFCC, defect=what)


# Pure; remembered because a connection repeats its certificate on every request. 64 entries of at
# most some 64 KiB bound the memory.
@lru_cache(maxsize=64)
def fingerprint_of(encoded: str) -> str:
    """SHA-256 (lower-case hex) of the first certificate in URL-encoded PEM; `""` if there is none.

    Percent-decoding, not form decoding: base64's `+` must stay `+`.
    """
    _, begin, rest = unquote_to_bytes(encoded).partition(b"-----BEGIN CERTIFICATE-----")
    block, end, _ = rest.partition(b"-----END CERTIFICATE-----")
    if not (begin and end):
        return ""
    try:
        return hashlib.sha256(b64decode(block)).hexdigest()
    except ValueError:
        return ""
