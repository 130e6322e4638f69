# SPDX-License-Identifier: Apache-2.0
"""Which peer certificate counts: Envoy's own word or one XFCC element (architecture 4.5).

Chooses and compares; does not parse XFCC (certs.xfcc) nor judge certificates (certs.judgement).
The source is a setting, never a fallback: with `xfcc`, `source.certificate` only ever serves to
catch a contradiction.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from authz.certs.presented import (
    ABSENT,
    CertificateLimits,
    CertificateSource,
    Presented,
    read_presented,
)
from authz.certs.xfcc import parse_xfcc

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER: Final = b"x-forwarded-client-cert"
_XFCC: Final = CertificateSource.XFCC
_ABSENT_XFCC: Final = Presented(source=_XFCC)
# Whether a certificate is too large is the judgement's business; the message is bounded anyway.
_UNLIMITED: Final = CertificateLimits(certificate_bytes=2**31, chain_length=2**31)


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
    if elements and elements[0].defect:
        return _defect(elements[0].defect)
    if len(elements) < hops:
        return _ABSENT_XFCC
    element = elements[-hops]
    encoded = element.cert or element.chain
    if not encoded:
        return _defect("the XFCC element carries neither Cert nor Chain")
    fingerprint = _fingerprint(encoded)
    if not fingerprint:
        return _defect("the certificate of the XFCC element cannot be read")
    if element.hash and element.hash != fingerprint:
        return _defect("the XFCC Hash is not that of its certificate")
    if hops == 1 and own and _fingerprint(own) != fingerprint:
        return _defect("the XFCC certificate is not that of the connection")
    return Presented(source=_XFCC, certificate=element.cert, chain=element.chain)


def _defect(what: str) -> Presented:
    return Presented(source=_XFCC, defect=what)


def _fingerprint(encoded: str) -> str:
    """SHA-256 (lower-case hex) of the first certificate of URL-encoded PEM; `""` if unreadable.

    Read by the same code that judges it, so that the two cannot mean different certificates.
    """
    # A connection repeats its certificate on every request; what is huge is not worth keeping.
    return _remembered(encoded) if len(encoded) <= _REMEMBERED_LENGTH else _compute(encoded)


def _compute(encoded: str) -> str:
    peer = read_presented(Presented(certificate=encoded), _UNLIMITED)
    return hashlib.sha256(peer.certificate).hexdigest() if peer.certificate else ""


_REMEMBERED_LENGTH: Final = 16 * 1024
_remembered = lru_cache(maxsize=256)(_compute)
