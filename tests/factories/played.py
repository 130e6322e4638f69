# SPDX-License-Identifier: Apache-2.0
"""Processes beside the workers that are only played: what their keepers start instead of them."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from authz.node import keeper as module
from authz.node.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

#: Generous: a busy machine is no error.
PATIENCE = 10.0


class Played:
    """A process without a process: both ends of what it would say and be told."""

    def __init__(self, end: socket.socket, told: Any, descriptors: tuple[int, ...]) -> None:
        self.channel: Channel[Any] = Channel(end, told)
        self.descriptors = descriptors
        self.killed = threading.Event()
        self.pid = os.getpid()
        self._ended = threading.Event()
        self._status = 0

    # As subprocess.Popen:

    def kill(self) -> None:
        self.killed.set()
        self.die(-signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("played", timeout or 0.0)
        return self._status

    # As the process itself:

    def die(self, status: int) -> None:
        if not self._ended.is_set():
            self._status = status
            self._ended.set()
            self.channel.shutdown()

    def told(self, kind: type[Any]) -> Any:
        """The next message of a kind; pulses come in between."""
        while (message := self.channel.receive()) is not None:
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind}")

    def told_nothing_more(self) -> bool:
        """Whether its keeper hangs up, once it has read what was said before."""
        while self.channel.receive() is not None:
            pass
        return True


class Stage:
    """Where they are started.

    Args:
        told: the union of the messages that they are told.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, told: Any) -> None:
        self.refuse: queue.SimpleQueue[OSError] = queue.SimpleQueue()
        self._started: queue.SimpleQueue[Played] = queue.SimpleQueue()
        self._told = told
        self._all: list[Played] = []
        self.gave_way: list[int] = []
        monkeypatch.setattr(module.subprocess, "Popen", self._popen)
        monkeypatch.setattr(module.Backoff, "next_delay", lambda *_: 0.0)
        monkeypatch.setattr(module, "give_way", self.gave_way.append)

    def _popen(self, *_: Any, pass_fds: tuple[int, ...], **__: Any) -> Played:
        if not self.refuse.empty():
            raise self.refuse.get()
        end = socket.socket(fileno=os.dup(pass_fds[0]))
        played = Played(end, self._told, pass_fds[1:])
        self._all.append(played)
        self._started.put(played)
        return played

    @property
    def is_empty(self) -> bool:
        """Whether nobody was started since the last that was asked for."""
        return self._started.empty()

    def process(self) -> Played:
        """The next one that was started."""
        return self._started.get(timeout=PATIENCE)

    def end(self, stop: Callable[[], None]) -> None:
        """End all of them, and then their keeper."""
        for one in self._all:
            one.die(0)
        stop()
        for one in self._all:
            one.channel.close()


def eventually(condition: Callable[[], bool]) -> None:
    """A thread of the keeper's is about to do it; it says nothing when it has."""
    done = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        done.wait(0.001)
    raise AssertionError
