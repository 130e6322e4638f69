# SPDX-License-Identifier: Apache-2.0
"""decode_base64 and url_decode.

What is not valid stays visible: `url_decode` leaves broken escapes as they are, `decode_base64` of
something that is not Base64 is missing, so every comparison with it is false.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Final

from authz.rules.functions.model import (
    ArgumentError,
    ArgumentKind,
    Function,
    LiteralValue,
    Parameter,
    plain,
)
from authz.rules.types import Bytes

if TYPE_CHECKING:
    from authz.rules.functions.model import Implementation

_PERCENT: Final = 0x25
_PLUS: Final = 0x2B
_SPACE: Final = 0x20
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_URL_OPTIONS: Final = frozenset((b"r", b"u", b"ur", b"ru"))
_ESCAPE_OR_UNICODE: Final = re.compile(rb"%(?:([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")


def _decode_base64(text: bytes) -> bytes | None:
    if not _BASE64.fullmatch(text):
        return None
    bare = text.rstrip(b"=")
    try:
        # Padding is optional: tokens in headers usually go without.
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    except binascii.Error:
        return None


def _unicode(digits: bytes) -> bytes | None:
    """UTF-8 of a %uHHHH escape, or None for half a surrogate pair."""
    point = int(digits, 16)
    return None if 0xD800 <= point <= 0xDFFF else chr(point).encode()


def _decoded(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes((int(match[1], 16),))
    encoded = _unicode(match[2])
    return match[0] if encoded is None else encoded


def _decode_once(text: bytes) -> bytes:
    return _ESCAPE.sub(_decoded, text.replace(b"+", b" "))


def _decode_once_unicode(text: bytes) -> bytes:
    return _ESCAPE_OR_UNICODE.sub(_decoded, text.replace(b"+", b" "))


def _decode_fully(text: bytes, *, unicode: bool) -> bytes:
    """Decode until nothing is left to decode, in one pass.

    Decoding again and again would take quadratic time on "%25252525…". Escapes never overlap, so
    decoding them in any order ends in the same text; this one decodes as soon as an escape is
    complete at the end of what was written.
    """
    if b"%" not in text:
        return text.replace(b"+", b" ")
    out = bytearray()
    pending = bytearray(reversed(text))
    while pending:
        byte = pending.pop()
        out.append(_SPACE if byte == _PLUS else byte)
        if byte not in _HEX or len(out) < 3:
            continue
        if out[-3] == _PERCENT and out[-2] in _HEX:
            pending.append(int(out[-2:], 16))
            del out[-3:]
        elif unicode and out[-6:-4] == b"%u" and _HEX.issuperset(out[-4:]):
            encoded = _unicode(bytes(out[-4:]))
            if encoded is not None:
                pending.extend(reversed(encoded))
                del out[-6:]
    return bytes(out)


def _bind_url_decode(literals: tuple[LiteralValue | None, ...]) -> Implementation:
    options = literals[1] if len(literals) > 1 else b""
    if len(literals) > 1 and options not in _URL_OPTIONS:
        raise ArgumentError(
            1,
            "unknown option of url_decode",
            'the options are "r" (decode repeatedly), "u" (%uHHHH as well) and "ur"',
        )
    assert isinstance(options, bytes)  # All of _URL_OPTIONS are.
    unicode = b"u" in options
    if b"r" in options:
        return lambda text, *_: _decode_fully(text, unicode=unicode)
    if unicode:
        return lambda text, *_: _decode_once_unicode(text)
    return lambda text, *_: _decode_once(text)


DECODE_BASE64: Final = Function(
    name="decode_base64",
    parameters=(Parameter(name="source", accepts=(Bytes,), kind=ArgumentKind.NOT_LITERAL),),
    returns=Bytes,
    bind=plain(_decode_base64),
    may_be_missing=True,
    doc="The decoded bytes; missing if the source is not standard Base64.",
    limits="Padding may be left out; the URL-safe alphabet is not decoded.",
)
URL_DECODE: Final = Function(
    name="url_decode",
    parameters=(Parameter(name="source", accepts=(Bytes,), kind=ArgumentKind.NOT_LITERAL),),
    optional=(Parameter(name="options", accepts=(Bytes,), kind=ArgumentKind.LITERAL),),
    returns=Bytes,
    bind=_bind_url_decode,
    doc='%XX and + decoded; options "r" decodes repeatedly, "u" also decodes %uHHHH to UTF-8.',
    limits="What is no escape stays as it is; half a surrogate pair stays, too.",
)
