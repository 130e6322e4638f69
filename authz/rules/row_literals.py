# SPDX-License-Identifier: Apache-2.0
"""The literals of rows (rows.py): what an input shows of a value, and what is typed into one.

Everything that people type goes through the language's own lexers, so that a value stays a value.
"""

from __future__ import annotations

import re
from typing import Final

from authz.errors import ParseError
from authz.rules.formatter import format_bytes, format_pattern, format_wildcard
from authz.rules.lexer import lex_int, lex_int_item, lex_ip, lex_ip_item
from authz.rules.rows import RowLiteral, RowOperator
from authz.rules.strings import lex_quoted
from authz.rules.types import Bytes, Int

# A number with a leading zero is octal, which nobody means who types it into an input.
_OCTAL: Final = re.compile(r"-?0[0-9]")
_PATTERNS: Final = {RowOperator.WILDCARD, RowOperator.STRICT_WILDCARD}


def text_literal(value: bytes) -> RowLiteral:
    """A text for an input, with escapes if an input could not hold it."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return RowLiteral(type=Bytes, text=text)
    return RowLiteral(type=Bytes, text=format_bytes(value)[1:-1], escaped=True)


def literal_text(literal: RowLiteral, operator: RowOperator | None) -> str:
    """A literal as the language writes it. Raises ParseError."""
    text = literal.text
    if literal.type == Bytes:
        if operator is RowOperator.MATCHES:
            return format_pattern(text)
        value = text_bytes(text, escaped=literal.escaped)
        return format_wildcard(value) if operator in _PATTERNS else format_bytes(value)
    number = literal.type == Int
    if operator is RowOperator.IN:
        _, stop = (lex_int_item if number else lex_ip_item)(text, 0, len(text))
    else:
        _, stop = (lex_int if number else lex_ip)(text, 0, len(text))
    if stop != len(text):
        kind = "a number" if number else "an IP address"
        raise ParseError(f"this is more than {kind}", source=text, span=(stop, len(text)))
    if number and _OCTAL.match(text):
        raise ParseError(
            "a number that begins with 0 is octal",
            source=text,
            span=(0, len(text)),
            hint="leave the 0 out",
        )
    return text


def text_bytes(text: str, *, escaped: bool) -> bytes:
    """The bytes that a text stands for. Raises ParseError."""
    if not escaped:
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise ParseError(
                "the text is not valid Unicode", source=text, span=(error.start, error.end)
            ) from None
    quoted = f'"{text}"'
    value, stop = lex_quoted(quoted, 0, len(quoted))
    if stop != len(quoted):
        raise ParseError(
            "a quote has to be written with a backslash", source=text, span=(stop - 2, len(text))
        )
    return value
