# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.errors import ParseError
from authz.rules import Bytes, Int, Ip, Type
from authz.rules.row_literals import literal_text, text_bytes, text_literal
from authz.rules.rows import RowLiteral, RowOperator


@pytest.mark.parametrize(
    ("value", "text", "escaped"),
    [
        (b'a "b" \\', 'a "b" \\', False),
        ("é€😀".encode(), "é€😀", False),
        (b"a\nb", "a\\x0ab", True),
        (b"\xff", "\\xff", True),
        ("\u202ea".encode(), "\\xe2\\x80\\xaea", True),
        (b"", "", False),
    ],
)
def test_texts_that_an_input_cannot_hold_have_escapes(
    value: bytes, text: str, escaped: bool
) -> None:
    literal = text_literal(value)

    assert (literal.text, literal.escaped) == (text, escaped)


def test_escapes_between_quotes() -> None:
    assert text_bytes('a\\x0ab\\"', escaped=True) == b'a\nb"'
    assert text_bytes("a\\x0a", escaped=False) == b"a\\x0a"


@pytest.mark.parametrize(
    ("kind", "text", "operator", "written"),
    [
        (Bytes, 'a "b"', RowOperator.EQ, '"a \\"b\\""'),
        (Bytes, "a\\.b", RowOperator.MATCHES, '"a\\.b"'),
        (Bytes, "a\\*", RowOperator.WILDCARD, 'r"a\\*"'),
        (Int, "0x10", RowOperator.EQ, "0x10"),
        (Int, "1..5", RowOperator.IN, "1..5"),
        (Ip, "10/8", RowOperator.IN, "10/8"),
        (Ip, "::1", None, "::1"),
    ],
)
def test_what_is_typed_is_written_as_a_literal(
    kind: Type, text: str, operator: RowOperator | None, written: str
) -> None:
    assert literal_text(RowLiteral(type=kind, text=text), operator) == written


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [(Int, "1 or ssl", "more than a number"), (Int, "-01", "octal"), (Ip, "::1 ", "more than an")],
)
def test_what_is_no_literal(kind: Type, text: str, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        literal_text(RowLiteral(type=kind, text=text), RowOperator.EQ)
