# SPDX-License-Identifier: Apache-2.0
"""Sets of byte strings are exact, whatever bytes members and probes have."""

from __future__ import annotations

import mmap

import pytest

from authz.packed import Section, StringSet, pack_strings

MANY = [b"host-%d.example.com" % number for number in range(3000)]


@pytest.fixture(params=[0, 10_000], ids=["packed", "held"])
def small(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_members_are_found_and_others_are_not(small: int) -> None:
    found = StringSet(Section(pack_strings(MANY)), small=small)

    assert all(map(found.has, MANY))
    assert not any(found.has(member + b"x") or found.has(member[1:]) for member in MANY)
    assert not found.has(None)
    assert not found.has(b"")
    assert len(found) == len(MANY)
    assert sorted(found) == sorted(MANY)


def test_repetitions_count_once(small: int) -> None:
    found = StringSet(Section(pack_strings([b"a", b"b", b"a", b"a"])), small=small)

    assert len(found) == 2
    assert sorted(found) == [b"a", b"b"]


def test_the_empty_set_has_nothing(small: int) -> None:
    found = StringSet(Section(pack_strings(())), small=small)

    assert not found.has(b"")
    assert not found.has(b"\xff")
    assert (len(found), list(found)) == (0, [])


def test_the_empty_string_may_be_a_member(small: int) -> None:
    found = StringSet(Section(pack_strings([b"", b"a"])), small=small)

    assert found.has(b"")
    assert not found.has(b"\xff")
    assert sorted(found) == [b"", b"a"]


def test_a_probe_with_the_delimiter_meets_no_two_members(small: int) -> None:
    # So few that they share a bucket: FF a FF b FF.
    found = StringSet(Section(pack_strings([b"a", b"b"])), small=small)

    for probe in (b"a\xffb", b"b\xffa", b"\xff", b"\xffa", b"a\xff", b"\xffa\xff"):
        assert not found.has(probe)


@pytest.mark.parametrize("member", [b"\xff", b"a\xffb", b"\xfe", b"\xfe\x00\xff", b"\xfe\x01"])
def test_members_with_the_delimiter_are_escaped(member: bytes, small: int) -> None:
    members = {b"\xff\xff", b"a", b"b", member}
    found = StringSet(Section(pack_strings(sorted(members))), small=small)

    assert set(found) == members
    for probe in (
        b"\xff",
        b"a\xffb",
        b"\xfe",
        b"\xfe\x00\xff",
        b"\xfe\x01",
        b"\xfe\x00",
        b"",
        b"a",
    ):
        assert found.has(probe) is (probe in members)
    assert not found.has(None)


def test_nothing_is_longer_than_the_longest(small: int) -> None:
    found = StringSet(Section(pack_strings([b"x" * 100, b"y"])), small=small)

    assert found.has(b"x" * 100)
    assert not found.has(b"x" * 101)
    assert not found.has(b"x" * 10**6)


def test_a_mapped_file_is_read_where_it_lies() -> None:
    packed = pack_strings(MANY)
    mapped = mmap.mmap(-1, len(packed))
    mapped.write(packed)

    found = StringSet(Section(mapped))

    assert all(map(found.has, MANY))
    assert sorted(found) == sorted(MANY)


def test_any_iterable_is_packed_and_the_order_is_kept() -> None:
    assert pack_strings(iter(MANY)) == pack_strings(MANY) == pack_strings(tuple(MANY))
