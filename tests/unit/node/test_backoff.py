# SPDX-License-Identifier: Apache-2.0
"""The wait before a worker is started again."""

from __future__ import annotations

from authz.node.backoff import FIRST_SECONDS, FORGET_AFTER_SECONDS, LONGEST_SECONDS, Backoff


def _longest(low: float, high: float) -> float:
    return high


def test_the_wait_doubles_up_to_a_bound() -> None:
    backoff = Backoff(_longest)
    delays = [backoff.next_delay(0.0) for _ in range(100)]
    assert delays[:4] == [FIRST_SECONDS * factor for factor in (1, 2, 4, 8)]
    assert delays[-1] == LONGEST_SECONDS
    assert delays == sorted(delays)


def test_jitter_takes_up_to_half_away() -> None:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    assert Backoff(uniform).next_delay(0.0) == FIRST_SECONDS / 2
    assert asked == [(FIRST_SECONDS / 2, FIRST_SECONDS)]


def test_a_worker_that_served_long_starts_from_the_shortest_wait_again() -> None:
    backoff = Backoff(_longest)
    for _ in range(5):
        backoff.next_delay(0.0)
    assert backoff.next_delay(FORGET_AFTER_SECONDS) == FIRST_SECONDS
    assert backoff.next_delay(FORGET_AFTER_SECONDS / 2) == 2 * FIRST_SECONDS
