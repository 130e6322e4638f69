# SPDX-License-Identifier: Apache-2.0
"""However the intervals lie, the right one is found, in few steps."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

import pytest

from authz.packed.search import Part, pack_part, search, search_halves

if TYPE_CHECKING:
    from collections.abc import Callable

LOW = 2**64 - 1
SOURCE = random.Random(11)
#: First numbers of 64 bits, in shapes that a table of equal slots does badly with.
SHAPES = {
    "even": [number * 1000 for number in range(3000)],
    "close together": list(range(0, 6000, 2)),
    "one far below": [0, *range(2**63, 2**63 + 6000, 2)],
    "one far above": [*range(0, 6000, 2), 2**64 - 10],
    "both": [0, *range(2**62, 2**62 + 6000, 2), 2**64 - 10],
    "clusters": sorted(
        {SOURCE.choice((5, 2**20, 2**40, 2**60)) + 3 * SOURCE.randrange(2000) for _ in range(4000)}
    ),
    "powers": sorted(
        {
            2**power + 2 * step
            for power in range(2, 63)
            for step in range(300)
            if 2 * step < 2 ** (power - 1)
        }
    ),
    "random": sorted({SOURCE.getrandbits(64) & ~1 for _ in range(3000)}),
}


def probes(firsts: list[int], lasts: list[int], top: int) -> list[int]:
    near = {edge + step for edge in firsts + lasts for step in (-1, 0, 1)}
    return [probe for probe in (*near, 0, top, top // 2) if 0 <= probe <= top]


def naive(firsts: list[int], lasts: list[int], number: int) -> bool:
    at = bisect_right(firsts, number)
    return at > 0 and number <= lasts[at - 1]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("small", [0, 100_000], ids=["packed", "held"])
def test_numbers_are_found_where_they_are(shape: str, small: int) -> None:
    firsts = SHAPES[shape]
    lasts = [
        min(first + 1, following - 1)
        for first, following in zip(firsts, [*firsts[1:], 2**64], strict=True)
    ]
    packed = pack_part(firsts, array("Q", firsts), array("Q", lasts))
    part = Part(memoryview(packed), 0, "Q", 2)

    has = search(part, small)

    assert part.end == len(packed)
    for probe in probes(firsts, lasts, 2**64 - 1):
        assert has(probe) is naive(firsts, lasts, probe)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("small", [0, 100_000], ids=["packed", "held"])
@pytest.mark.parametrize("place", [0, 32, 64])
def test_numbers_of_two_halves_are_found_where_they_are(shape: str, small: int, place: int) -> None:
    """The shapes lie in the lower halves, across both, and in the upper halves."""
    firsts = [first << place for first in SHAPES[shape]]
    lasts = [
        min(first + 1, following - 1, first | LOW)
        for first, following in zip(firsts, [*firsts[1:], 2**128], strict=True)
    ]
    packed = pack_part(
        firsts,
        array("Q", [first >> 64 for first in firsts]),
        array("Q", [first & LOW for first in firsts]),
        array("Q", [last & LOW for last in lasts]),
    )

    has = search_halves(Part(memoryview(packed), 0, "Q", 3), small)

    for probe in probes(firsts, lasts, 2**128 - 1):
        assert has(probe) is naive(firsts, lasts, probe)


class Counting(list[int]):
    """A column that counts how often it is read."""

    reads = 0

    def __getitem__(self, at: object) -> int:  # type: ignore[override]  # indices only
        Counting.reads += 1
        return super().__getitem__(at)  # type: ignore[index]  # indices only


@pytest.mark.parametrize("shape", SHAPES)
def test_a_look_up_takes_few_steps_whatever_the_shape(shape: str) -> None:
    firsts = SHAPES[shape]
    packed = pack_part(firsts, array("Q", firsts), array("Q", firsts))
    part = Part(memoryview(packed), 0, "Q", 2)
    part.columns = [Counting(firsts), Counting(firsts)]  # type: ignore[list-item]  # counts
    has: Callable[[int], bool] = search(part, 0)
    steps = []
    for probe in firsts[::7]:
        Counting.reads = 0
        assert has(probe)
        steps.append(Counting.reads)

    # A slot has at most 256 intervals before it gets a table of its own.
    assert max(steps) <= 10
    assert sum(steps) / len(steps) <= 8


def test_nothing_is_in_an_empty_part() -> None:
    part = Part(memoryview(pack_part([], array("Q"), array("Q"))), 0, "Q", 2)

    assert part.count == 0
    assert not search(part, 0)(0)
