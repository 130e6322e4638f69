# SPDX-License-Identifier: Apache-2.0
"""Quoted texts, raw texts, hex pairs and patterns."""

from __future__ import annotations

import pytest

from authz.errors import ParseError
from authz.rules.strings import lex_bytes, lex_pattern, starts_raw


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\"b\\c"', b'a"b\\c'),
        (r'"\x41\102\x+a\377"', b"AB\n\xff"),
        ('"é\n"', "é\n".encode()),
        ('r"\\x41"', b"\\x41"),
        ('r##"a"#b"##', b'a"#b'),
        ("61:62-63.64", b"abcd"),
        ("+1:+2", b"\x01\x02"),
    ],
)
def test_a_text_is_decoded(text: str, value: bytes) -> None:
    assert lex_bytes(text + " ", 0, len(text) + 1) == (value, len(text))


@pytest.mark.parametrize(
    "text",
    [
        *('"', '"\\', '"\\n"', '"\\0"', '"\\400"', '"\\x4"', '"\\x-5"', '"\\x\uff155"', '"\\1_1"'),
        *("r", "rx", 'r#x"', 'r"', 'r#"a"', "r" + "#" * 256 + '"', "61", "61:", "6", "6:61", "zz"),
    ],
)
def test_a_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        lex_bytes(text, 0, len(text))


def test_a_name_that_begins_with_r_is_no_raw_text() -> None:
    assert starts_raw('r"', 0, 2)
    assert starts_raw("r#", 0, 2)
    assert not starts_raw("raw.field", 0, 9)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (r'"\."', r"\."),
        (r'"a\"b"', 'a"b'),
        (r'"["]"', '["]'),
        (r'"[\"]"', r"[\"]"),
        (r'"[]\"]"', '[]"]'),
        ('r"\\""', "\\"),
        ('r#"a"b"#', 'a"b'),
    ],
)
def test_a_pattern_keeps_its_backslashes(text: str, pattern: str) -> None:
    read, places, stop = lex_pattern(text, 0, len(text))

    assert read == pattern
    assert "".join(text[place] for place in places[:-1]) == pattern
    assert stop <= len(text)


@pytest.mark.parametrize("text", ['"', '"["', '"a\\', '"[\\', "61:62", "r"])
def test_a_malformed_pattern_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        lex_pattern(text, 0, len(text))
