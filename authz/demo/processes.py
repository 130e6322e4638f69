# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive us, and that explain themselves when they fail.

A `Child` is one running program with its log in a file; `Children` stops all of them in reverse
order, whatever happened. The demo and the end-to-end tests share this. What is run is not known
here.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from authz.errors import DemoError

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

#: How long a program may take to become ready, in seconds. Generous: a busy machine is no error.
READY_SECONDS = 60.0

#: How long a program may take to end after SIGTERM before it is killed.
STOP_SECONDS = 5.0

#: How long after the first SIGTERM the second one is sent.
INSIST_SECONDS = 0.2

#: How many of its last log lines a failure shows.
TAIL_LINES = 15


class Child:
    """One running program.

    Args:
        name: what people call it.
        command: program and arguments.
        log: the file that receives standard output and standard error.
        environment: the whole environment; None inherits ours.

    Raises:
        DemoError: the program cannot be started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        if shutil.which(self.command[0]) is None:
            raise DemoError(f"{name} cannot be started: no program {self.command[0]}")
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [*_launcher(), *self.command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=None if environment is None else dict(environment),
                    # A session of its own: Ctrl-C reaches us alone, and we choose the order.
                    start_new_session=True,
                )
        except OSError as error:
            raise DemoError(f"{name} cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """How it ended: negative is a signal, None is still running."""
        return self._process.poll()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(
        self, ready: Callable[[], bool], what: str, seconds: float = READY_SECONDS
    ) -> None:
        """Return as soon as `ready()` is true.

        Raises:
            DemoError: it ended first, or `seconds` went by; the message has its last log lines.
        """
        limit = time.monotonic() + seconds
        while not ready():
            if not self.is_running:
                raise DemoError(
                    f"{self.name} ended with exit status {self.exit_status} before {what}",
                    hint=f"its last lines were:\n{self.tail()}",
                )
            if time.monotonic() > limit:
                raise DemoError(
                    f"{self.name}: no sign of {what} after {seconds:g} s",
                    hint=f"its last lines were:\n{self.tail()}",
                )
            time.sleep(0.01)

    def require_running(self) -> None:
        """Raise when it has ended.

        Raises:
            DemoError: it has; the message has its last log lines.
        """
        if not self.is_running:
            raise DemoError(
                f"{self.name} ended with exit status {self.exit_status}",
                hint=f"its last lines were:\n{self.tail()}",
            )

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end and return its exit status.

        Raises:
            DemoError: it is still running after `seconds`.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{self.name} is still running after {seconds:g} s") from error

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it: SIGTERM twice, and SIGKILL when that is not enough. Again is harmless."""
        # The first SIGTERM asks `authz serve` to drain, which takes seconds; the second tells it
        # that nobody is left to drain for.
        for patience in (INSIST_SECONDS, seconds):
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                return
        self._process.kill()
        self._process.wait()


class Children:
    """Several children; leaving the context stops them, the last started first."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._all: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a program; see `Child`."""
        child = Child(name, command, log, environment)
        self._stack.callback(child.stop)
        self._all.append(child)
        return child

    def require_running(self) -> None:
        """Raise when one of them has ended by itself.

        Raises:
            DemoError: see `Child.require_running`.
        """
        for child in self._all:
            child.require_running()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now."""
    # Below the range from which the system takes ports for outgoing connections: one of those
    # could take the port between this look and the child's bind.
    for _ in range(200):
        port = random.randrange(15000, 32000)
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise DemoError("no free TCP port on loopback between 15000 and 32000")


# PR_SET_PDEATHSIG (prctl(2), 1) with SIGTERM (15), which survives execve(2): a demo that is killed
# hard must not leave an Envoy behind. A small program of its own does it, because between fork and
# exec a process with threads (the upstream is one) may do next to nothing.
_SET_DEATH_SIGNAL = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def _launcher() -> tuple[str, ...]:
    if sys.platform != "linux":
        return ()
    return (sys.executable, "-I", "-S", "-c", _SET_DEATH_SIGNAL, str(os.getpid()))
