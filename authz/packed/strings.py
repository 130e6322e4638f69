# SPDX-License-Identifier: Apache-2.0
"""Sets of byte strings.

Layout: the header (count, modulus, multiplier, buckets, length of the longest member, escaped), the
index of the buckets, and the buckets: none, or `FF member FF member FF`. FF stands in no UTF-8
text; if a member has it all the same, the set is escaped: FE is written as FE 00 and FF as FE 01.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from authz.packed.buckets import Hashing, Reading, read_index, spread, write_index
from authz.packed.section import SMALL, Kind, Section, read_header, write_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_END: Final = b"\xff"
_END_BYTE: Final = 0xFF
_READING: Final[Reading[bytes]] = Reading(
    octets=iter, numbers=lambda members: map(int.from_bytes, members)
)


def pack_strings(members: Iterable[bytes]) -> bytes:
    """The section of a set; repetitions count once, and the same order gives the same bytes.

    Raises:
        PolicyError: there are more than 4 GB of them.
    """
    given = members if isinstance(members, list) else list(members)
    escaped = any(_END_BYTE in member for member in given)
    longest = max(map(len, given), default=0)
    if escaped:
        given = [_escape(member) for member in given]
    hashing, buckets = spread(given, _READING)
    count = 0
    written: list[bytes] = []
    for bucket in buckets:
        count += len(bucket)
        written.append(_END.join((b"", *bucket, b"")) if bucket else b"")
    index, length = write_index(written)
    header = write_header(
        Kind.STRINGS,
        length,
        count,
        hashing.modulus,
        hashing.multiplier,
        hashing.buckets,
        longest,
        escaped,
    )
    return b"".join((header, index, *written))


class StringSet:
    """A packed set of byte strings.

    Args:
        section: what `pack_strings` made.
        small: up to how many members are held as Python objects.

    Attributes:
        has: whether a byte string is a member; None, a missing value, is none.

    Raises:
        PolicyError: the section is not one of byte strings, or damaged.
    """

    __slots__ = ("_count", "_index", "_section", "_unescape", "has")

    has: Callable[[bytes | None], bool]

    def __init__(self, section: Section, *, small: int = SMALL) -> None:
        count, modulus, multiplier, buckets, longest, escaped = read_header(section, Kind.STRINGS)
        self._section = section
        self._count = count
        self._index = read_index(section, buckets)
        self._unescape = bool(escaped)
        hashing = Hashing(modulus=modulus, multiplier=multiplier, buckets=buckets)
        if count <= small:
            self.has = frozenset(self).__contains__
        elif escaped:
            self.has = _escaping(_membership(section, self._index, hashing, 2 * longest))
        else:
            self.has = _membership(section, self._index, hashing, longest)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        """The members, in the order of the section."""
        data, index = self._section.data, self._index
        for start, end in pairwise(index):
            if start < end:
                for member in data[start + 1 : end - 1].split(_END):
                    yield _unescape(member) if self._unescape else member


def _membership(
    section: Section, index: memoryview, hashing: Hashing, longest: int
) -> Callable[[bytes | None], bool]:
    find, number = section.data.find, int.from_bytes
    multiplier, modulus, mask = hashing.multiplier, hashing.modulus, hashing.buckets - 1

    def has(value: bytes | None) -> bool:
        if value is None or len(value) > longest:
            return False
        key = number(value) * multiplier % modulus & mask
        found = find(b"\xff" + value + b"\xff", index[key], index[key + 1])
        # With an FF in it, the value may have met several members in a row.
        return found >= 0 and 0xFF not in value

    return has


def _escaping(has: Callable[[bytes | None], bool]) -> Callable[[bytes | None], bool]:
    return lambda value: value is not None and has(_escape(value))


def _escape(member: bytes) -> bytes:
    return member.replace(b"\xfe", b"\xfe\x00").replace(b"\xff", b"\xfe\x01")


def _unescape(member: bytes) -> bytes:
    return member.replace(b"\xfe\x01", b"\xff").replace(b"\xfe\x00", b"\xfe")
