# SPDX-License-Identifier: Apache-2.0
"""Sets of numbers and addresses, as ranges that are sorted and do not touch.

A range is `(family, first, last)`: family 0 is numbers, 4 and 6 are addresses, which are numbers
here as well. Membership while a request is judged is not this module's business (runtime,
addresses).
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from authz.rules.types import INT_MAX, INT_MIN, Int

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.rules.types import Address, Type

Range: TypeAlias = "tuple[int, int, int]"
Ranges: TypeAlias = "tuple[Range, ...]"

NUMBERS: Final[Ranges] = ((0, INT_MIN, INT_MAX),)
ADDRESSES: Final[Ranges] = ((4, 0, 2**32 - 1), (6, 0, 2**128 - 1))


def all_of(kind: Type) -> Ranges:
    """Every value of type Int or Ip."""
    return NUMBERS if kind == Int else ADDRESSES


def range_of(first: int | Address, last: int | Address) -> Range:
    """The range from one number or address to another."""
    if isinstance(first, int):
        return 0, first, cast("int", last)
    return (4 if isinstance(first, IPv4Address) else 6), int(first), int(cast("Address", last))


def joined_ranges(ranges: Iterable[Range]) -> Ranges:
    """What is in any of some ranges."""
    found: list[Range] = []
    for family, first, last in sorted(ranges):
        if found and found[-1][0] == family and first <= found[-1][2] + 1:
            found[-1] = (family, found[-1][1], max(found[-1][2], last))
        else:
            found.append((family, first, last))
    return tuple(found)


def rest_of(ranges: Ranges, everything: Ranges) -> Ranges:
    """What is in none of some ranges."""
    found: list[Range] = []
    for family, lowest, highest in everything:
        start = lowest
        for _, first, last in (one for one in ranges if one[0] == family):
            if first > start:
                found.append((family, start, first - 1))
            start = last + 1
        if start <= highest:
            found.append((family, start, highest))
    return tuple(found)


def common_ranges(some: Ranges, others: Ranges) -> Ranges:
    """What is in both of two sets."""
    found: list[Range] = []
    left, right = list(reversed(some)), list(reversed(others))
    while left and right:
        one, other = left[-1], right[-1]
        if one[0] == other[0] and max(one[1], other[1]) <= min(one[2], other[2]):
            found.append((one[0], max(one[1], other[1]), min(one[2], other[2])))
        # The one that ends first has nothing in common with what follows.
        (left if (one[0], one[2]) <= (other[0], other[2]) else right).pop()
    return tuple(found)


def is_within(some: Ranges, others: Ranges) -> bool:
    """Whether all of a set is in another one."""
    return common_ranges(some, others) == some
