# SPDX-License-Identifier: Apache-2.0
"""Files with one item a line, and serial numbers."""

from __future__ import annotations

import time

import pytest

from authz.errors import PolicyError
from authz.sources import lines
from authz.sources.lines import line_numbers, parse_serial, read_items, read_serials


def test_blanks_comments_and_empty_lines_are_no_items() -> None:
    data = b"\xef\xbb\xbf# head\r\n\r\n 10.0.0.0/8 \t# office\r\nC#\na b #c # d\n  # x\nlast"

    assert read_items(data) == ["10.0.0.0/8", "C#", "a b", "last"]
    assert line_numbers(data) == [3, 4, 5, 7]


def test_only_line_feeds_end_lines() -> None:
    assert read_items("a\u2028b\x0bc\n".encode()) == ["a\u2028b\x0bc"]


def test_a_large_text_is_split_in_pieces_at_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\n".join(b"%d # x" % n if n % 3 else b"" for n in range(500)) + b"\n"
    whole, numbers = read_items(data), line_numbers(data)
    monkeypatch.setattr(lines, "_PIECE", 7)

    assert read_items(data) == whole == [str(n) for n in range(500) if n % 3]
    assert line_numbers(data) == numbers == [n + 1 for n in range(500) if n % 3]


def test_bytes_that_are_no_text_name_their_line() -> None:
    with pytest.raises(PolicyError, match="line 2 is not UTF-8 text"):
        read_items(b"a\n\xff\n")


def test_a_file_without_a_byte_is_an_error_and_a_comment_is_enough() -> None:
    """`generate > revoked.txt` leaves such a file while it runs, or for good when it fails."""
    with pytest.raises(PolicyError, match="is empty") as caught:
        read_items(b"")

    assert "# none" in str(caught.value.hint)
    assert read_items(b"# none\n") == []
    assert read_serials(b"# none\n") == []


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


@pytest.mark.parametrize("bad", ["xyz", "0", "00", "0x1", "1_0", "+1", "f" * 41, "1::2"])
def test_a_wrong_serial_in_a_file_names_its_line(bad: str) -> None:
    with pytest.raises(PolicyError, match=r"^line 3: ") as caught:
        read_serials(b"01\n# x\n" + bad.encode() + b"\n")

    assert caught.value.hint


def test_serials_of_every_form_may_stand_in_one_file() -> None:
    assert read_serials(b"01\n0a:0B # x\n00:ff\nFF\n") == [1, 0x0A0B, 0xFF, 0xFF]


@pytest.mark.acceptance
@pytest.mark.parametrize("form", [b"%040X\n", b"00:%018X\n"])
def test_a_million_lines_take_at_most_three_seconds(form: bytes) -> None:
    data = b"".join(form % n for n in range(1, 1_000_001))

    started = time.process_time()
    serials = read_serials(data)

    assert time.process_time() - started < 3
    assert (len(serials), serials[-1]) == (1_000_000, 1_000_000)
