# SPDX-License-Identifier: Apache-2.0
"""Numbers and addresses are read as the engine reads them, not as Python would."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from authz.errors import ParseError
from authz.rules import parse
from authz.rules.ast import Interval
from authz.rules.lexer import (
    lex_int,
    lex_int_item,
    lex_ip,
    lex_ip_item,
    lex_list_name,
    lex_name,
    skip_space,
    trimmed,
)
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("text", "value", "stop"),
    [
        ("0", 0, 1),
        ("010", 8, 3),
        ("0x1F", 31, 4),
        ("-010", -10, 4),
        ("12..", 12, 2),
        ("9223372036854775807", 2**63 - 1, 19),
        ("-9223372036854775808", -(2**63), 20),
    ],
)
def test_a_number_is_read_to_its_end(text: str, value: int, stop: int) -> None:
    assert lex_int(text, 0, len(text)) == (value, stop)


@pytest.mark.parametrize("text", ["", "+5", "08", "0x", "5a", "9223372036854775808", "-", "\uff15"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        lex_int(text, 0, len(text))


def test_a_range_is_one_item() -> None:
    assert lex_int_item("1..5 ", 0, 5) == (Interval(first=1, last=5), 4)
    with pytest.raises(ParseError, match="ends before it begins"):
        lex_int_item("5..1", 0, 4)


@pytest.mark.parametrize("text", ["10.0.0.1", "::1", "2001:db8::1", "::ffff:10.0.0.1", "1:2::"])
def test_an_address_is_read(text: str) -> None:
    assert lex_ip(text + " ", 0, len(text) + 1) == (ip_address(text), len(text))


@pytest.mark.parametrize("text", ["10.0.0", "10.0.0.01", "10.0.0.0/8", "1::2::3", "x", "12345::"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        lex_ip(text, 0, len(text))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("10/8", "10.0.0.0", "10.255.255.255"),
        ("10", "10.0.0.0", "10.0.0.0"),
        ("010.1.2.03/032", "10.1.2.3", "10.1.2.3"),
        ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("10.0.0.1..10.0.0.9", "10.0.0.1", "10.0.0.9"),
        ("0/0", "0.0.0.0", "255.255.255.255"),
    ],
)
def test_a_set_item_is_an_interval(text: str, first: str, last: str) -> None:
    interval = Interval(first=ip_address(first), last=ip_address(last))

    assert lex_ip_item(text, 0, len(text)) == (interval, len(text))


@pytest.mark.parametrize(
    "text", ["10.", "1.2.3.4.5", "256", "10/33", "::/129", "10/", "10.1.2.3/8", "1..::1", "10/8/8"]
)
def test_a_bad_set_item_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        lex_ip_item(text, 0, len(text))


def test_white_space_around_is_unicode_and_inside_is_not() -> None:
    assert trimmed("\u3000\t ssl\x85") == (3, 6)
    assert trimmed("\x1cssl") == (0, 4)
    assert trimmed(" \t ") == (3, 3)
    assert skip_space(" \r\n\tx", 0, 5) == 3


def test_a_name_is_read_as_far_as_it_goes() -> None:
    assert lex_name("a.b_1.c-d", 0, 9) == 7
    assert lex_name("a..b", 0, 4) == 1
    assert lex_name("-", 0, 1) == 0


@pytest.mark.parametrize("text", ["", "Nets", "nets.", ".nets", "-"])
def test_a_bad_list_name_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        lex_list_name(text, 0, len(text))


def test_a_list_name_ends_at_a_capital() -> None:
    assert lex_list_name("a..b_1X", 0, 7) == ("a..b_1", 6)


@pytest.mark.parametrize(
    ("item", "hint"),
    [
        ("10.0.0.0-10.0.0.9", "a range is written first..last, without spaces"),
        ("10.0.0.*", "write 10.0.0.0/24"),
        ("10.0.0.1:80", "an address has no port"),
        ("10.0.0.1...10.0.0.9", "both ends of a range are whole addresses"),
        ('"10.0.0.1"', "write the address without quotes"),
        ("*", "write a network, 10.0.0.0/8, or a range, first..last"),
        ("$office", "a list stands alone: in $name"),
    ],
)
def test_a_slip_in_a_set_of_addresses_is_answered_with_what_to_write(item: str, hint: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(f"ip.src in {{{item}}}", SCHEME)

    assert caught.value.hint == hint
