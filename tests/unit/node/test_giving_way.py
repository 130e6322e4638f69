# SPDX-License-Identifier: Apache-2.0
"""Nothing of the interpreter's makes checks wait, while it is asked not to."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from authz.node import giving_way as module
from authz.node.giving_way import SWITCH_SECONDS, giving_way, keep, tidy

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_threads_give_way_soon_and_nothing_is_looked_through_as_a_whole() -> None:
    before = sys.getswitchinterval(), gc.get_threshold()
    with giving_way():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
        assert gc.get_threshold()[:2] == before[1][:2]
        collections = gc.get_stats()[2]["collections"]
        made = [[number] for number in range(200_000)]
        assert gc.get_stats()[2]["collections"] == collections
    assert (sys.getswitchinterval(), gc.get_threshold()) == before
    assert len(made) == 200_000


def test_what_is_kept_is_not_looked_through() -> None:
    gc.collect()
    keep()
    assert len(gc.get_objects(generation=2)) == 0
    assert gc.get_freeze_count() > 0


class _Cycle:
    """Garbage that only a collection frees."""

    freed = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        _Cycle.freed += 1


def test_garbage_that_got_old_is_collected_unless_there_is_too_much_to_look_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gc.collect()
    keep()
    _Cycle.freed = 0
    _Cycle()
    tidy()
    assert _Cycle.freed == 1

    monkeypatch.setattr(module, "MAX_TIDIED", -1)
    _Cycle()
    tidy()
    assert _Cycle.freed == 1
