# SPDX-License-Identifier: Apache-2.0
"""What large values are said to take, and who goes first. What the memo makes of it: test_memo."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import pytest

from authz.extauthz.large_values import LargeValues
from tests.factories.decisions import client

if TYPE_CHECKING:
    from authz.rules import Value


@pytest.mark.parametrize(
    "value",
    [
        b"v" * 5000,
        tuple(b"h%d" % n for n in range(300)),
        tuple(IPv4Address(0x0A000000 + n) for n in range(300)),
        tuple(IPv6Address(2**127 + n) for n in range(300)),
    ],
)
def test_at_least_the_memory_that_a_value_takes_is_counted(value: Value) -> None:
    taken = sys.getsizeof(value)
    if isinstance(value, tuple):
        taken += sum(
            sys.getsizeof(item) + (0 if isinstance(item, bytes) else sys.getsizeof(item._ip))  # type: ignore[union-attr]  # its number
            for item in value
        )

    assert LargeValues.size_of("name", value) >= taken


def test_what_was_kept_first_goes_first() -> None:
    first, second = client(), client()
    large = LargeValues(100)
    for who in (first, second):
        assert large.make_room(40)
        large.keep(who, "name", b"v", 40)
    assert large.bytes == 80

    assert large.make_room(60)

    assert (first.values, second.values, large.bytes) == ({}, {"name": b"v"}, 40)
    assert not large.make_room(101)
    assert large.bytes == 40
    large.drop(first)
    large.drop(second)
    assert (second.values, large.bytes) == ({}, 0)


def test_what_is_kept_twice_is_counted_once() -> None:
    """Two threads that find a value missing both read it, and both keep it."""
    who, large = client(), LargeValues(100)
    large.keep(who, "name", b"v", 40)
    large.keep(who, "name", b"v", 50)

    assert large.bytes == 50
    large.drop(who)
    assert (who.values, large.bytes) == ({}, 0)
