# SPDX-License-Identifier: Apache-2.0
"""A certificate as the lints see it: its parts in their own bytes, and the certificates above it.

Read with our own reader (authz/certs/der.py), not with what wrote it, and without refusing what a
lint is there to find (a negative serial number, an extension that is there twice). RFC 5280 §4.1.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.certs import der
from authz.certs.names import Attribute, parse_name

if TYPE_CHECKING:
    from collections.abc import Sequence

BASIC_CONSTRAINTS: Final = "2.5.29.19"
KEY_USAGE: Final = "2.5.29.15"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"
ALTERNATIVE_NAME: Final = "2.5.29.17"
NAME_CONSTRAINTS: Final = "2.5.29.30"
SUBJECT_KEY_ID: Final = "2.5.29.14"
AUTHORITY_KEY_ID: Final = "2.5.29.35"
CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
AUTHORITY_INFORMATION_ACCESS: Final = "1.3.6.1.5.5.7.1.1"
OCSP_NO_CHECK: Final = "1.3.6.1.5.5.7.48.1.5"

UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
_TIME: Final = "%Y%m%d%H%M%SZ"

# Tags of general names (RFC 5280 §4.2.1.6).
MAIL: Final = 0x81
DNS: Final = 0x82
URI: Final = 0x86
ADDRESS: Final = 0x87


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """One extension: `value` is the DER inside its OCTET STRING."""

    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A Time: its type, its text, and Unix seconds if the text is RFC 5280's form."""

    tag: int
    text: str
    at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    """The parts of one certificate; `issuer` is the one above, None when it signs itself."""

    version: int
    serial: bytes
    inner_algorithm: bytes
    outer_algorithm: bytes
    issuer_name: bytes
    not_before: Moment
    not_after: Moment
    subject: bytes
    spki: bytes
    extensions: tuple[Extension, ...]
    issuer: CertificateView | None = None

    def extension(self, oid: str) -> Extension | None:
        """The first extension of this kind, or None."""
        return next((one for one in self.extensions if one.oid == oid), None)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The attributes of the subject."""
        return parse_name(self.subject)

    @property
    def is_ca(self) -> bool:
        """Whether the basic constraints say so."""
        return self.basic_constraints[0]

    @property
    def basic_constraints(self) -> tuple[bool, int | None]:
        """CA or not, and the path length."""
        extension = self.extension(BASIC_CONSTRAINTS)
        parts = _parts(extension)
        is_ca = bool(parts) and parts[0].tag == 0x01
        numbers = [part.content for part in parts if part.tag == der.INTEGER]
        return is_ca, int.from_bytes(numbers[0]) if numbers else None

    @property
    def key_usage(self) -> frozenset[int]:
        """The bits that are set."""
        extension = self.extension(KEY_USAGE)
        if extension is None:
            return frozenset()
        bits = der.read(extension.value)[0].content[1:]
        return frozenset(
            index for index in range(8 * len(bits)) if bits[index // 8] & 0x80 >> index % 8
        )

    @property
    def extended_key_usage(self) -> tuple[str, ...]:
        """The purposes."""
        return tuple(
            der.oid_text(part.content) for part in _parts(self.extension(EXTENDED_KEY_USAGE))
        )

    @property
    def subject_key_id(self) -> bytes | None:
        """The subject key identifier."""
        extension = self.extension(SUBJECT_KEY_ID)
        return None if extension is None else der.read(extension.value)[0].content

    @property
    def authority_key_id(self) -> bytes | None:
        """The key identifier in the authority key identifier."""
        parts = _parts(self.extension(AUTHORITY_KEY_ID))
        return next((part.content for part in parts if part.tag == 0x80), None)

    @property
    def alternative_names(self) -> tuple[tuple[int, bytes], ...]:
        """The subject alternative names: tag and content."""
        return tuple((part.tag, part.content) for part in _parts(self.extension(ALTERNATIVE_NAME)))

    @property
    def distribution_urls(self) -> tuple[tuple[int, bytes], ...]:
        """The general names in the CRL distribution points: tag and content."""
        return distribution_names(self.extension(CRL_DISTRIBUTION_POINTS))

    @property
    def access_urls(self) -> tuple[tuple[int, bytes], ...]:
        """The general names in the authority information access: tag and content."""
        found = []
        for access in _parts(self.extension(AUTHORITY_INFORMATION_ACCESS)):
            _, name = der.children(access.content)
            found.append((name.tag, name.content))
        return tuple(found)


def distribution_names(extension: Extension | None) -> tuple[tuple[int, bytes], ...]:
    """The full names of distribution points (RFC 5280 §4.2.1.13): tag and content."""
    return tuple(
        (name.tag, name.content)
        for point in _parts(extension)
        for field in der.children(point.content)
        for kind in der.children(field.content)
        for name in der.children(kind.content)
    )


def view_certificate(
    data: bytes, issuer: bytes | None = None, chain: Sequence[bytes] = ()
) -> CertificateView:
    """The view of a certificate, of its issuer, and of those above the issuer (all in DER).

    Raises:
        MalformedCertificateError: it is not shaped like one.
    """
    outer = der.children(der.expect(der.read(data)[0], der.SEQUENCE).content)
    tbs, algorithm, _ = outer
    parts = der.children(tbs.content)
    version = 1
    if parts[0].tag == 0xA0:
        version = int.from_bytes(der.read(parts.pop(0).content)[0].content) + 1
    serial, inner, issuer_name, validity, subject, spki, *rest = parts
    not_before, not_after = der.children(validity.content)
    return CertificateView(
        version=version,
        serial=serial.content,
        inner_algorithm=inner.raw,
        outer_algorithm=algorithm.raw,
        issuer_name=issuer_name.raw,
        not_before=moment(not_before),
        not_after=moment(not_after),
        subject=subject.raw,
        spki=spki.raw,
        extensions=extensions(rest[0].content) if rest else (),
        issuer=(
            None if issuer is None else view_certificate(issuer, next(iter(chain), None), chain[1:])
        ),
    )


def extensions(content: bytes) -> tuple[Extension, ...]:
    """The extensions of an Extensions element."""
    found = []
    for element in der.children(der.read(content)[0].content):
        oid, *critical, value = der.children(element.content)
        found.append(
            Extension(
                oid=der.oid_text(oid.content),
                critical=bool(critical) and critical[0].content != b"\x00",
                value=value.content,
            )
        )
    return tuple(found)


def moment(element: der.Element) -> Moment:
    """A Time as it is written."""
    text = whole = element.content.decode("latin-1")
    if element.tag == UTC_TIME:
        # RFC 5280 §4.1.2.5.1: two digits from 50 are of the twentieth century.
        whole = ("19" if text[:2] >= "50" else "20") + text
    try:
        parsed = datetime.datetime.strptime(whole, _TIME).replace(tzinfo=datetime.UTC)
    except ValueError:
        return Moment(tag=element.tag, text=text, at=None)
    exact = f"{parsed:{_TIME}}" == whole and element.tag in (UTC_TIME, GENERALIZED_TIME)
    return Moment(tag=element.tag, text=text, at=parsed.timestamp() if exact else None)


def _parts(extension: Extension | None) -> list[der.Element]:
    if extension is None:
        return []
    return der.children(der.read(extension.value)[0].content)
