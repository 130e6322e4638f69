# SPDX-License-Identifier: Apache-2.0
"""Just enough DER to find the pieces of a certificate in their original bytes.

cryptography parses and validates; this finds what it does not give out unchanged: the raw names
(compared byte for byte and printed as OpenSSL prints them), the raw key, the serial number as it
is. X.690 definite lengths, single-byte tags; anything else is malformed. RFC 5280 §4.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from authz.errors import MalformedCertificateError

SEQUENCE = 0x30
SET = 0x31
INTEGER = 0x02
BIT_STRING = 0x03
NULL = b"\x05\x00"
OID = 0x06
_VERSION = 0xA0  # [0] EXPLICIT

#: No object identifier of ours is longer; a hostile one is refused instead of spelled out.
MAX_OID_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One TLV: its tag, its content and all of its bytes."""

    tag: int
    content: bytes
    raw: bytes


def read(data: bytes, offset: int = 0) -> tuple[Element, int]:
    """The element at `offset` and the offset after it.

    Raises:
        MalformedCertificateError: it is cut short or not DER.
    """
    tag, start, end = span(data, offset)
    return Element(tag=tag, content=data[start:end], raw=data[offset:end]), end


def span(data: bytes, offset: int) -> tuple[int, int, int]:
    """The tag of the element at `offset`, and where its content begins and ends; copies nothing.

    Raises:
        MalformedCertificateError: it is cut short or not DER.
    """
    try:
        tag, length = data[offset], data[offset + 1]
    except IndexError:
        raise malformed("is cut short") from None
    start = offset + 2
    if tag & 0x1F == 0x1F:
        raise malformed("has a tag of several bytes")
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > len(data):
            raise malformed("has a length that is not DER")
        length = int.from_bytes(data[start : start + size])
        start += size
    end = start + length
    if end > len(data):
        raise malformed("is cut short")
    return tag, start, end


def children(content: bytes) -> list[Element]:
    """All elements of a constructed element's content, which they must fill exactly."""
    offset, elements = 0, []
    while offset < len(content):
        element, offset = read(content, offset)
        elements.append(element)
    return elements


def expect(element: Element, tag: int) -> Element:
    """The element itself if it has this tag.

    Raises:
        MalformedCertificateError: it has another one.
    """
    if element.tag != tag:
        raise malformed(f"has tag {element.tag:#04x} where {tag:#04x} belongs")
    return element


def oid_text(content: bytes) -> str:
    """An object identifier's content in dotted form (X.690 §8.19).

    Raises:
        MalformedCertificateError: it is not an object identifier.
    """
    if not content or len(content) > MAX_OID_BYTES or content[-1] & 0x80:
        raise malformed("has a broken object identifier")
    arcs: list[int] = []
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Where the pieces of a certificate are, each in its original bytes."""

    version: int
    serial: int
    signature_algorithm: bytes
    issuer: bytes
    subject: bytes
    spki: bytes


def outline(data: bytes) -> Outline:
    """The pieces of one DER certificate that fills `data`.

    Raises:
        MalformedCertificateError: it is not shaped like one.
    """
    certificate, end = read(data)
    if end != len(data):
        raise malformed("is followed by other bytes")
    outer = children(expect(certificate, SEQUENCE).content)
    if len(outer) != 3:
        raise malformed("does not have three parts")
    parts = children(expect(outer[0], SEQUENCE).content)
    version = 1
    if parts and parts[0].tag == _VERSION:
        number = expect(read(parts.pop(0).content)[0], INTEGER).content
        version = int.from_bytes(number, signed=True) + 1
    if len(parts) < 6:
        raise malformed("lacks some of its fields")
    serial, _, issuer, _, subject, spki = parts[:6]
    return Outline(
        version=version,
        serial=int.from_bytes(expect(serial, INTEGER).content, signed=True),
        signature_algorithm=expect(outer[1], SEQUENCE).raw,
        issuer=expect(issuer, SEQUENCE).raw,
        subject=expect(subject, SEQUENCE).raw,
        spki=expect(spki, SEQUENCE).raw,
    )


def malformed(what: str) -> MalformedCertificateError:
    """The error that says so, of the certificate being read."""
    return MalformedCertificateError(f"the certificate {what}")
