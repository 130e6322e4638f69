# SPDX-License-Identifier: Apache-2.0
"""A loader as the process that needs a policy sees it: started, asked, ended.

What it is asked and when is node.policy_source's; what it does is node.loader's.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from authz.errors import LoaderError
from authz.node.channel import Channel, ChannelClosedError
from authz.node.child import give_way, start_module
from authz.node.loader_messages import (
    Built,
    Findings,
    FromLoader,
    LoadPolicy,
    Refused,
    Unsettled,
)
from authz.node.plan import Plan

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from authz.node.loader_messages import Answer

#: From an order to its answer. A list of a million items takes seconds.
LOAD_SECONDS: Final = 120.0

#: From its last word to its end.
EXIT_SECONDS: Final = 2.0

_NO_ANSWER_HINT: Final = (
    "its own messages are above; when the system killed it for want of memory (dmesg says so), "
    "give the service more: loading takes some hundred bytes for each item of a list"
)


class Process(Protocol):
    """What is needed of a child process (subprocess.Popen, or one that was forked)."""

    @property
    def pid(self) -> int:
        """Its number."""

    def kill(self) -> None:
        """End it."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it is still there.
        """


class LoaderProcess:
    """A loader that was started; asks once.

    Args:
        process: the child.
        end: our end of the socket pair.
        findings: told what the lint found, from a thread of its own.
        seconds: how long an answer may take.
    """

    def __init__(
        self,
        process: Process,
        end: socket.socket,
        *,
        findings: Callable[[Findings], None] = lambda _: None,
        seconds: float = LOAD_SECONDS,
    ) -> None:
        self.on_findings = findings
        self._process = process
        self._channel: Channel[FromLoader] = Channel(end, FromLoader)
        self._seconds = seconds
        self._said: queue.SimpleQueue[FromLoader | None] = queue.SimpleQueue()
        self._status: int | None = None
        self._policy = ""
        self._thread = threading.Thread(target=self._read, name="loader", daemon=True)
        self._thread.start()

    def plan(self) -> Plan | None:
        """The settings, of a loader that was started with the command; None when it ended."""
        said = self._said.get()
        return said if isinstance(said, Plan) else None

    def ask(self, order: LoadPolicy) -> None:
        """Have it begin; `answer` waits."""
        self._policy = order.policy
        # One that is gone gives no answer, and that is told then.
        with contextlib.suppress(ChannelClosedError):
            self._channel.send(order)

    def answer(self) -> Answer:
        """What came of the order.

        Raises:
            LoaderError: it ended without an answer, or takes too long and was ended.
        """
        try:
            said = self._said.get(timeout=self._seconds)
        except queue.Empty:
            self.kill()
            raise LoaderError(
                f"the policy is not loaded after {self._seconds:g} s, and its loading was ended",
                where=self._policy,
                hint="is a file of it on a slow file system, or larger than meant?",
            ) from None
        if isinstance(said, Built | Refused | Unsettled):
            return said
        raise LoaderError(
            f"the process that loads the policy ended without an answer ({self._how()})",
            where=self._policy,
            hint=_NO_ANSWER_HINT,
        )

    def wait(self) -> int:
        """Its exit status, once it is gone."""
        self._thread.join()
        return 0 if self._status is None else self._status

    def give_way(self) -> None:
        """Let it take its time; checks are being answered meanwhile."""
        give_way(self._process.pid)

    def kill(self) -> None:
        """End it at once; whoever waits for its answer gets none."""
        self._process.kill()

    def _read(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                if isinstance(message, Findings):
                    self.on_findings(message)
                else:
                    self._said.put(message)
        except ChannelClosedError:
            self.kill()
        self._channel.close()
        try:
            self._status = self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            # It hung up and is still there: nobody can hear it any more.
            self.kill()
            self._status = self._process.wait()
        self._said.put(None)

    def _how(self) -> str:
        status = self.wait()
        if status >= 0:
            return f"status {status}"
        return f"killed by {signal.Signals(-status).name}"


def start_loader() -> LoaderProcess:
    """Start a loader.

    Raises:
        LoaderError: the system has no process, memory or descriptor left.
    """
    try:
        process, ours = start_module("authz.node.loader")
    except OSError as error:
        raise _cannot_start(error) from error
    return LoaderProcess(process, ours)


def _cannot_start(error: OSError) -> LoaderError:
    return LoaderError(
        f"a process to load the policy cannot be started: {(error.strerror or str(error)).lower()}",
        hint="raise the limits on processes, memory and open files",
    )


class Forked:
    """A child that was forked, as a `Process`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def kill(self) -> None:
        """End it, if it is still there."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it is still there.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            pid, status = os.waitpid(self.pid, 0 if until is None else os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif until is not None and time.monotonic() >= until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            else:
                time.sleep(0.005)
        return self._status
