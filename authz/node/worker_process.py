# SPDX-License-Identifier: Apache-2.0
"""A worker as the supervisor sees it: a child process and a conversation with it.

Lives here: starting `python -m authz.node.worker`, reading what it says on a thread of its own,
ending it. Not here: when any of that should happen (node.supervisor).
"""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.node.channel import Channel, ChannelClosedError
from authz.node.child import start_module
from authz.node.messages import Export, Heard, Reported, ToSupervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.node.messages import Configure, ToWorker
    from authz.observability.activity import Report

#: How long a worker that closed its end of the channel may take to be gone.
EXIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Said:
    """A worker sent a message."""

    worker: WorkerProcess
    message: ToSupervisor


@dataclass(frozen=True, slots=True)
class Exited:
    """A worker's process is gone; `status` as in subprocess (negative: the signal)."""

    worker: WorkerProcess
    status: int


class WorkerProcess:
    """Starts on construction. From the reading thread, `tell` gets what happens to the worker and
    `reported` what it tells about checks.

    Attributes:
        index: which of the workers this is.
        pid: its process id.
        exported: the last Export it sent, None before the first.
        answered: the number of the last Collect it answered.
        retired: its counters have been added to those of the workers that are gone.
    """

    def __init__(
        self,
        configure: Configure,
        *,
        tell: Callable[[Said | Exited], None],
        answered: threading.Condition,
        reported: Callable[[Report], None],
    ) -> None:
        self.index = configure.index
        self.exported: Export | None = None
        self.answered = 0
        self.retired = False
        self._tell = tell
        self._reported = reported
        self._condition = answered
        self._process, ours = start_module("authz.node.worker")
        self.pid = self._process.pid
        self._channel: Channel[ToSupervisor] = Channel(ours, ToSupervisor)
        self._thread = threading.Thread(target=self._read, name=f"worker-{self.index}", daemon=True)
        self._thread.start()
        self.send(configure)

    @property
    def alive(self) -> bool:
        """False once the process is gone."""
        return self._process.returncode is None

    def send(self, message: ToWorker | Configure) -> bool:
        """Send `message`. False when the worker is gone or does not read: it is then ended."""
        try:
            self._channel.send(message)
        except ChannelClosedError:
            self.kill()
            return False
        return True

    def terminate(self) -> None:
        """Have it drain and end, if it still can; `Exited` follows."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once; `Exited` follows."""
        self._process.kill()

    def _acknowledge(self, number: int) -> None:
        # It may have ended by itself, which is no reason to kill it: that would look like a crash.
        # One that does not read has lost the channel by now, and `_read` sees to it.
        with suppress(ChannelClosedError):
            self._channel.send(Heard(number=number))

    def _read(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                if isinstance(message, Export):
                    with self._condition:
                        self.exported = message
                        self.answered = max(self.answered, message.number)
                        self._condition.notify_all()
                elif isinstance(message, Reported):
                    self._reported(message.report)
                    self._acknowledge(message.number)
                else:
                    self._tell(Said(self, message))
        except ChannelClosedError:
            self.kill()
        self._channel.close()
        try:
            status = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            # It hung up and is still there: it cannot be reached, so it cannot be used.
            self.kill()
            status = self._process.wait()
        with self._condition:
            self._condition.notify_all()
        self._tell(Exited(self, status))
