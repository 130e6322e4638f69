# SPDX-License-Identifier: Apache-2.0
"""Lexers for texts: quoted and raw strings, byte strings, and the pattern after `matches`.

Quoted strings know `\\"`, `\\\\`, `\\xHH` and `\\OOO` and nothing else (surprise 20); a quoted
pattern follows other rules (surprises 66 and 67). See lexer.py for the common form.
"""

from __future__ import annotations

import re
from typing import Final

from authz.rules.literal_suggestions import hint_for_escape, hint_for_text
from authz.rules.problems import Problem, found, shown

_PLAIN: Final = re.compile(r'[^"\\]*')
_HASHES: Final = re.compile("#*")
_SEPARATOR: Final = ":.-"
# Rust's from_str_radix takes a sign in front: \x+a is the byte 0x0a (surprise 21).
_HEX_BYTE: Final = re.compile(r"\+[0-9A-Fa-f]|[0-9A-Fa-f]{2}")
_OCTAL_BYTE: Final = re.compile("[0-3][0-7]{2}")
_MAX_HASHES: Final = 255
# What a pattern consists of outside and inside a character class, up to the next turning point.
_PATTERN_OUTSIDE: Final = re.compile(r'[^"\\\[]*')
_PATTERN_INSIDE: Final = re.compile(r"[^\\\]]*")


def starts_raw(source: str, at: int, end: int) -> bool:
    """Whether a raw string, and not a name that begins with r, starts here."""
    return source.startswith(('r"', "r#"), at, end)


def lex_bytes(source: str, at: int, end: int) -> tuple[bytes, int]:
    """A byte string: quoted, raw, or hex pairs as in 61:62:63 (surprise 23)."""
    if source.startswith('"', at, end):
        return lex_quoted(source, at, end)
    if source.startswith("r", at, end):
        text, stop = lex_raw(source, at, end)
        return text.encode(), stop
    return _lex_hex_bytes(source, at, end)


def lex_quoted(source: str, at: int, end: int) -> tuple[bytes, int]:
    """A quoted string with its escapes decoded."""
    parts: list[bytes] = []
    start, at = at, at + 1
    while True:
        match = _PLAIN.match(source, at, end)
        stop = match.end() if match else at
        parts.append(source[at:stop].encode())
        if stop >= end:
            raise Problem.UNTERMINATED.error(source, (start, start + 1))
        if source[stop] == '"':
            return b"".join(parts), stop + 1
        byte, at = _lex_escape(source, stop, end, start)
        parts.append(byte)


def _lex_escape(source: str, at: int, end: int, start: int) -> tuple[bytes, int]:
    kind = source[at + 1 : min(at + 2, end)]
    if not kind:
        raise Problem.UNTERMINATED.error(source, (start, start + 1))
    if kind in '"\\':
        return kind.encode(), at + 2
    if kind == "x":
        first, stop, radix, form = at + 2, min(at + 4, end), 16, _HEX_BYTE
    elif kind in "01234567":
        first, stop, radix, form = at + 1, min(at + 4, end), 8, _OCTAL_BYTE
    else:
        raise Problem.ESCAPE.error(
            source, (at, at + 2), text=shown(source[at : at + 2]), hint=hint_for_escape(kind)
        )
    if not form.fullmatch(source, first, stop):
        raise Problem.ESCAPE_DIGITS.error(
            source,
            (at, stop),
            text=shown(source[at:stop]),
            hint=r"write \x and two hexadecimal digits, or \ and three octal digits up to \377",
        )
    return bytes((int(source[first:stop], radix),)), stop


def lex_raw(source: str, at: int, end: int) -> tuple[str, int]:
    """A raw string r"…", r#"…"#, up to 255 hashes (surprise 24)."""
    match = _HASHES.match(source, at + 1, end)
    quote = match.end() if match else at + 1
    hashes = quote - at - 1
    if hashes > _MAX_HASHES:
        raise Problem.RAW_HASHES.error(source, (at, quote))
    if not source.startswith('"', quote, end):
        if hashes == 0:
            raise Problem.EXPECTED_BYTES.error(
                source,
                (at, at + 1),
                found=found(source, at, end),
                hint=hint_for_text(source, at, end),
            )
        raise Problem.RAW_QUOTE.error(source, (at, quote), found=found(source, quote, end))
    closing = source.find('"' + "#" * hashes, quote + 1, end)
    if closing < 0:
        raise Problem.UNTERMINATED.error(source, (at, quote + 1))
    return source[quote + 1 : closing], closing + 1 + hashes


def _lex_hex_byte(source: str, at: int, end: int, start: int) -> tuple[int, int]:
    stop = min(at + 2, end)
    if not _HEX_BYTE.fullmatch(source, at, stop):
        if at == start:
            raise Problem.EXPECTED_BYTES.error(
                source,
                (at, min(at + 1, end)),
                found=found(source, at, end),
                hint=hint_for_text(source, at, end),
            )
        raise Problem.HEX_BYTE.error(source, (start, at), found=found(source, at, end))
    return int(source[at:stop], 16), stop


def _lex_hex_bytes(source: str, at: int, end: int) -> tuple[bytes, int]:
    start = at
    byte, at = _lex_hex_byte(source, at, end, start)
    value = bytearray((byte,))
    while at < end and source[at] in _SEPARATOR:
        byte, at = _lex_hex_byte(source, at + 1, end, start)
        value.append(byte)
    if len(value) < 2:
        raise Problem.BYTES_TOO_SHORT.error(
            source, (start, at), hint=hint_for_text(source, start, end)
        )
    return bytes(value), at


def lex_pattern(source: str, at: int, end: int) -> tuple[str, tuple[int, ...], int]:
    """The pattern after `matches`: its text, and where each of its characters stands.

    Backslashes go through untouched, only `\\"` outside a class loses its own; a quote inside
    `[…]` does not end the string, and the first `]` always closes the class (surprises 66, 67).
    """
    if source.startswith("r", at, end):
        text, stop = lex_raw(source, at, end)
        opening = source.index('"', at) + 1
        return text, tuple(range(opening, opening + len(text) + 1)), stop
    if not source.startswith('"', at, end):
        raise Problem.EXPECTED_BYTES.error(
            source,
            (at, min(at + 1, end)),
            found=found(source, at, end),
            hint=hint_for_text(source, at, end),
        )
    start, at = at, at + 1
    places: list[int] = []
    inside = False
    while True:
        match = (_PATTERN_INSIDE if inside else _PATTERN_OUTSIDE).match(source, at, end)
        stop = match.end() if match else at
        places.extend(range(at, stop))
        if stop >= end or (source[stop] == "\\" and stop + 1 >= end):
            hint = "the [ before has no ], which would end the class" if inside else None
            raise Problem.UNTERMINATED.error(source, (start, start + 1), hint=hint)
        turn = source[stop]
        if turn == '"':
            break
        at = stop + 1
        if turn == "\\":
            if inside or source[at] != '"':
                places.append(stop)
            places.append(at)
            at += 1
        else:
            places.append(stop)
            inside = turn == "["
    text = "".join(source[place] for place in places)
    return text, (*places, stop), stop + 1
