# SPDX-License-Identifier: Apache-2.0
"""Signals as items of a queue.

A handler may run between any two instructions of the main thread, also while that thread holds a
lock; `queue.SimpleQueue.put` is the one hand-over that the standard library calls reentrant, so the
handlers do nothing else. What a signal means is decided where the queue is read.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from types import FrameType

#: Ask for a drain and an orderly end.
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})

_Handler = Callable[[int, FrameType | None], object] | int | None


class Signals:
    """Puts every signal of `numbers` into `put`; the second stop signal ends the process.

    Use as a context manager on the main thread: the former handlers come back at the end.

    Attributes:
        stopping: a stop signal came.
        on_second_stop: called before the process ends at once; must not block.
    """

    def __init__(
        self, numbers: Iterable[signal.Signals], put: Callable[[signal.Signals], None]
    ) -> None:
        self._numbers = tuple(numbers)
        self._put = put
        self._former: list[tuple[signal.Signals, _Handler]] = []
        self.stopping = False
        self.on_second_stop: Callable[[], None] | None = None

    def __enter__(self) -> Signals:
        for number in self._numbers:
            self._former.append((number, signal.signal(number, self._handle)))
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, former in self._former:
            signal.signal(number, former)
        self._former.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        received = signal.Signals(number)
        if received in STOP_SIGNALS:
            if self.stopping:
                # Somebody insists. Nothing that could block or fail may run any more.
                if self.on_second_stop is not None:
                    self.on_second_stop()
                os._exit(128 + number)
            self.stopping = True
        self._put(received)
