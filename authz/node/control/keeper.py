# SPDX-License-Identifier: Apache-2.0
"""The control process as the supervisor's process sees it: started, told, started again.

A thread reads what it says. What to enforce goes to `publish`, held until the next is; what an
operator has to know of, to `failed` while nothing was ever published, and into the log after that.
"""

from __future__ import annotations

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from authz.errors import TransportError
from authz.node.backoff import Backoff
from authz.node.channel import Channel, ChannelClosedError
from authz.node.child import start_module
from authz.node.control.messages import (
    Failed,
    FromControl,
    InForce,
    Inquire,
    Listening,
    NewSnapshot,
    Numbers,
    Rebuild,
    StoreState,
    Tell,
)
from authz.node.control.metrics import RESTARTS, render
from authz.node.findings_log import log_findings
from authz.observability.log import get_logger
from authz.whole_files import hold

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

    from authz.node.control.config import ControlConfig
    from authz.observability.activity import Report

#: From the end of its stream to its end.
EXIT_SECONDS: Final = 3.0

#: How long a scrape waits for its numbers.
INQUIRE_SECONDS: Final = 0.5

#: It is asked whether it is there this often, and ended when it was so many times in a row without
#: an answer: a process that was stopped (SIGSTOP) or hangs is not noticed otherwise.
PULSE_SECONDS: Final = 2.0
MISSED_PULSES: Final = 5
#: So many more until it has said anything.
STARTING_PULSES: Final = 10

#: Deaths before it ever published, after which the node gives up.
START_ATTEMPTS: Final = 5


