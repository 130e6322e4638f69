# SPDX-License-Identifier: Apache-2.0
"""Signals as items of a queue, from a thread of their own.

A handler written in Python runs on the main thread when that thread gets to it: in the middle of
anything, and never while it waits for a lock it began to wait for just before the signal came. So
the handlers here do nothing. The interpreter itself writes the number of each signal to a socket,
whatever the threads are doing (`signal.set_wakeup_fd`), and a thread reads it. What a signal means
is decided where the queue is read.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
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
        on_stop: called at the first stop signal, before it is put; must not block.
        on_second_stop: called before the process ends at once; must not block.
    """

    def __init__(
        self, numbers: Iterable[signal.Signals], put: Callable[[signal.Signals], None]
    ) -> None:
        self._numbers = frozenset(numbers)
        self._put = put
        self._former: list[tuple[signal.Signals, _Handler]] = []
        self._former_fd = -1
        self.stopping = False
        self.on_stop: Callable[[], None] | None = None
        self.on_second_stop: Callable[[], None] | None = None

    def __enter__(self) -> Signals:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._read, name="signals", daemon=True)
        self._thread.start()
        self._former_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._former = [(number, signal.signal(number, _ignore)) for number in self._numbers]
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, former in self._former:
            signal.signal(number, former)
        signal.set_wakeup_fd(self._former_fd)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def _read(self) -> None:
        while numbers := self._reader.recv(64):
            for number in numbers:
                # Others' signals come here too, when they have a handler in Python.
                if number in self._numbers:
                    self._receive(signal.Signals(number))

    def _receive(self, received: signal.Signals) -> None:
        if received in STOP_SIGNALS:
            if self.stopping:
                # Somebody insists. Nothing that could block or fail may run any more.
                if self.on_second_stop is not None:
                    self.on_second_stop()
                os._exit(128 + received)
            self.stopping = True
            if self.on_stop is not None:
                self.on_stop()
        self._put(received)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Being there is all: without a handler the signal's default action would come."""
