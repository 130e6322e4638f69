# SPDX-License-Identifier: Apache-2.0
"""A section: bytes that a hash stands for, and the header that every packed set begins with.

All numbers are in the byte order of the machine, because the arrays are read where they lie; the
header tells another order apart. A file with sections is not meant to leave its host.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from enum import IntEnum
from typing import Final, TypeAlias

from authz.errors import PolicyError

#: Where a section lies: bytes of this process, or a mapped file.
Buffer: TypeAlias = bytes | mmap.mmap

_MAGIC: Final = 0x415A534B
_VERSION: Final = 2
# Magic, version, kind, two bytes unused, length of the whole section, six numbers of the kind's.
_HEADER: Final = struct.Struct("=IBB2xQ6q")
HEADER_BYTES: Final = _HEADER.size

#: Offsets in a section have 32 bits.
MAX_BYTES: Final = 2**32 - 1

#: Sets of up to this many members are held as Python objects: a look-up takes a tenth of the time,
#: and every process pays about 100 KB for it.
SMALL: Final = 1024


class Kind(IntEnum):
    """What a packed set holds."""

    STRINGS = 1
    INTEGERS = 2
    INTERVALS = 3


class Section:
    """Bytes and their SHA-256. Two sections with the same hash are equal; `data` is not compared.

    Not a dataclass: msgspec would write its fields, and a model that holds one is written with the
    hash alone.

    Args:
        data: a packed set.
        sha256: its hash, where that is known already (a mapped file that was verified).
    """

    __slots__ = ("data", "sha256")

    def __init__(self, data: Buffer, sha256: bytes | None = None) -> None:
        self.data = data
        self.sha256 = hashlib.sha256(data).digest() if sha256 is None else sha256

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, Section) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"<Section {self.sha256.hex()[:16]} of {len(self)} bytes>"


def write_header(kind: Kind, length: int, *numbers: int) -> bytes:
    """The header of a section of `length` bytes, this header included."""
    padded = (*numbers, 0, 0, 0, 0, 0, 0)[:6]
    return _HEADER.pack(_MAGIC, _VERSION, kind, length, *padded)


def read_header(section: Section, kind: Kind) -> tuple[int, ...]:
    """The six numbers of the header of a section that must be of this kind.

    Raises:
        PolicyError: it is not, is cut short, or was written by another version or machine.
    """
    data = section.data
    if len(data) < HEADER_BYTES:
        raise damaged("it is too short")
    magic, version, found, length, *numbers = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise damaged("it does not begin like one")
    if version != _VERSION:
        raise damaged(f"it has version {version}, this program reads {_VERSION}")
    if found != kind:
        raise damaged(f"it is of kind {found}, not {kind}")
    if length != len(data):
        raise damaged(f"it has {len(data)} of {length} bytes")
    return tuple(numbers)


def damaged(why: str) -> PolicyError:
    """The error of a section that cannot be used."""
    return PolicyError(
        f"a packed set cannot be used: {why}",
        hint="it is written anew when the policy is loaded; send SIGHUP or restart",
    )
