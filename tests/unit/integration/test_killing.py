# SPDX-License-Identifier: Apache-2.0
"""What a certificate might be taken for, and until when: what the drills judge by."""

from __future__ import annotations

from tests.integration.killing import History

_NEVER = float("-inf")
_HISTORY = History(
    [
        (_NEVER, frozenset({0})),
        (10.0, frozenset({0, 7})),
        (11.0, frozenset({7})),
        (20.0, frozenset({0})),
    ]
)


def test_an_interval_has_what_held_at_any_moment_of_it() -> None:
    assert _HISTORY.between(5.0, 9.0) == {0}
    assert _HISTORY.between(5.0, 10.0) == {0, 7}
    assert _HISTORY.between(12.0, 19.0) == {7}
    assert _HISTORY.between(20.5, 30.0) == {0}


def test_a_code_held_until_another_took_its_place() -> None:
    assert _HISTORY.held_until(0, 15.0) == 11.0
    assert _HISTORY.held_until(7, 30.0) == 20.0


def test_a_code_that_holds_still_held_until_it_was_asked() -> None:
    assert _HISTORY.held_until(0, 25.0) == 25.0
    assert _HISTORY.held_until(0, 10.5) == 10.5


def test_a_code_that_never_held_has_no_last_moment() -> None:
    assert _HISTORY.held_until(16, 30.0) == _NEVER
    assert _HISTORY.held_until(7, 9.0) == _NEVER
