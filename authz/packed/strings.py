# SPDX-License-Identifier: Apache-2.0
"""Sets of byte strings.

Layout: the header (count, modulus, multiplier, buckets, length of the longest member, form), the
index of the buckets, and the buckets: none, or `FF member FF member FF`. FF stands in no UTF-8
text; if a member has it all the same, the set is escaped: FE is written as FE 00 and FF as FE 01.

Hexadecimal texts of even length, all without capital letters or all without small ones, are written
as the bytes that they stand for, escaped: half the room for a list of fingerprints. The form says
how they are spelled, and no other spelling is a member.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from authz.packed.buckets import AT_ONCE, Hashing, Reading, read_index, spread, write_index
from authz.packed.section import SMALL, Kind, Section, damaged, read_header, write_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_END: Final = b"\xff"
_END_BYTE: Final = 0xFF
_ESCAPE_BYTE: Final = 0xFE
_READING: Final[Reading[bytes]] = Reading(
    octets=iter, numbers=lambda members: map(int.from_bytes, members)
)


class Form(IntEnum):
    """How the members of a set are written."""

    PLAIN = 0
    ESCAPED = 1
    #: The bytes that hexadecimal texts stand for, escaped.
    LOWER_HEX = 2
    UPPER_HEX = 3


def _upper(raw: bytes) -> bytes:
    return hexlify(raw).upper()


_SPELLINGS: Final[dict[Form, Callable[[bytes], bytes]]] = {
    Form.LOWER_HEX: hexlify,
    Form.UPPER_HEX: _upper,
}


def pack_strings(members: Iterable[bytes]) -> bytes:
    """The section of a set; repetitions count once, and the same order gives the same bytes.

    Raises:
        PolicyError: there are more than 4 GB of them.
    """
    given = members if isinstance(members, list) else list(members)
    longest = max(map(len, given), default=0)
    form, given = _formed(given)
    if form is not Form.PLAIN:
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
        form,
    )
    return b"".join((header, index, *written))


def _formed(members: list[bytes]) -> tuple[Form, list[bytes]]:
    """The form for some members, and what of them is written, not yet escaped."""
    # No `map` over all of them: it would keep the other threads waiting until it is done.
    try:
        raw = [unhexlify(member) for member in members]
    except ValueError:
        escaped = any(_END_BYTE in member for member in members)
        return Form.ESCAPED if escaped else Form.PLAIN, members
    for form, spelled in _SPELLINGS.items():
        if all(
            spelled(b"".join(raw[start : start + AT_ONCE]))
            == b"".join(members[start : start + AT_ONCE])
            for start in range(0, len(raw), AT_ONCE)
        ):
            return form, raw
    return Form.PLAIN, members


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

    __slots__ = ("_count", "_form", "_index", "_section", "has")

    has: Callable[[bytes | None], bool]

    def __init__(self, section: Section, *, small: int = SMALL) -> None:
        count, modulus, multiplier, buckets, longest, form = read_header(section, Kind.STRINGS)
        self._section = section
        self._count = count
        self._index = read_index(section, buckets)
        try:
            self._form = Form(form)
        except ValueError:
            raise damaged(f"its members are in form {form}") from None
        hashing = Hashing(modulus=modulus, multiplier=multiplier, buckets=buckets)
        if count <= small:
            self.has = frozenset(self).__contains__
        elif self._form is Form.PLAIN:
            self.has = _membership(section, self._index, hashing, longest)
        elif self._form is Form.ESCAPED:
            self.has = _escaping(_membership(section, self._index, hashing, 2 * longest))
        else:
            spelled = _SPELLINGS[self._form]
            self.has = _hex_membership(section, self._index, hashing, longest, spelled)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        """The members, in the order of the section."""
        read = self._reader()
        data, index = self._section.data, self._index
        for start, end in pairwise(index):
            if start < end:
                yield from map(read, data[start + 1 : end - 1].split(_END))

    def _reader(self) -> Callable[[bytes], bytes]:
        """What makes a member of how it is written."""
        if self._form is Form.PLAIN:
            return bytes
        if self._form is Form.ESCAPED:
            return _unescape
        spelled = _SPELLINGS[self._form]
        return lambda written: spelled(_unescape(written))


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


def _hex_membership(
    section: Section,
    index: memoryview,
    hashing: Hashing,
    longest: int,
    spelled: Callable[[bytes], bytes],
) -> Callable[[bytes | None], bool]:
    find, number = section.data.find, int.from_bytes
    multiplier, modulus, mask = hashing.multiplier, hashing.modulus, hashing.buckets - 1

    def has(value: bytes | None) -> bool:
        if value is None or len(value) > longest:
            return False
        try:
            raw = unhexlify(value)
        except ValueError:
            return False
        written = _escape(raw)
        key = number(written) * multiplier % modulus & mask
        found = find(b"\xff" + written + b"\xff", index[key], index[key + 1])
        # Letters of the other case stand for the same bytes.
        return found >= 0 and spelled(raw) == value

    return has


def _escaping(has: Callable[[bytes | None], bool]) -> Callable[[bytes | None], bool]:
    return lambda value: value is not None and has(_escape(value))


def _escape(member: bytes) -> bytes:
    # Most have neither, and to see that takes half the time of replacing nothing.
    if _ESCAPE_BYTE not in member and _END_BYTE not in member:
        return member
    return member.replace(b"\xfe", b"\xfe\x00").replace(b"\xff", b"\xfe\x01")


def _unescape(member: bytes) -> bytes:
    return member.replace(b"\xfe\x01", b"\xff").replace(b"\xfe\x00", b"\xfe")
