# SPDX-License-Identifier: Apache-2.0
"""When to ask again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authz.sources.refresh import EARLIEST, LATEST, LONGEST, SHORTEST, TRIES, next_fetch

AT = 1_772_366_400.0
HOUR = 3600.0
KEYS = [f"http://crl.example/{n}" for n in range(200)]


def test_what_was_never_asked_for_is_due() -> None:
    assert next_fetch(None, None, None, 0, AT, "k") == AT
    assert next_fetch(AT, AT + HOUR, None, 0, AT, "k") == AT


def test_ahead_of_next_update_and_spread() -> None:
    moments = [next_fetch(AT, AT + 10 * HOUR, AT, 0, AT, key) for key in KEYS]

    assert all(EARLIEST * 10 * HOUR <= moment - AT <= LATEST * 10 * HOUR for moment in moments)
    assert max(moments) - min(moments) > 2 * HOUR
    assert moments == [next_fetch(AT, AT + 10 * HOUR, AT, 0, AT, key) for key in KEYS]


def test_at_least_daily_and_at_most_once_a_minute() -> None:
    for key in KEYS:
        assert next_fetch(AT, AT + 30 * LONGEST, AT, 0, AT, key) <= AT + LONGEST
        assert next_fetch(AT, AT + 1, AT, 0, AT, key) == AT + SHORTEST


def test_a_crl_that_did_not_change_is_asked_for_again_several_times() -> None:
    """The server had the old one when its time had come."""
    asked, moments = AT + 8.5 * HOUR, []
    while asked <= AT + 10 * HOUR:
        asked = next_fetch(AT, AT + 10 * HOUR, asked, 0, asked, "k")
        moments.append(asked)

    assert len(moments) > TRIES
    assert moments[0] < AT + 9 * HOUR


def test_failures_back_off_but_leave_time_for_more() -> None:
    waits = [next_fetch(AT, AT + 100 * HOUR, AT, n, AT, "k") - AT for n in range(1, 20)]

    assert waits == sorted(waits)
    assert SHORTEST <= waits[0] <= 61
    assert waits[-1] <= HOUR
    near = [next_fetch(AT, AT + 20 * 60, AT, n, AT, "k") - AT for n in range(1, 20)]
    assert max(near) <= 20 * 60 / TRIES


def test_failures_with_nothing_in_hand() -> None:
    waits = [next_fetch(None, None, AT, n, AT, "k") - AT for n in range(0, 2000, 100)]

    assert waits[0] == SHORTEST
    assert waits[-1] <= HOUR


def test_past_next_update_the_longer_the_less_often() -> None:
    def wait(overdue: float) -> float:
        asked = AT + overdue
        return next_fetch(AT - HOUR, AT, asked, 0, asked, "k") - asked

    assert wait(10) == SHORTEST
    assert SHORTEST < wait(HOUR) < wait(3 * HOUR) < wait(1000 * HOUR) == HOUR


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    for key in KEYS:
        moment = next_fetch(AT, AT + 10 * HOUR, AT, 0, AT - 1000 * HOUR, key)
        assert moment <= AT - 1000 * HOUR + LONGEST


def test_a_clock_that_was_set_forward_is_due() -> None:
    assert next_fetch(AT, AT + 10 * HOUR, AT, 0, AT + 1000 * HOUR, "k") < AT + 1000 * HOUR


@given(
    this_update=st.none() | st.floats(0, 4e9),
    span=st.floats(-1e9, 1e12),
    fetched_at=st.none() | st.floats(0, 4e9),
    failures=st.integers(0, 10_000),
    at=st.floats(0, 4e9),
    key=st.text(max_size=20),
)
def test_it_is_never_too_soon_and_never_too_late(
    this_update: float | None,
    span: float,
    fetched_at: float | None,
    failures: int,
    at: float,
    key: str,
) -> None:
    next_update = None if this_update is None else this_update + span
    moment = next_fetch(this_update, next_update, fetched_at, failures, at, key)

    if fetched_at is None:
        assert moment == at
    else:
        asked = min(fetched_at, at)
        assert asked + SHORTEST <= moment <= asked + LONGEST
