# SPDX-License-Identifier: Apache-2.0
"""Where snapshots come from, as the process that serves them sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.node.feed import FileFeed, StoreFeed

if TYPE_CHECKING:
    import pytest


class _Keeper:
    def __init__(self) -> None:
        self.generation = 0
        self.trouble = ""
        self.alive = True
        self.rebuilt = 0

    def rebuild(self) -> None:
        self.rebuilt += 1


class _Source:
    generation = 7

    def __init__(self) -> None:
        self.loaded = 0

    def load(self) -> None:
        self.loaded += 1

    def changed(self) -> bool:
        return False

    def reload(self) -> None:
        """Nothing to load."""

    def failed(self, error: Any) -> None:
        """Nobody to tell."""


def test_a_store_that_is_down_is_remarked_and_breaks_nothing() -> None:
    keeper = _Keeper()
    feed = StoreFeed(keeper)  # type: ignore[arg-type]  # plays a keeper
    assert (feed.broken, feed.remark, feed.generation) == ("", "", 0)

    keeper.trouble = "it is down"
    assert feed.remark == "there is nothing to answer by yet: it is down"

    keeper.generation = 3
    assert feed.remark == "answering by the last good snapshot: it is down"
    assert (feed.broken, feed.generation) == ("", 3)


def test_a_keeper_that_ended_breaks_the_node() -> None:
    keeper = _Keeper()
    keeper.alive = False

    assert "unseen" in StoreFeed(keeper).broken  # type: ignore[arg-type]  # as above


def test_a_request_rebuilds() -> None:
    keeper = _Keeper()
    feed = StoreFeed(keeper)  # type: ignore[arg-type]  # as above

    feed.first()
    feed.start()
    feed.request()
    feed.stop()

    assert keeper.rebuilt == 1


def test_a_file_is_loaded_first_and_watched_then(monkeypatch: pytest.MonkeyPatch) -> None:
    source = _Source()
    feed = FileFeed(source)  # type: ignore[arg-type]  # plays a policy source

    feed.first()
    assert (source.loaded, feed.generation, feed.remark, feed.broken) == (1, 7, "", "")

    feed.start()
    feed.request()
    feed.stop()
    monkeypatch.setattr(type(feed._reloader), "alive", property(lambda _: False))
    assert "unseen" in feed.broken