class ControlKeeper:
    """Keeps one control process alive.

    Args:
        config: what it is told first.
        publish: told of every snapshot that is to be enforced.
        failed: told why there will never be one.

    Attributes:
        listening: what it listens on, None until it says so.
        trouble: why what is committed does not count at the moment, `""` while it does.
        generation: the number of the last snapshot, 0 before the first.
        restarts: how often it was started again.
    """

    def __init__(
        self,
        config: ControlConfig,
        *,
        publish: Callable[[NewSnapshot], None],
        failed: Callable[[TransportError], None],
    ) -> None:
        self.listening: Listening | None = None
        self.trouble = ""
        self.generation = 0
        self.restarts = 0
        self._config = config
        self._publish = publish
        self._failed = failed
        self._published = False
        self._listened = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel[FromControl] | None = None
        self._in_force: InForce | None = None
        self._held: FileIO | None = None
        self._numbers: Numbers | None = None
        self._number = 0
        self._answered = threading.Condition()
        self._log = get_logger()
        self._missed = 0
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._pulse = threading.Thread(target=self._feel, name="control pulse", daemon=True)

    @property
    def alive(self) -> bool:
        """False once nobody would start it again although nobody stopped it."""
        return (
            self._stopped.is_set()
            or self._thread.ident is None
            or (self._thread.is_alive() and self._pulse.is_alive())
        )

    def start(self) -> None:
        """Start it, and keep it alive."""
        self._pulse.start()
        self._thread.start()

    def wait_listening(self, seconds: float) -> Listening | None:
        """What it listens on; None when it has not said so in time."""
        self._listened.wait(seconds)
        return self.listening

    def in_force(self, generation: int, file: str) -> None:
        """Tell it what the workers are told to answer by."""
        self._published = True
        self._in_force = InForce(generation=generation, file=file)
        self._say(self._in_force)

    def rebuild(self) -> None:
        """Have it publish again, changed or not."""
        self._say(Rebuild())

    def tell(self, report: Report) -> None:
        """Hand on what a worker tells."""
        self._say(Tell(report=report))

    def render(self) -> bytes:
        """Its metrics as Prometheus reads them, the last it gave when it does not answer in
        time."""
        with self._answered:
            self._number += 1
            number = self._number
        if self._say(Inquire(number=number)):
            with self._answered:
                self._answered.wait_for(
                    lambda: self._numbers is not None and self._numbers.number >= number,
                    INQUIRE_SECONDS,
                )
        numbers = self._numbers
        own = render({RESTARTS.name: [((), float(self.restarts))]})
        return own if numbers is None else own + numbers.text

    def stop(self) -> None:
        """End it; it finishes what it is writing."""
        self._stopped.set()
        with self._lock:
            channel = self._channel
        if channel is not None:
            channel.shutdown()
        if self._thread.ident is not None:
            self._thread.join(EXIT_SECONDS + 1.0)
        if self._held is not None:
            self._held.close()

    def kill(self) -> None:
        """End it at once. Safe from a signal handler."""
        self._stopped.set()
        process = self._process
        if process is not None:
            with suppress(OSError):
                process.kill()

    def _feel(self) -> None:
        while not self._stopped.wait(PULSE_SECONDS):
            with self._lock:
                process = None if self._channel is None else self._process
                self._missed += 1
                silent = process is not None and self._missed > MISSED_PULSES
            if silent and process is not None:
                self._log.error("the control process does not answer and is ended")
                process.kill()
            else:
                with self._answered:
                    self._number += 1
                    number = self._number
                self._say(Inquire(number=number))

    def _run(self) -> None:
        backoff = Backoff()
        deaths = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            status: int | str
            try:
                status = self._one_life()
            except OSError as error:
                status = str(error)
            if self._stopped.is_set():
                return
            deaths += 1
            if not (self._published or self._in_force) and deaths >= START_ATTEMPTS:
                self._failed(
                    TransportError(
                        f"the control process ended {deaths} times before there was anything to "
                        f"answer by, the last time with status {status}",
                        hint="what it said on standard error is above",
                    )
                )
            self.restarts += 1
            self.trouble = "the control process ended and is started again"
            delay = backoff.next_delay(time.monotonic() - began)
            self._log.warning(
                "the control process ended and is started again; checks are answered meanwhile",
                status=status,
                delay_seconds=round(delay, 3),
            )
            self._stopped.wait(delay)

    def _one_life(self) -> int:
        process, ours = start_module("authz.node.control")
        channel: Channel[FromControl] = Channel(ours, FromControl)
        with self._lock:
            self._process, self._channel, self._missed = process, channel, -STARTING_PULSES
        if self._stopped.is_set():
            channel.shutdown()
        resumed = None if self._in_force is None else self._in_force.file
        self._say(msgspec.structs.replace(self._config, resumed=resumed))
        if self._in_force is not None:
            self._say(self._in_force)
        try:
            while (message := channel.receive()) is not None:
                self._missed = 0
                self._heard(message)
        except ChannelClosedError:
            process.kill()
        with self._lock:
            self._channel = None
        channel.close()
        try:
            return process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _heard(self, message: FromControl) -> None:
        if isinstance(message, NewSnapshot):
            self._new_snapshot(message)
        elif isinstance(message, Numbers):
            with self._answered:
                self._numbers = message
                self._answered.notify_all()
        elif isinstance(message, StoreState):
            self.trouble = message.why
        elif isinstance(message, Listening):
            self.listening = message
            self._listened.set()
        elif isinstance(message, Failed):
            self._log.error(
                "the control process cannot go on", reason=message.message, hint=message.hint
            )
            if not self._published:
                self._failed(TransportError(message.message, hint=message.hint))
        else:
            log_findings(message, self._log)

    def _new_snapshot(self, message: NewSnapshot) -> None:
        # A worker that starts again reads it, whatever another supervisor has written since. Held
        # before anybody is told, and the one before until this one is in force.
        try:
            held = hold(Path(message.file))
        except OSError as error:
            self._log.error("a snapshot is gone again", file=message.file, reason=str(error))
            self.rebuild()
            return
        self._publish(message)
        self._published = True
        self.generation = message.generation
        if not message.last_good:
            self.trouble = ""
        before, self._held = self._held, held
        if before is not None:
            before.close()
        self.in_force(message.generation, message.file)

    def _say(self, message: msgspec.Struct) -> bool:
        with self._lock:
            channel = self._channel
        if channel is None:
            return False
        try:
            channel.send(message)
        except ChannelClosedError:
            return False
        return True
