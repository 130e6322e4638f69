# SPDX-License-Identifier: Apache-2.0
"""Writers of one process stand in line."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from authz.store.turns import Turns

if TYPE_CHECKING:
    import pytest

PATIENCE = 10.0


def _waiting(turns: Turns, many: int) -> None:
    moment = threading.Event()
    for _ in range(10_000):
        if len(turns._waiting) == many:
            return
        moment.wait(0.001)
    raise AssertionError


def test_it_is_had_in_the_order_of_coming() -> None:
    turns = Turns()
    order: list[int] = []

    def come(number: int) -> None:
        assert turns.take(PATIENCE)
        order.append(number)
        turns.leave()

    assert turns.take(PATIENCE)
    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=come, args=(number,)))
        threads[-1].start()
        _waiting(turns, number + 1)
    turns.leave()
    for one in threads:
        one.join(PATIENCE)

    assert order == [0, 1, 2, 3, 4]
    assert turns.take(0.0), "nobody has it any more"


def test_who_waited_in_vain_is_passed_over() -> None:
    turns = Turns()
    assert turns.take(0.0)

    assert not turns.take(0.001)

    turns.leave()
    assert turns.take(0.0)
    turns.leave()


def test_a_turn_that_comes_at_the_last_moment_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    assert turns.take(0.0)

    class Late(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            turns.leave()  # given to us, after we had stopped to wait
            return False

    with monkeypatch.context() as patched:
        patched.setattr(threading, "Event", Late)
        assert turns.take(0.0)

    turns.leave()
    assert turns.take(0.0)
