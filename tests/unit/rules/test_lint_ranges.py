# SPDX-License-Identifier: Apache-2.0
"""Sets of numbers and addresses."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from authz.rules.lint_ranges import (
    ADDRESSES,
    NUMBERS,
    all_of,
    common_ranges,
    is_within,
    joined_ranges,
    range_of,
    rest_of,
)
from authz.rules.types import Int, Ip

_UNIVERSE = ((0, 0, 12), (4, 0, 12))


@st.composite
def _sets(draw: st.DrawFn) -> tuple[tuple[int, int, int], ...]:
    pairs = draw(
        st.lists(st.tuples(st.sampled_from((0, 4)), st.integers(0, 12), st.integers(0, 4)))
    )
    return joined_ranges((family, first, min(12, first + more)) for family, first, more in pairs)


def _members(ranges: tuple[tuple[int, int, int], ...]) -> set[tuple[int, int]]:
    return {(family, n) for family, first, last in ranges for n in range(first, last + 1)}


@given(some=_sets(), others=_sets())
def test_they_are_sets(
    some: tuple[tuple[int, int, int], ...], others: tuple[tuple[int, int, int], ...]
) -> None:
    one, other = _members(some), _members(others)

    assert _members(joined_ranges([*some, *others])) == one | other
    assert _members(common_ranges(some, others)) == one & other
    assert _members(rest_of(some, _UNIVERSE)) == _members(_UNIVERSE) - one
    assert is_within(some, others) is (one <= other)
    # One set has one form.
    assert joined_ranges(common_ranges(some, others)) == common_ranges(some, others)
    assert (some == others) is (one == other)


def test_numbers_and_addresses_are_ranges_of_families() -> None:
    four, six = ip_address("10.0.0.1"), ip_address("::1")

    assert range_of(1, 2) == (0, 1, 2)
    assert range_of(four, four) == (4, int(four), int(four))
    assert range_of(six, six) == (6, 1, 1)
    assert (all_of(Int), all_of(Ip)) == (NUMBERS, ADDRESSES)
