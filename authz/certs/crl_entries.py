# SPDX-License-Identifier: Apache-2.0
"""The entries of a CRL, walked in its bytes: a million of them in half a second.

cryptography makes five objects of every entry, which takes seconds and as many hundred megabytes.
It has parsed the CRL before this is asked, so the entries have the shape that RFC 5280 §5.1 gives
them; what their extensions say is read here (§5.3).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.certs import der as der_reader
from authz.errors import MalformedCertificateError, UnsupportedCertificateError

if TYPE_CHECKING:
    from collections.abc import Iterator

_REASON: Final = bytes.fromhex("0603551d15")
_INVALIDITY_DATE: Final = bytes.fromhex("0603551d18")
_CERTIFICATE_ISSUER: Final = bytes.fromhex("0603551d1d")
_ENUMERATED: Final = 0x0A
_TIMES: Final = (0x17, 0x18)
# RFC 5280 §5.3.2: a GeneralizedTime.
_MOMENT: Final = re.compile(rb"\x18\x0f[0-9]{14}Z")

#: RFC 5280 §5.3.1; 7 is not used.
_REASONS: Final = frozenset({0, 1, 2, 3, 4, 5, 6, 8, 9, 10})
_REMOVE_FROM_CRL: Final = 8

# An entry after its serial number: a UTCTime or GeneralizedTime, and perhaps one reason.
_PLAIN: Final = (15, 17)
_WITH_REASON: Final = (29, 31)
_ONE_REASON: Final = bytes.fromhex("300c300a0603551d1504030a01")


def signed_part(crl: bytes) -> bytes:
    """The bytes that are signed."""
    _, start, _ = der_reader.span(crl, 0)
    _, _, end = der_reader.span(crl, start)
    return crl[start:end]


def read_entries(crl: bytes, where: str) -> tuple[list[int], list[int]]:
    """The serial numbers that a CRL revokes, and those that a delta takes away.

    Raises:
        MalformedCertificateError: an entry cannot be read.
        UnsupportedCertificateError: an entry has an extension that cannot be left out of account.
    """
    revoked: list[int] = []
    removed: list[int] = []
    position, end = _entries(crl)
    try:
        position = _read(crl, position, end, revoked, removed, where)
    except IndexError:
        raise _unreadable(where) from None
    if position != end:
        raise _unreadable(where)
    return revoked, removed


def _read(
    crl: bytes, position: int, end: int, revoked: list[int], removed: list[int], where: str
) -> int:
    """Read all entries; where the last one ends, which may be beyond `end`."""
    number = int.from_bytes
    while position < end:
        length, size = crl[position + 1], crl[position + 3]
        serial = position + 4
        rest = length - size - 2
        if length < 0x80 and rest in _PLAIN:
            revoked.append(number(crl[serial : serial + size], signed=True))
            position += 2 + length
            continue
        stop = position + 2 + length
        if length < 0x80 and rest in _WITH_REASON and crl[stop - 14 : stop - 1] == _ONE_REASON:
            reason: int | None = crl[stop - 1]
            found = number(crl[serial : serial + size], signed=True)
        else:
            found, reason, stop = _entry(crl, position, where)
        if reason is not None and reason not in _REASONS:
            raise _unreadable(where)
        (removed if reason == _REMOVE_FROM_CRL else revoked).append(found)
        position = stop
    return position


def _entries(crl: bytes) -> tuple[int, int]:
    """Where the entries begin and end."""
    _, start, _ = der_reader.span(crl, 0)
    _, position, end = der_reader.span(crl, start)
    seen: list[int] = []
    while position < end:
        tag, content, after = der_reader.span(crl, position)
        if seen and seen[-1] in _TIMES and tag == der_reader.SEQUENCE:
            return content, after
        seen.append(tag)
        position = after
    return end, end


def _entry(crl: bytes, position: int, where: str) -> tuple[int, int | None, int]:
    """Any entry: its serial number, its reason if it has one, and where the next one begins."""
    try:
        entry, after = der_reader.read(crl, position)
        serial, _, *rest = der_reader.children(entry.content)
        extensions = list(_extensions(rest[0].content)) if rest else []
    except (MalformedCertificateError, ValueError):
        raise _unreadable(where) from None
    reason: int | None = None
    known: set[bytes] = set()
    for oid, critical, value in extensions:
        if oid in known:
            raise _unreadable(where)
        known.add(oid)
        if oid == _REASON:
            reason = _reason(value, where)
        elif oid == _INVALIDITY_DATE:
            if not _MOMENT.fullmatch(value):
                raise _unreadable(where)
        elif critical or oid == _CERTIFICATE_ISSUER:
            raise UnsupportedCertificateError(
                f"an entry has the extension {der_reader.oid_text(oid[2:])}, "
                "which is not supported",
                hint="RFC 5280 §5.3: such a CRL must not be used",
                where=where,
            )
    return int.from_bytes(serial.content, signed=True), reason, after


def _extensions(content: bytes) -> Iterator[tuple[bytes, bool, bytes]]:
    for extension in der_reader.children(content):
        oid, *critical, value = der_reader.children(extension.content)
        yield oid.raw, bool(critical) and critical[0].content != b"\x00", value.content


def _reason(value: bytes, where: str) -> int:
    if len(value) != 3 or value[:2] != bytes((_ENUMERATED, 1)):
        raise _unreadable(where)
    return value[2]


def _unreadable(where: str) -> MalformedCertificateError:
    return MalformedCertificateError(
        "an entry of the CRL cannot be read",
        hint="openssl crl -in FILE -text shows what is in it",
        where=where,
    )
