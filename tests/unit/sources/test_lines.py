# SPDX-License-Identifier: Apache-2.0
"""Files with one item a line, and serial numbers."""

from __future__ import annotations

import time

import pytest

from authz.errors import PolicyError
from authz.sources.lines import items_of, parse_serial, serials_of


def test_blanks_comments_and_empty_lines_are_no_items() -> None:
    data = b"\xef\xbb\xbf# head\r\n\r\n 10.0.0.0/8 \t# office\r\nC#\na b #c # d\n  # x\nlast"

    assert list(items_of(data)) == [(3, "10.0.0.0/8"), (4, "C#"), (5, "a b"), (7, "last")]


def test_only_line_feeds_end_lines() -> None:
    assert list(items_of("a\u2028b\x0bc\n".encode())) == [(1, "a\u2028b\x0bc")]


def test_bytes_that_are_no_text_name_their_line() -> None:
    with pytest.raises(PolicyError, match="line 2 is not UTF-8 text"):
        list(items_of(b"a\n\xff\n"))


def test_a_file_without_a_byte_is_an_error_and_a_comment_is_enough() -> None:
    """`generate > revoked.txt` leaves such a file while it runs, or for good when it fails."""
    with pytest.raises(PolicyError, match="is empty") as caught:
        list(items_of(b""))

    assert "# none" in str(caught.value.hint)
    assert list(items_of(b"# none\n")) == []


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("0A1B2C", 0x0A1B2C),
        ("0a:1b:2c", 0x0A1B2C),
        ("00:FF", 0xFF),
        ("1", 1),
        ("F" * 40, 16**40 - 1),
        ("00:" + ":".join(["ff"] * 20), 16**40 - 1),
    ],
)
def test_serial_numbers(text: str, serial: int) -> None:
    assert parse_serial(text) == serial


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0x1F", "leave the 0x out"),
        ("1_0", 'hexadecimal digits, as in "0A1B2C" or "0a:1b:2c"'),
        ("-1", 'hexadecimal digits, as in "0A1B2C" or "0a:1b:2c"'),
        ("1::2", 'hexadecimal digits, as in "0A1B2C" or "0a:1b:2c"'),
        ("", 'hexadecimal digits, as in "0A1B2C" or "0a:1b:2c"'),
        ("a" * 64, "at most 20 octets (RFC 5280); is it a fingerprint?"),
        ("00", "RFC 5280 asks for a positive one"),
    ],
)
def test_what_is_no_serial_number_has_a_hint(text: str, hint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_serial(text)

    assert caught.value.hint == hint


def test_a_wrong_serial_in_a_file_names_its_line() -> None:
    with pytest.raises(PolicyError, match='line 3: "xyz" is no serial number'):
        serials_of(items_of(b"01\n# x\nxyz\n"))


@pytest.mark.acceptance
def test_a_million_lines_take_at_most_three_seconds() -> None:
    data = b"".join(b"%040X\n" % n for n in range(1, 1_000_001))

    started = time.process_time()
    serials = serials_of(items_of(data))

    assert time.process_time() - started < 3
    assert (len(serials), serials[-1]) == (1_000_000, 1_000_000)
