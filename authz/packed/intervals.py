# SPDX-License-Identifier: Apache-2.0
"""Sets of IP addresses as intervals.

Layout: the header and three parts (search.py): IPv4; the upper halves of IPv6 networks of /64 and
wider, which take half the room and are what lists mostly hold; and what lies inside one /64.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from authz.packed.search import Part, pack_part, search, search_few, search_halves
from authz.packed.section import (
    HEADER_BYTES,
    SMALL,
    Kind,
    Section,
    damaged,
    read_header,
    write_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Address = IPv4Address | IPv6Address

_LOW: Final = 2**64 - 1
#: Numbers sorted with one call: some milliseconds.
_AT_ONCE: Final = 16384


def pack_intervals(
    four: Iterable[int] = (), upper: Iterable[int] = (), six: Iterable[int] = ()
) -> bytes:
    """The section of a set of intervals, each as one number, in any order.

    Args:
        four: `first << 32 | last` of IPv4 intervals; never first > last.
        upper: `first << 64 | last` of the upper halves of IPv6 networks of /64 and wider.
        six: `first << 128 | last` of any IPv6 intervals.
    """
    uppers, inner = _split(six)
    uppers += upper
    firsts4, lasts4 = _merged(list(four), 32)
    firsts6, lasts6 = _merged(uppers, 64)
    firsts, lasts = _merged(inner, 128)
    body = b"".join(
        (
            pack_part(firsts4, array("I", firsts4), array("I", lasts4)),
            pack_part(firsts6, array("Q", firsts6), array("Q", lasts6)),
            pack_part(
                firsts,
                array("Q", [first >> 64 for first in firsts]),
                array("Q", [first & _LOW for first in firsts]),
                array("Q", [last & _LOW for last in lasts]),
            ),
        )
    )
    count = len(firsts4) + len(firsts6) + len(firsts)
    return write_header(Kind.INTERVALS, HEADER_BYTES + len(body), count) + body


def _split(intervals: Iterable[int]) -> tuple[list[int], list[int]]:
    """The upper halves of the whole /64 networks in the intervals, and what is left of them."""
    uppers: list[int] = []
    inner: list[int] = []
    for interval in intervals:
        first, last = interval >> 128, interval & (2**128 - 1)
        # The first and the last network that lie in it from end to end.
        begin, end = first + _LOW >> 64, (last + 1 >> 64) - 1
        if begin > end:
            border = first | _LOW
            if last <= border:
                inner.append(interval)
                continue
            begin, end = (first >> 64) + 1, first >> 64
        else:
            uppers.append(begin << 64 | end)
        if first < begin << 64:
            inner.append(first << 128 | (begin << 64) - 1)
        if last > end << 64 | _LOW:
            inner.append(end + 1 << 192 | last)
    return uppers, inner


def _merged(intervals: list[int], width: int) -> tuple[list[int], list[int]]:
    """First and last numbers of the same intervals, sorted and without overlaps."""
    mask = 2**width - 1
    firsts: list[int] = []
    lasts: list[int] = []
    highest = -1
    for interval in _sorted(intervals):
        first, last = interval >> width, interval & mask
        if first > highest:
            firsts.append(first)
            lasts.append(last)
            highest = last
        elif last > highest:
            lasts[-1] = highest = last
    return firsts, lasts


def _sorted(numbers: list[int]) -> list[int]:
    """Sorted; many of them in steps, because one call would keep other threads waiting."""
    if len(numbers) <= _AT_ONCE:
        return sorted(numbers)
    sample = sorted(numbers[:: len(numbers) // 1024])
    pivots = sample[:: 1024 * _AT_ONCE // len(numbers) + 1]
    parts: list[list[int]] = [[] for _ in range(len(pivots) + 1)]
    for number in numbers:
        parts[bisect_right(pivots, number)].append(number)
    found: list[int] = []
    for part in parts:
        part.sort()
        found += part
    return found


class IntervalSet:
    """A packed set of IP addresses.

    Args:
        section: what `pack_intervals` made.
        small: up to how many intervals of a part are held as Python objects.

    Attributes:
        has: whether an address is in the set; None, a missing value, is not.

    Raises:
        PolicyError: the section is not one of intervals, or damaged.
    """

    __slots__ = ("_count", "has")

    has: Callable[[_Address | None], bool]

    def __init__(self, section: Section, *, small: int = SMALL) -> None:
        self._count, *_ = read_header(section, Kind.INTERVALS)
        data = memoryview(section.data)
        four = Part(data, HEADER_BYTES, "I", 2)
        upper = Part(data, four.end, "Q", 2)
        inner = Part(data, upper.end, "Q", 3)
        if inner.end != len(data) or four.count + upper.count + inner.count != self._count:
            raise damaged("it has another number of intervals")
        self.has = _membership(
            search(four, small), search(upper, small), search_halves(inner, small)
        )

    @classmethod
    def of(cls, four: Iterable[int], six: Iterable[int]) -> IntervalSet:
        """A few intervals, as `pack_intervals` takes them; nothing is packed."""
        firsts4, lasts4 = _merged(list(four), 32)
        firsts6, lasts6 = _merged(list(six), 128)
        made = cls.__new__(cls)
        made._count = len(firsts4) + len(firsts6)
        made.has = _membership(
            search_few(firsts4, lasts4), lambda _: False, search_few(firsts6, lasts6)
        )
        return made

    def __len__(self) -> int:
        return self._count


def _membership(
    has4: Callable[[int], bool], has_upper: Callable[[int], bool], has6: Callable[[int], bool]
) -> Callable[[_Address | None], bool]:
    def has(address: _Address | None) -> bool:
        if type(address) is IPv4Address:
            return has4(int(address))
        if address is None:
            return False
        number = int(address)
        return has_upper(number >> 64) or has6(number)

    return has
