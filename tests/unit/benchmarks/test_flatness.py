# SPDX-License-Identifier: Apache-2.0
"""A process that grew between the second and the last fifth is not flat, and no other one is."""

from __future__ import annotations

import pytest

from benchmarks.figures import BenchError
from benchmarks.flatness import judge

MB = 1_000_000


def _after_warming_up(before: float, after: float) -> list[float]:
    """Twenty samples: a fifth of warm-up, then from one value to the other."""
    return [1.0] * 4 + [before] * 4 + [before] * 8 + [after] * 4


def _kept(what: str, values: list[float]) -> bool:
    (row,) = judge("worker", {what: values})
    return row.kept


@pytest.mark.parametrize(
    ("before", "kept", "beyond"),
    [
        # Of a small one 4 MB, of a large one 5 %.
        (40 * MB, 44 * MB, 44 * MB + 1),
        (200 * MB, 210 * MB, 210 * MB + 1),
    ],
)
def test_memory_may_grow_by_what_is_more(before: float, kept: float, beyond: float) -> None:
    assert _kept("resident bytes", _after_warming_up(before, kept))
    assert not _kept("resident bytes", _after_warming_up(before, beyond))


def test_memory_may_shrink() -> None:
    assert _kept("resident bytes", _after_warming_up(200 * MB, 50 * MB))


@pytest.mark.parametrize("what", ["descriptors", "threads", "processes"])
def test_counts_stay_within_two_either_way(what: str) -> None:
    assert _kept(what, _after_warming_up(20, 22))
    assert not _kept(what, _after_warming_up(20, 23))
    assert _kept(what, _after_warming_up(20, 18))
    assert not _kept(what, _after_warming_up(20, 17))


def test_a_slow_leak_is_found() -> None:
    assert not _kept("descriptors", [20 + 0.1 * number for number in range(180)])


def test_growth_while_it_warms_up_is_none() -> None:
    assert _kept("resident bytes", [number * 10.0 * MB for number in range(4)] + [40.0 * MB] * 16)


def test_a_sample_at_an_odd_moment_counts_for_nothing() -> None:
    values = _after_warming_up(20, 20)
    values[-1] = 500
    values[5] = 0

    assert _kept("descriptors", values)


def test_what_has_no_limit_is_shown() -> None:
    (row,) = judge("worker", {"own bytes": _after_warming_up(MB, 900 * MB)})

    assert (row.before, row.after, row.kept) == (MB, 900 * MB, True)


def test_each_thing_is_judged_by_itself() -> None:
    rows = judge(
        "worker", {"descriptors": _after_warming_up(9, 90), "threads": _after_warming_up(7, 7)}
    )

    assert [(row.process, row.what, row.kept) for row in rows] == [
        ("worker", "descriptors", False),
        ("worker", "threads", True),
    ]


def test_too_few_samples_are_no_verdict() -> None:
    assert _kept("threads", [7.0] * 5)
    with pytest.raises(BenchError, match="worker: 4 samples of threads, 5 are needed"):
        judge("worker", {"threads": [7.0] * 4})
