# SPDX-License-Identifier: Apache-2.0
"""An answer is right when it was right at some moment between asking and answering."""

from __future__ import annotations

import pytest

from benchmarks.known_answers import KnownAnswers

ALLOWED, DENIED = 0, 7


@pytest.fixture
def known() -> KnownAnswers:
    """One case, allowed from the second 0; denied by a call from the second 10 to 11."""
    found = KnownAnswers(grace=2.0)
    found.begin("alice", ALLOWED, 0.0)
    found.begin("alice", DENIED, 10.0)
    found.done("alice", 11.0)
    return found


@pytest.mark.parametrize(
    ("asked", "answered", "right"),
    [
        pytest.param(5.0, 5.1, {ALLOWED}, id="before the call"),
        pytest.param(9.9, 10.1, {ALLOWED, DENIED}, id="answered while it is made"),
        pytest.param(10.5, 10.6, {ALLOWED, DENIED}, id="while it is made"),
        pytest.param(12.9, 13.5, {ALLOWED, DENIED}, id="asked within the grace"),
        pytest.param(13.1, 13.2, {DENIED}, id="after it"),
    ],
)
def test_either_answer_is_right_around_a_change(
    known: KnownAnswers, asked: float, answered: float, right: set[int]
) -> None:
    assert {
        code for code in (ALLOWED, DENIED) if known.right("alice", code, asked, answered)
    } == right


def test_an_answer_that_was_never_due_is_wrong_at_any_time(known: KnownAnswers) -> None:
    assert not any(known.right("alice", 16, at, at + 0.1) for at in (5.0, 10.5, 12.0, 20.0))


def test_a_call_that_failed_may_have_been_done() -> None:
    known = KnownAnswers(grace=2.0)
    known.begin("alice", ALLOWED, 0.0)
    known.begin("alice", DENIED, 10.0)

    assert known.right("alice", ALLOWED, 60.0, 60.1)
    assert known.right("alice", DENIED, 60.0, 60.1)

    known.begin("alice", DENIED, 61.0)
    known.done("alice", 62.0)

    assert not known.right("alice", ALLOWED, 64.1, 64.2)
    assert known.right("alice", DENIED, 64.1, 64.2)


def test_a_change_and_one_back_leave_the_first_answer(known: KnownAnswers) -> None:
    known.begin("alice", ALLOWED, 20.0)
    known.done("alice", 21.0)

    assert known.right("alice", DENIED, 22.9, 22.95)
    assert not known.right("alice", DENIED, 23.1, 23.2)
    assert known.right("alice", ALLOWED, 23.1, 23.2)


def test_cases_do_not_know_of_each_other(known: KnownAnswers) -> None:
    known.begin("bob", ALLOWED, 0.0)

    assert known.right("bob", ALLOWED, 20.0, 20.1)
    assert not known.right("bob", DENIED, 20.0, 20.1)


def test_of_a_case_that_was_forgotten_nobody_knows(known: KnownAnswers) -> None:
    known.forget("alice")

    assert known.right("alice", ALLOWED, 20.0, 20.1)
    assert known.right("alice", DENIED, 20.0, 20.1)
