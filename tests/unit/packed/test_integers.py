# SPDX-License-Identifier: Apache-2.0
"""Sets of whole numbers are exact, whatever numbers are asked for."""

from __future__ import annotations

import pytest

from authz.errors import PolicyError
from authz.packed import IntegerSet, Section, pack_integers
from authz.packed.section import HEADER_BYTES

MANY = [number * 2**70 + 7 for number in range(3000)]


@pytest.fixture(params=[0, 10_000], ids=["packed", "held"])
def small(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_members_are_found_and_others_are_not(small: int) -> None:
    found = IntegerSet(Section(pack_integers(MANY)), small=small)

    assert all(map(found.has, MANY))
    assert not any(found.has(member + 1) for member in MANY)
    assert not found.has(None)
    assert len(found) == len(MANY)
    assert sorted(found) == MANY


@pytest.mark.parametrize(
    "members",
    [
        (),
        (0,),
        (0, 1, 255, 256),
        (-1, 0, 1),
        (-(2**63), 2**63 - 1, 0),
        (-5, 2**159),
        (2**160 - 1, 1),
    ],
)
def test_any_numbers_that_fit(members: tuple[int, ...], small: int) -> None:
    found = IntegerSet(Section(pack_integers(members)), small=small)

    assert set(found) == set(members)
    for member in members:
        assert found.has(member)
        for near in (member - 1, member + 1, -member, member + 2**64, member << 8, member >> 8):
            assert found.has(near) is (near in members)
    for probe in (2**160, 2**5000, -(2**5000), -(2**63) - 1):
        assert not found.has(probe)


def test_a_number_across_two_members_is_none_of_them(small: int) -> None:
    # Two bytes each, side by side in one bucket: 01 02 03 01 holds 02 03 as well.
    found = IntegerSet(Section(pack_integers([0x0102, 0x0301])), small=small)

    assert not found.has(0x0203)
    assert not found.has(0x0103)
    assert not found.has(0x0201)
    assert found.has(0x0102)
    assert found.has(0x0301)


def test_a_member_behind_its_own_shadow_is_found(small: int) -> None:
    # 0101 is first found across 0001 and 0100, then at its own place.
    for members in ([0x0001, 0x0100, 0x0101], [0x0100, 0x0001, 0x0101], [0x0101, 0x0001]):
        found = IntegerSet(Section(pack_integers(members)), small=small)

        assert [number for number in range(1024) if found.has(number)] == sorted(members)
        assert [found.place(member) for member in found] == list(range(len(members)))


def test_every_member_has_its_place(small: int) -> None:
    found = IntegerSet(Section(pack_integers([*MANY, -5])), small=small)

    assert [found.place(member) for member in found] == list(range(len(MANY) + 1))
    for probe in (8, -6, 2**160, -(2**100)):
        assert found.place(probe) is None


@pytest.mark.parametrize("member", [2**160, -(2**63) - 1, 2**5000])
def test_what_does_not_fit_is_refused(member: int) -> None:
    with pytest.raises(PolicyError, match="does not fit into 20 bytes"):
        pack_integers([1, member])


def test_members_of_another_width_are_refused() -> None:
    whole = bytearray(pack_integers([1, 2, 3]))
    # The fifth number of the header.
    whole[16 + 4 * 8] = 2
    with pytest.raises(PolicyError, match="of another width"):
        IntegerSet(Section(bytes(whole)))
    assert HEADER_BYTES == 64


def test_any_iterable_is_packed_and_the_order_is_kept() -> None:
    assert pack_integers(iter(MANY)) == pack_integers(MANY) == pack_integers(tuple(MANY))
