# SPDX-License-Identifier: Apache-2.0
"""DER, written: the few forms that certificates, CRLs and OCSP answers are made of.

Reading is authz/certs/der.py. X.690 §8 and §10 (definite lengths, the shortest form).
"""

from __future__ import annotations

import datetime
from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
NULL: Final = b"\x05\x00"
TRUE: Final = b"\x01\x01\xff"

#: RFC 5280 §4.1.2.5: dates through 2049 are UTCTime, later ones GeneralizedTime.
_FIRST_GENERALIZED_YEAR: Final = 2050
#: 9999-12-31T23:59:59Z, the last moment that can be written (and RFC 5280's "no expiry").
LAST_MOMENT: Final = 253402300799


def tlv(tag: int, *contents: bytes) -> bytes:
    """One element with this tag, its contents joined."""
    body = contents[0] if len(contents) == 1 else b"".join(contents)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size) + body


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(SEQUENCE, *contents)


def explicit(number: int, *contents: bytes) -> bytes:
    """The constructed, context-specific element [number]."""
    return tlv(0xA0 | number, *contents)


def integer(value: int) -> bytes:
    """An INTEGER, in two's complement as short as it can be (X.690 §8.3)."""
    return tlv(0x02, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, signed=True))


def enumerated(value: int) -> bytes:
    """An ENUMERATED of one octet."""
    return bytes((0x0A, 1, value))


def octet_string(content: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(0x04, content)


def bit_string(content: bytes, *, unused: int = 0) -> bytes:
    """A BIT STRING whose last `unused` bits do not count."""
    return tlv(0x03, bytes((unused,)), content)


def named_bits(*bits: int) -> bytes:
    """A BIT STRING of a named bit list: these bits, no trailing zeros (X.690 §11.2.2)."""
    last = max(bits)
    value = sum(1 << (last - bit) for bit in bits)
    unused = 7 - last % 8
    return bit_string((value << unused).to_bytes(last // 8 + 1), unused=unused)


def oid(text: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form (X.690 §8.19)."""
    first, second, *arcs = map(int, text.split("."))
    content = bytearray()
    for arc in (40 * first + second, *arcs):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return tlv(0x06, bytes(content))


def utf8_string(text: str) -> bytes:
    """A UTF8String."""
    return tlv(0x0C, text.encode())


def printable_string(text: str) -> bytes:
    """A PrintableString; the caller knows that its characters are allowed."""
    return tlv(0x13, text.encode("ascii"))


def time(at: float) -> bytes:
    """A Time as certificates and CRLs have it, whole seconds (RFC 5280 §4.1.2.5)."""
    moment = _moment(at)
    if moment.year < _FIRST_GENERALIZED_YEAR:
        return tlv(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())
    return generalized_time(at)


def generalized_time(at: float) -> bytes:
    """A GeneralizedTime without fractions, as OCSP has it throughout (RFC 5280 §4.1.2.5.2)."""
    return tlv(0x18, f"{_moment(at):%Y%m%d%H%M%SZ}".encode())


def _moment(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(at), datetime.UTC)
