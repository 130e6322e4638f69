# SPDX-License-Identifier: Apache-2.0
"""Sets of whole numbers: serial numbers of up to 20 bytes, AS numbers, signed 64-bit numbers.

Layout: the header (count, modulus, multiplier, buckets, width, base), the index of the buckets, and
the buckets: their members less the base, big-endian, `width` bytes each. The base is the smallest
member if that is negative, else 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.errors import PolicyError
from authz.packed.buckets import Hashing, Reading, read_index, spread, write_index
from authz.packed.section import (
    SMALL,
    Kind,
    Section,
    damaged,
    read_header,
    write_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: RFC 5280 section 4.1.2.2: serial numbers have at most 20 octets.
MAX_WIDTH: Final = 20
_LOWEST: Final = -(2**63)


def pack_integers(members: Iterable[int]) -> bytes:
    """The section of a set; repetitions count once, and the same order gives the same bytes.

    Raises:
        PolicyError: a member has more than 20 bytes, or is below -2^63.
    """
    given = members if isinstance(members, list) else list(members)
    base = min(0, min(given, default=0))
    width = max(1, (max(given, default=0) - base).bit_length() + 7 >> 3)
    if width > MAX_WIDTH or base < _LOWEST:
        raise PolicyError(
            f"a number does not fit into {MAX_WIDTH} bytes", hint="leave out what is so large"
        )
    if base:
        given = [member - base for member in given]
    reading: Reading[int] = Reading(
        octets=lambda some: [member.to_bytes(width) for member in some], numbers=iter
    )
    hashing, buckets = spread(given, reading)
    written = [b"".join([member.to_bytes(width) for member in bucket]) for bucket in buckets]
    index, length = write_index(written)
    header = write_header(
        Kind.INTEGERS,
        length,
        sum(map(len, written)) // width,
        hashing.modulus,
        hashing.multiplier,
        hashing.buckets,
        width,
        base,
    )
    return b"".join((header, index, *written))


class IntegerSet:
    """A packed set of whole numbers.

    Args:
        section: what `pack_integers` made.
        small: up to how many members are held as Python objects.

    Attributes:
        has: whether a number, however large, is a member; None, a missing value, is none.

    Raises:
        PolicyError: the section is not one of whole numbers, or damaged.
    """

    __slots__ = ("_base", "_count", "_hashing", "_index", "_section", "_width", "has")

    has: Callable[[int | None], bool]

    def __init__(self, section: Section, *, small: int = SMALL) -> None:
        count, modulus, multiplier, buckets, width, base = read_header(section, Kind.INTEGERS)
        index = read_index(section, buckets)
        self._section = section
        self._index = index
        self._hashing = Hashing(modulus=modulus, multiplier=multiplier, buckets=buckets)
        self._count = count
        self._width = width
        self._base = base
        if not 1 <= width <= MAX_WIDTH or len(section) - index[0] != count * width:
            raise damaged("its members are of another width")
        if count <= small:
            self.has = frozenset(self).__contains__
        else:
            self.has = _membership(section, index, self._hashing, width, base)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        """The members, in the order of the section."""
        data, width, base = self._section.data, self._width, self._base
        for at in range(self._index[0], len(data), width):
            yield int.from_bytes(data[at : at + width]) + base

    def place(self, value: int) -> int | None:
        """How many members come before this one, None for what is none."""
        if not self.has(value):
            return None
        number, width, hashing = value - self._base, self._width, self._hashing
        member = number.to_bytes(width)
        key = number * hashing.multiplier % hashing.modulus & hashing.buckets - 1
        start = self._index[key]
        found = self._section.data.find(member, start)
        while (found - start) % width:
            found = self._section.data.find(member, found + 1)
        return (found - self._index[0]) // width


def _membership(
    section: Section, index: memoryview, hashing: Hashing, width: int, base: int
) -> Callable[[int | None], bool]:
    find = section.data.find
    multiplier, modulus, mask = hashing.multiplier, hashing.modulus, hashing.buckets - 1

    def has(value: int | None) -> bool:
        if value is None:
            return False
        number = value - base
        try:
            member = number.to_bytes(width)
        except OverflowError:
            return False
        key = number * multiplier % modulus & mask
        start, end = index[key], index[key + 1]
        found = find(member, start, end)
        # What is found may be the end of one member and the beginning of the next.
        while found >= 0 and (found - start) % width:
            found = find(member, found + 1, end)
        return found >= 0

    return has
