# SPDX-License-Identifier: Apache-2.0
"""Finding the interval that a number may be in, among sorted ones that do not overlap.

Numbers between the lowest and the highest first number are cut into slots of equal width, about one
for every third interval, and `starts` says which interval is the first of a slot. Where intervals
crowd in one slot (one address far from all others is enough for that), the slot has a table of its
own, made the same way. So a look-up reads a slot or two and compares a few numbers, whatever the
intervals are. Searching all of them takes 20 steps for a million, each a guess that the processor
gets wrong half of the time.

Layout of a part: how many intervals, slots and tables; the tables (slot, at, shift, 0, and base and
top in two halves each; the first table is the whole part's); `starts`, padded to 8 bytes; and one
array for each column of numbers.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, Literal

from authz.packed.section import damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COUNTS: Final = struct.Struct("=3Q")
_TABLE: Final = struct.Struct("=8Q")
_LOW: Final = 2**64 - 1

#: Intervals in a slot before it gets a table of its own; as Python objects, so not for a few.
_CROWD: Final = 256

#: Base, top, shift and the place of the first slot.
_Table = tuple[int, int, int, int]


def pack_part(firsts: Sequence[int], *columns: array[int]) -> bytes:
    """A part: intervals that begin at `firsts`, sorted and distinct, in these columns."""
    starts: array[int] = array("I")
    tables: list[bytes] = []
    pending = [(0, 0, len(firsts))] if firsts else []
    while pending:
        slot, start, end = pending.pop()
        base, top = firsts[start], firsts[end - 1]
        shift = max(0, (top - base).bit_length() - (end - start >> 2 | 1).bit_length())
        at = len(starts)
        tables.append(
            _TABLE.pack(slot, at, shift, 0, base >> 64, base & _LOW, top >> 64, top & _LOW)
        )
        sizes = [0] * ((top - base >> shift) + 1)
        for first in firsts[start:end]:
            sizes[first - base >> shift] += 1
        for offset, size in enumerate(sizes):
            starts.append(start)
            start += size
            if size > _CROWD:
                pending.append((at + offset, start - size, start))
        starts.append(end)
    counts = _COUNTS.pack(len(firsts), len(starts), len(tables))
    padding = bytes(-4 * len(starts) % 8)
    data = [counts, *tables, starts.tobytes(), padding]
    for column in columns:
        data += [column.tobytes(), bytes(-column.itemsize * len(column) % 8)]
    return b"".join(data)


class Part:
    """A part of a section, read where it lies.

    `columns` are its numbers, `end` is where the next part begins.
    """

    __slots__ = ("columns", "count", "end", "starts", "tables")

    def __init__(self, data: memoryview, at: int, code: Literal["I", "Q"], columns: int) -> None:
        self.count: int
        try:
            self.count, slots, tables = _COUNTS.unpack_from(data, at)
            at += _COUNTS.size
            self.tables = [_TABLE.unpack_from(data, at + _TABLE.size * n) for n in range(tables)]
            at += _TABLE.size * tables
            self.starts = data[at : at + 4 * slots].cast("I")
            at += 4 * slots + (-4 * slots) % 8
            self.columns: list[memoryview] = []
            for _ in range(columns):
                size = array(code).itemsize * self.count
                self.columns.append(data[at : at + size].cast(code))
                at += size + -size % 8
        except (struct.error, TypeError, ValueError) as error:
            raise damaged("a part of it is cut short") from error
        if at > len(data) or bool(self.count) != bool(tables):
            raise damaged("a part of it is cut short")
        self.end = at

    def root(self) -> tuple[_Table, dict[int, _Table]]:
        """The table of the whole part, and those of crowded slots."""
        tables = {
            slot: (base_high << 64 | base_low, top_high << 64 | top_low, shift, at)
            for slot, at, shift, _, base_high, base_low, top_high, top_low in self.tables[1:]
        }
        _, at, shift, _, base_high, base_low, top_high, top_low = self.tables[0]
        return (base_high << 64 | base_low, top_high << 64 | top_low, shift, at), tables


def search(part: Part, small: int) -> Callable[[int], bool]:
    """Whether a number is in an interval of a part with the columns first and last."""
    firsts, lasts = part.columns
    if part.count <= small:
        return search_few(firsts.tolist(), lasts.tolist())
    (base, top, shift, _), tables = part.root()
    starts, final = part.starts, part.count - 1

    def has(number: int) -> bool:
        if number < base:
            return False
        if number >= top:
            return number <= lasts[final]
        slot = number - base >> shift
        start, end = starts[slot], starts[slot + 1]
        while end - start > _CROWD:
            low, high, by, at = tables[slot]
            if number < low:
                end = start
            elif number >= high:
                start = end
            else:
                slot = at + (number - low >> by)
                start, end = starts[slot], starts[slot + 1]
        return number <= lasts[bisect_right(firsts, number, start, end) - 1]

    return has


def search_halves(part: Part, small: int) -> Callable[[int], bool]:
    """The same for numbers of 128 bits, and the columns upper half, first and last lower half."""
    uppers, firsts, lasts = part.columns
    if part.count <= small:
        pairs = zip(uppers, firsts, lasts, strict=True)
        both = [(upper << 64 | first, upper << 64 | last) for upper, first, last in pairs]
        return search_few([first for first, _ in both], [last for _, last in both])
    (base, top, shift, _), tables = part.root()
    starts, count = part.starts, part.count

    def has(number: int) -> bool:
        if number < base:
            return False
        if number >= top:
            start = end = count
        else:
            slot = number - base >> shift
            start, end = starts[slot], starts[slot + 1]
        while end - start > _CROWD:
            low, high, by, at = tables[slot]
            if number < low:
                end = start
            elif number >= high:
                start = end
            else:
                slot = at + (number - low >> by)
                start, end = starts[slot], starts[slot + 1]
        upper, lower = number >> 64, number & _LOW
        at = bisect_right(uppers, upper, start, end) - 1
        if firsts[at] > lower and uppers[at] == upper:
            equal = bisect_left(uppers, upper, start, at)
            at = bisect_right(firsts, lower, equal, at) - 1
        return uppers[at] == upper and firsts[at] <= lower <= lasts[at]

    return has


def search_few(firsts: list[int], lasts: list[int]) -> Callable[[int], bool]:
    """The same for a few intervals, sorted and without overlaps, that are Python numbers."""

    def has(number: int) -> bool:
        at = bisect_right(firsts, number)
        return at > 0 and number <= lasts[at - 1]

    return has
