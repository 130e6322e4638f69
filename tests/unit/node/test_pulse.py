# SPDX-License-Identifier: Apache-2.0
"""Waiting while a service manager watches: it is told as long as checks are answered."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

from authz.node import pulse

if TYPE_CHECKING:
    import pytest


def test_nobody_who_watches_is_told_nothing_and_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pulse.notify, "is_watched", lambda: False)
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
    arrived.put("stop")

    def beats() -> int:
        raise AssertionError("asked")

    assert pulse.next_event(arrived, beats) == "stop"


def test_a_manager_hears_only_while_what_answers_comes_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[int] = []
    asked: list[int] = []
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()
    # It comes round twice, and then hangs.
    turns = iter([1, 2, 2, 2])

    def beats() -> int:
        asked.append(next(turns))
        if len(asked) == 4:
            arrived.put("stop")
        return asked[-1]

    monkeypatch.setattr(pulse, "PULSE_SECONDS", 0.001)
    monkeypatch.setattr(pulse.notify, "is_watched", lambda: True)
    monkeypatch.setattr(pulse.notify, "alive", lambda: told.append(asked[-1]))

    assert pulse.next_event(arrived, beats) == "stop"
    assert asked == [1, 2, 2, 2]
    assert told == [1, 2]
