# SPDX-License-Identifier: Apache-2.0
"""The helpers that generated code calls."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from authz.rules import runtime
from authz.rules.ast import Operator


def test_indexing_takes_missing_values() -> None:
    assert runtime.at(None, 0) is None
    assert runtime.at((b"a",), 1) is None
    assert runtime.at((b"a",), 0) == b"a"
    assert runtime.key(None, b"a") is None
    assert runtime.key({b"a": b"b"}, b"a") == b"b"


def test_maps_are_walked_in_the_byte_order_of_their_keys() -> None:
    assert runtime.sorted_values({b"b": 2, b"Z": 1}) == [1, 2]
    assert runtime.sorted_values(None) == []


def test_answers_are_combined_as_long_as_the_shortest() -> None:
    assert runtime.zip_and([True, True], [True]) == [True]
    assert runtime.zip_or([True, False], [False, False, True]) == [True, False]
    assert runtime.zip_xor([True], [True]) == [False]
    assert runtime.odd(True, True, True)


def test_a_missing_array_given_directly_is_not_all_true() -> None:
    assert not runtime.all_present(None)
    assert runtime.all_present([])


@pytest.mark.parametrize(
    ("operator", "answers"),
    [
        (Operator.EQ, (False, True, False, False)),
        (Operator.NE, (True, False, True, True)),
        (Operator.GE, (False, True, True, False)),
        (Operator.LE, (True, True, False, False)),
        (Operator.GT, (False, False, True, False)),
        (Operator.LT, (True, False, False, False)),
    ],
)
def test_addresses_of_two_families_are_only_different(
    operator: Operator, answers: tuple[bool, ...]
) -> None:
    test = runtime.address_test(operator, ip_address("10.0.0.2"))
    values = [ip_address(text) for text in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "::a00:2")]

    assert tuple(map(test, values)) == answers


def test_ranges_of_numbers_may_touch_and_overlap() -> None:
    has = runtime.number_test([(5, 9), (-3, -1), (1, 5), (20, 30), (22, 23)])

    assert [n for n in range(-5, 35) if has(n)] == [-3, -2, -1, *range(1, 10), *range(20, 31)]
