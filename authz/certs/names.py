# SPDX-License-Identifier: Apache-2.0
"""Distinguished names as text, in the two forms of the rule fields.

`rfc2253` is RFC 2253 as `openssl x509 -nameopt rfc2253` prints it (reversed, comma without space,
everything beyond ASCII escaped); `one_line` is `-nameopt compat`: `/C=US/O=Acme`. Both are total:
any name that parses has a text, so a rule cannot be dodged by an odd encoding. The text is pure
printable ASCII. Comparison of names is not here: names are equal when their bytes are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.certs import der
from authz.certs.attribute_names import SHORT_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_UTF8 = 0x0C
_T61 = 0x14
_UNIVERSAL = 0x1C
_BMP = 0x1E
_GENERAL = 0x1B
#: Types whose bytes are characters: NumericString, PrintableString, T61String, IA5String, the two
#: times and VisibleString. OpenSSL reads T61String as Latin-1, and so must we.
_SINGLE_BYTE = frozenset({0x12, 0x13, _T61, 0x16, 0x17, 0x18, 0x1A})

_ESCAPED = frozenset(b',+"\\<>;')


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of a name. Attributes with the same `rdn` share a multi-valued RDN."""

    rdn: int
    oid: str
    tag: int
    content: bytes
    raw: bytes


def parse_name(raw: bytes) -> tuple[Attribute, ...]:
    """The attributes of a DER Name in its own order.

    Raises:
        MalformedCertificateError: the bytes are not a Name.
    """
    element, _ = der.read(raw)
    attributes: list[Attribute] = []
    for index, rdn in enumerate(der.children(der.expect(element, der.SEQUENCE).content)):
        for pair in der.children(der.expect(rdn, der.SET).content):
            kind, end = der.read(der.expect(pair, der.SEQUENCE).content)
            value, _ = der.read(pair.content, end)
            attributes.append(
                Attribute(
                    rdn=index,
                    oid=der.oid_text(der.expect(kind, der.OID).content),
                    tag=value.tag,
                    content=value.content,
                    raw=value.raw,
                )
            )
    return tuple(attributes)


def value_text(attribute: Attribute) -> str | None:
    """The value as text, or None when it is not a string that can be read."""
    content = _utf8(attribute)
    return None if content is None else content.decode()


def rfc2253(attributes: Sequence[Attribute]) -> str:
    """The name in RFC 2253 form, last RDN first: `CN=alice,O=Acme,C=US`."""
    return _joined(reversed(attributes), "", ",", _rfc2253_value)


def one_line(attributes: Sequence[Attribute]) -> str:
    """The name in OpenSSL's old form, first RDN first: `/C=US/O=Acme/CN=alice`."""
    return _joined(attributes, "/", "/", _one_line_value)


def _joined(
    attributes: Iterable[Attribute], before: str, between: str, value: Callable[[Attribute], str]
) -> str:
    parts: list[str] = []
    previous: int | None = None
    for attribute in attributes:
        if previous is None:
            parts.append(before)
        else:
            parts.append("+" if attribute.rdn == previous else between)
        previous = attribute.rdn
        name = SHORT_NAMES.get(attribute.oid, attribute.oid)
        parts.append(f"{name}={value(attribute)}")
    return "".join(parts)


def _rfc2253_value(attribute: Attribute) -> str:
    # RFC 2253 §2.4: attributes of unknown type and values that are no strings are dumped in hex.
    text = _utf8(attribute) if attribute.oid in SHORT_NAMES else None
    if text is None:
        return f"#{attribute.raw.hex().upper()}"
    last = len(text) - 1
    return "".join(
        _rfc2253_byte(byte, first=index == 0, last=index == last) for index, byte in enumerate(text)
    )


def _rfc2253_byte(byte: int, *, first: bool, last: bool) -> str:
    if byte < 0x20 or byte > 0x7E:
        return f"\\{byte:02X}"
    character = chr(byte)
    if byte in _ESCAPED:
        return f"\\{character}"
    # OpenSSL: of a single character only the last position counts, so "#" alone is not escaped.
    if character == " " and (first or last):
        return "\\ "
    if character == "#" and first and not last:
        return "\\#"
    return character


def _utf8(attribute: Attribute) -> bytes | None:
    """The value in UTF-8, or None when it is not a string that can be read."""
    content = attribute.content
    try:
        if attribute.tag == _UTF8:
            content.decode("utf-8")
            return content
        if attribute.tag in _SINGLE_BYTE:
            return content.decode("latin-1").encode("utf-8")
        if attribute.tag == _BMP:
            return _wide(content, 2)
        if attribute.tag == _UNIVERSAL:
            return _wide(content, 4)
    except (ValueError, OverflowError):
        return None
    return None


def _wide(content: bytes, width: int) -> bytes:
    """UCS-2 or UCS-4 as UTF-8; a surrogate is no character of either and is refused by encode."""
    if len(content) % width:
        raise ValueError("the last character is cut short")
    codes = (int.from_bytes(content[i : i + width]) for i in range(0, len(content), width))
    return "".join([chr(code) for code in codes]).encode("utf-8")


def _one_line_value(attribute: Attribute) -> str:
    content = attribute.content
    if attribute.tag == der.BIT_STRING:
        content = content[1:]
    elif attribute.tag == der.SEQUENCE:
        content = attribute.raw
    elif attribute.tag == _GENERAL and len(content) % 4 == 0 and not _any_high_byte(content):
        content = content[3::4]
    # No `map` here and elsewhere: a StopIteration out of it would be the end of the name.
    return "".join([_one_line_byte(byte) for byte in content])


def _one_line_byte(byte: int) -> str:
    if byte < 0x20 or byte > 0x7E:
        return f"\\x{byte:02X}"
    # OpenSSL 3 escapes what separates attributes; 1.1 and BoringSSL let a CN pretend to be several.
    return f"\\{chr(byte)}" if byte in b"/+" else chr(byte)


def _any_high_byte(content: bytes) -> bool:
    return any(byte for index, byte in enumerate(content) if index % 4 != 3)
