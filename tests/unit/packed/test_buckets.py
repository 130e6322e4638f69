# SPDX-License-Identifier: Apache-2.0
"""Buckets stay small whoever chose the members, and an index that does not fit is refused."""

from __future__ import annotations

import struct
from itertools import chain

import pytest

from authz.errors import PolicyError
from authz.packed import Section, StringSet, buckets, pack_strings
from authz.packed.buckets import Reading, read_index, spread, write_index
from authz.packed.section import HEADER_BYTES

READING: Reading[bytes] = Reading(octets=iter, numbers=lambda members: map(int.from_bytes, members))


def test_every_member_is_in_the_bucket_that_its_number_says() -> None:
    members = [b"%d" % number for number in range(1000)]

    hashing, found = spread(members, READING)

    seen = []
    for place, bucket in enumerate(found):
        for member in bucket:
            number = int.from_bytes(member)
            assert number * hashing.multiplier % hashing.modulus % hashing.buckets == place
        seen += bucket
    assert sorted(seen) == sorted(members)
    assert hashing.buckets == 256


def test_the_modulus_is_a_prime_of_thirty_bits_and_depends_on_the_members() -> None:
    found = {spread([b"%d" % number], READING)[0].modulus for number in range(50)}

    assert len(found) == 50
    for modulus in found:
        assert 2**29 < modulus < 2**30
        assert all(modulus % divisor for divisor in range(2, 32768))


def test_equal_sequences_give_equal_buckets() -> None:
    first, second = spread([b"a", b"b"], READING), spread([b"a", b"b"], READING)

    assert first[0] == second[0]
    assert list(first[1]) == list(second[1])


def test_members_that_crowd_under_one_modulus_are_spread_by_another() -> None:
    """What an attacker would do who could know the modulus: choose multiples of it."""
    known = buckets._hashing(b"guessed", 0, 1000)
    members = [(number * known.modulus).to_bytes(9) for number in range(1000)]
    crowded, fullest = buckets._keys(members, READING, known)
    assert len(set(crowded)) == 1
    assert fullest == 1000

    _, found = spread(members, READING)

    assert max(map(len, found)) < 64


def test_another_modulus_is_tried_when_a_bucket_is_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    first = buckets._hashing(b"", 0, 1000)
    members = [(number * first.modulus).to_bytes(9) for number in range(1000)]
    monkeypatch.setattr(buckets, "_digest", lambda *_: b"")

    hashing, found = spread(members, READING)

    assert hashing == buckets._hashing(b"", 1, 1000)
    assert max(map(len, found)) < 64


def test_buckets_that_stay_crowded_are_still_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "_CROWD", 0)
    members = [b"%d" % number for number in range(2000)]

    found = StringSet(Section(pack_strings(members)), small=0)

    assert all(map(found.has, members))
    assert sorted(found) == sorted(members)


def test_one_member_many_times_is_one_member() -> None:
    hashing, found = spread([b"a", b"b"] * 5000, READING)

    assert sorted(chain.from_iterable(found)) == [b"a", b"b"]
    assert hashing.buckets == 1


def test_an_index_says_where_buckets_begin() -> None:
    index, length = write_index([b"ab", b"", b"c"])

    first = HEADER_BYTES + 16
    assert struct.unpack("=4I", index) == (first, first + 2, first + 2, first + 3)
    assert length == first + 3


def test_a_set_beyond_four_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_BYTES", 100)
    with pytest.raises(PolicyError, match="more than 4 GB"):
        pack_strings([b"x" * 40])


@pytest.mark.parametrize("number", [0, 3, 2**25, -1, 64])
def test_an_index_of_another_size_is_refused(number: int) -> None:
    section = Section(pack_strings([b"a"]))
    with pytest.raises(PolicyError, match="its index"):
        read_index(section, number)


def test_an_index_that_ends_elsewhere_is_refused() -> None:
    whole = bytearray(pack_strings([b"a"]))
    whole[HEADER_BYTES + 4] ^= 1
    with pytest.raises(PolicyError, match="its index is of something else"):
        StringSet(Section(bytes(whole)))
