# SPDX-License-Identifier: Apache-2.0
"""A CRL as the lints see it. RFC 5280 §5.1. Of a million entries nothing is copied but numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from authz.ca.lints.view import (
    CertificateView,
    Extension,
    Moment,
    extensions,
    moment,
    view_certificate,
)
from authz.certs import der
from authz.certs.crl_entries import read_entries

_TIMES: Final = (0x17, 0x18)
#: An entry's extensions that are one reason, unspecified (0).
_UNSPECIFIED: Final = bytes.fromhex("300c300a0603551d1504030a0100")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlView:
    """The parts of a CRL; `issuer` is the certificate whose CRL it is to be."""

    version: int
    inner_algorithm: bytes
    outer_algorithm: bytes
    issuer_name: bytes
    this_update: Moment
    next_update: Moment | None
    revoked: tuple[int, ...]
    removed: tuple[int, ...]
    says_unspecified: bool
    extensions: tuple[Extension, ...]
    issuer: CertificateView

    def extension(self, oid: str) -> Extension | None:
        """The first extension of this kind, or None."""
        return next((one for one in self.extensions if one.oid == oid), None)

    def number(self, oid: str) -> int | None:
        """The number in an extension that is one: the CRL's own, or that of its base."""
        extension = self.extension(oid)
        if extension is None:
            return None
        return int.from_bytes(der.read(extension.value)[0].content, signed=True)


def view_crl(data: bytes, issuer: bytes) -> CrlView:
    """The view of a CRL and of its issuer's certificate (both in DER).

    Raises:
        MalformedCertificateError: it is not shaped like a CRL, or an entry cannot be read.
    """
    _, tbs, _ = der.span(data, 0)
    _, position, end = der.span(data, tbs)
    outer_algorithm, _ = der.read(data, end)
    version, says_unspecified = 1, False
    times: list[Moment] = []
    head: list[der.Element] = []
    found: tuple[Extension, ...] = ()
    while position < end:
        tag, start, after = der.span(data, position)
        if tag == der.SEQUENCE and times:
            says_unspecified = data.find(_UNSPECIFIED, start, after) >= 0
        elif tag == der.INTEGER:
            version = int.from_bytes(data[start:after]) + 1
        elif tag in _TIMES:
            times.append(moment(der.read(data, position)[0]))
        elif tag == der.SEQUENCE:
            head.append(der.read(data, position)[0])
        else:
            found = extensions(data[start:after])
        position = after
    inner, name = head
    revoked, removed = read_entries(data, "the CRL to be signed")
    return CrlView(
        version=version,
        inner_algorithm=inner.raw,
        outer_algorithm=outer_algorithm.raw,
        issuer_name=name.raw,
        this_update=times[0],
        next_update=times[1] if len(times) > 1 else None,
        revoked=tuple(revoked),
        removed=tuple(removed),
        says_unspecified=says_unspecified,
        extensions=found,
        issuer=view_certificate(issuer),
    )
