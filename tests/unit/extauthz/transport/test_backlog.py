# SPDX-License-Identifier: Apache-2.0
"""Whose turn would come too late."""

from __future__ import annotations

import pytest

from authz.extauthz.transport.backlog import LONGEST_WAIT, SHARE, Backlog


def test_the_first_is_always_answered() -> None:
    assert Backlog(10.0).divide([("first", 0.001)]) == (["first"], [])


@pytest.mark.parametrize(
    ("remaining", "patience"), [(0.5, 0.5 * SHARE), (600.0, LONGEST_WAIT), (None, LONGEST_WAIT)]
)
def test_whose_turn_would_come_too_late_is_shed(remaining: float | None, patience: float) -> None:
    each = 0.001
    answered, shed = Backlog(each).divide([(n, remaining) for n in range(5000)])
    assert len(answered) == pytest.approx(patience / each, abs=2)
    assert answered + shed == list(range(5000))


def test_who_has_more_time_keeps_a_turn_behind_those_who_have_none() -> None:
    answered, shed = Backlog(0.01).divide(
        [("a", 1.0), ("b", 0.001), ("c", 0.001), ("d", 1.0), ("e", 0.03)]
    )
    # What is shed takes no time from those behind it.
    assert (answered, shed) == (["a", "d"], ["b", "c", "e"])


def test_the_mean_follows_what_is_measured() -> None:
    made = Backlog(0.001)
    made.measured(64, 64 * 0.0015)
    assert made.seconds_each == pytest.approx(0.0015)
    for _ in range(5):
        made.measured(640, 640 * 0.02)
    assert made.seconds_each == pytest.approx(0.02)
    made.measured(64, 64 * 0.00002)
    assert made.seconds_each == pytest.approx(0.00002)


def test_one_answer_that_was_held_up_is_no_reason_to_shed() -> None:
    made = Backlog(0.001)
    made.measured(1, 5.0)
    assert made.seconds_each == pytest.approx(0.001, rel=0.02)


def test_no_answers_are_no_measurement() -> None:
    made = Backlog(0.001)
    made.measured(0, 5.0)
    assert made.seconds_each == pytest.approx(0.001)
