# SPDX-License-Identifier: Apache-2.0
"""A flood at a port of the control process, while somebody else fetches what is served there."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Final, Self

from tests.attack.flooding import GROWTH, Flooded
from tests.integration.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.attack.flooding import Flood
    from tests.integration.harness import Node

_log: Final = logging.getLogger(__name__)


class Fetching:
    """Fetches again and again, each time on a connection of its own."""

    def __init__(self) -> None:
        self.times = 0
        self.wrong: list[str] = []
        self.unanswered: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def fetch(self) -> None:
        """Fetch once; what is wrong, or does not come, is put down."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def more(self, times: int = 4) -> None:
        """Wait until it has fetched so often again."""
        until = self.times + times
        eventually(lambda: self.times >= until, "it fetches")

    def _run(self) -> None:
        while not self._ended.wait(0.01):
            self.fetch()
            self.times += 1


class FloodedControl(Flooded):
    """A node whose control process is flooded at a port, and measured too."""

    def __init__(self, node: Node, kind: str, control: int) -> None:
        super().__init__(node, "native", kind=kind)
        self._control = control

    def fetching(self) -> Fetching:
        """Somebody who fetches from the port that is flooded."""
        raise NotImplementedError

    def _processes(self) -> list[int]:
        return [*super()._processes(), self._control]

    @contextlib.contextmanager
    def flooded(self, what: str, growth: int = GROWTH) -> Iterator[Flood]:
        """Flood it in the body of this, while somebody fetches."""
        with self.flood(what, growth=growth) as flood:
            with self.fetching() as fetching:
                fetching.more()
                yield flood
                fetching.more()
            for problem in (*fetching.wrong[:3], *fetching.unanswered[:3]):
                _log.warning("%s: %s", what, problem)
            flood.wrong += len(fetching.wrong)
            flood.unanswered += len(fetching.unanswered)
