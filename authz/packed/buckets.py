# SPDX-License-Identifier: Apache-2.0
"""Members spread over buckets, so that a look-up reads a few of them whoever chose them.

A member, read as a number, goes into the bucket `number * multiplier % modulus & mask`. Modulus (a
prime of 30 bits: one digit of Python's integers) and multiplier come from the SHA-256 of all
members, so nobody can choose members that meet in one bucket without choosing the hash; should a
bucket be crowded all the same, the next pair is tried. The index says where each bucket begins.

Building is a few plain loops and no long call into C, which would keep the other threads of the
process from answering checks.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from authz.errors import PolicyError
from authz.packed.section import HEADER_BYTES, MAX_BYTES, Section, damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Member = TypeVar("Member")

#: Members in a bucket, on average at most.
_LOAD: Final = 4
#: Members in a bucket before other numbers are tried. Left to chance, the fullest of a million
#: buckets has about 20.
_CROWD: Final = 64
_ATTEMPTS: Final = 8
_MAX_BUCKETS: Final = 2**24
#: Neighbouring buckets that are filled together: their members fit into a processor's cache.
_SHARE: Final = 512
#: Members taken with one call: that many are joined in about a millisecond.
AT_ONCE: Final = 16384
# These decide for numbers below 3,215,031,751 (Pomerance, Selfridge, Wagstaff 1980).
_WITNESSES: Final = (2, 3, 5, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashing:
    """How members find their buckets."""

    modulus: int
    multiplier: int
    buckets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[Member]):
    """How some members are written, and which numbers stand for them.

    `numbers` are what `int.from_bytes` makes of `octets`.
    """

    octets: Callable[[Sequence[Member]], Iterable[bytes]]
    numbers: Callable[[Sequence[Member]], Iterable[int]]


def spread(
    members: Sequence[Member], reading: Reading[Member]
) -> tuple[Hashing, Iterator[list[Member]]]:
    """The buckets of `members`, each without repetitions, in order.

    Equal sequences give equal buckets.
    """
    digest = _digest(members, reading)
    for attempt in range(_ATTEMPTS):
        hashing = _hashing(digest, attempt, len(members))
        keys, fullest = _keys(members, reading, hashing)
        if fullest <= _CROWD:
            break
        # Perhaps it is one member many times.
        members = list(dict.fromkeys(members))
    return hashing, _grouped(members, keys, hashing.buckets)


def _digest(members: Sequence[Member], reading: Reading[Member]) -> bytes:
    digest = hashlib.sha256()
    for start in range(0, len(members), AT_ONCE):
        digest.update(b"\xff".join(reading.octets(members[start : start + AT_ONCE])))
    return digest.digest()


def _hashing(digest: bytes, attempt: int, members: int) -> Hashing:
    random = hashlib.sha256(digest + bytes([attempt])).digest()
    modulus = 2**29 | int.from_bytes(random[:4]) >> 3 | 1
    while not _is_prime(modulus):
        modulus += 2
    return Hashing(
        modulus=modulus,
        multiplier=int.from_bytes(random[4:8]) >> 3 | 1,
        buckets=min(_MAX_BUCKETS, 1 << (members // _LOAD).bit_length()),
    )


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test for an odd number."""
    twos = (number - 1 & 1 - number).bit_length() - 1
    for witness in _WITNESSES:
        power = pow(witness, number - 1 >> twos, number)
        if power == 1:
            continue
        for _ in range(twos):
            if power == number - 1:
                break
            power = power * power % number
        else:
            return False
    return True


def _keys(
    members: Sequence[Member], reading: Reading[Member], hashing: Hashing
) -> tuple[array[int], int]:
    """The bucket of every member, and how many the fullest bucket has."""
    multiplier, modulus, mask = hashing.multiplier, hashing.modulus, hashing.buckets - 1
    keys: array[int] = array("I")
    sizes = [0] * hashing.buckets
    for start in range(0, len(members), AT_ONCE):
        numbers = reading.numbers(members[start : start + AT_ONCE])
        some = [number * multiplier % modulus & mask for number in numbers]
        for key in some:
            sizes[key] += 1
        keys.fromlist(some)
    return keys, max(sizes)


def _grouped(
    members: Sequence[Member], keys: Iterable[int], buckets: int
) -> Iterator[list[Member]]:
    # First into shares of neighbouring buckets: one pass to the buckets would touch memory at
    # random, which takes twice as long.
    share = min(buckets, _SHARE)
    shared_keys: list[list[int]] = [[] for _ in range(buckets // share)]
    shared_members: list[list[Member]] = [[] for _ in range(buckets // share)]
    for key, member in zip(keys, members, strict=True):
        at = key // share
        shared_keys[at].append(key % share)
        shared_members[at].append(member)
    for places, some in zip(shared_keys, shared_members, strict=True):
        found: list[list[Member]] = [[] for _ in range(share)]
        for place, member in zip(places, some, strict=True):
            found[place].append(member)
        for bucket in found:
            repeats = len(bucket) > 1 and len(set(bucket)) < len(bucket)
            yield list(dict.fromkeys(bucket)) if repeats else bucket


def write_index(buckets: Sequence[bytes]) -> tuple[bytes, int]:
    """Where each bucket begins, from the section's first byte, and where the last one ends.

    Returns:
        The index, and the length of the whole section.

    Raises:
        PolicyError: the section would have more than 4 GB.
    """
    first = HEADER_BYTES + 4 * (len(buckets) + 1)
    length = first + sum(map(len, buckets))
    if length > MAX_BYTES:
        raise PolicyError(
            "the set has more than 4 GB", hint="split it into several lists of less each"
        )
    return array("I", accumulate(map(len, buckets), initial=first)).tobytes(), length


def read_index(section: Section, buckets: int) -> memoryview:
    """What `write_index` wrote, not copied.

    Raises:
        PolicyError: it is not.
    """
    end = HEADER_BYTES + 4 * (buckets + 1)
    if not 0 < buckets <= _MAX_BUCKETS or buckets & buckets - 1 or end > len(section):
        raise damaged("its index is cut short")
    index = memoryview(section.data)[HEADER_BYTES:end].cast("I")
    if index[0] != end or index[buckets] != len(section):
        raise damaged("its index is of something else")
    return index
