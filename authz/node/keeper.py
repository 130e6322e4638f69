# SPDX-License-Identifier: Apache-2.0
"""A process beside the workers as the supervisor's process sees it: started, asked, started again.

A thread reads what it says, another one asks whether it is there. What it is for, what it is told
and what its end means is in the subclasses (`control.keeper`, `admin.keeper`).
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from authz.node.backoff import Backoff
from authz.node.channel import Channel, ChannelClosedError
from authz.node.child import give_way, start_module
from authz.node.keeper_messages import Inquire, Numbers
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

_Incoming = TypeVar("_Incoming")

#: How long a scrape waits for its numbers.
INQUIRE_SECONDS: Final = 0.5

#: It is asked whether it is there this often, and ended when it was so many times in a row without
#: an answer: a process that was stopped (SIGSTOP) or hangs is not noticed otherwise.
PULSE_SECONDS: Final = 2.0
MISSED_PULSES: Final = 5
#: So many more until it has said anything.
STARTING_PULSES: Final = 10


class Keeper(Generic[_Incoming]):
    """Keeps one process alive.

    Args:
        module: what is started, as `python -m`.
        name: what it is called in the log: `the control process`.
        incoming: the union of the messages that it sends; `Numbers` is one of them.
        descriptors: what it is given besides its end of the conversation.
        gives_way: whether it has a lower priority than what answers checks.
        exit_seconds: from the end of its stream to its end.

    Attributes:
        restarts: how often it was started again.
    """

    def __init__(
        self,
        module: str,
        *,
        name: str,
        incoming: Any,
        descriptors: Sequence[int] = (),
        gives_way: bool = False,
        exit_seconds: float = 3.0,
    ) -> None:
        self.restarts = 0
        self._module = module
        self._name = name
        self._incoming = incoming
        self._descriptors = tuple(descriptors)
        self._gives_way = gives_way
        self._exit_seconds = exit_seconds
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel[_Incoming] | None = None
        self._numbers: Numbers | None = None
        self._number = 0
        # Of lives that have ended: a counter never goes back.
        self._log_records: Counter[str] = Counter()
        self._answered = threading.Condition()
        self._log = get_logger()
        self._missed = 0
        self._thread = threading.Thread(target=self._run, name=module, daemon=True)
        self._pulse = threading.Thread(target=self._feel, name=f"{module} pulse", daemon=True)

    # --- what a subclass says --------------------------------------------------------------------

    def _greet(self) -> Sequence[msgspec.Struct]:
        """What it is told first, in each of its lives."""
        raise NotImplementedError

    def _heard(self, message: _Incoming) -> None:
        """It has said something that is no `Numbers`."""
        raise NotImplementedError

    def _died(self, status: int | str) -> None:
        """It ended unasked, or could not be started (then `status` says why)."""

    # --- what anybody may ask --------------------------------------------------------------------

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

    def inquire(self) -> tuple[bytes, bool]:
        """Its metrics, the last it gave when it does not answer in time; and whether it did."""
        number = self._ask()
        with self._answered:
            if number is not None:
                self._answered.wait_for(lambda: self._last_answer() >= number, INQUIRE_SECONDS)
            answered = number is not None and self._last_answer() >= number
            return (b"" if self._numbers is None else self._numbers.text), answered

    def log_records(self) -> dict[str, int]:
        """What became of lines of its log, in all of its lives, as far as it has said."""
        with self._answered:
            return self._log_records + Counter(
                {} if self._numbers is None else self._numbers.log_records
            )

    def hang_up(self) -> None:
        """Have it end; it finishes what it is doing. Does not block."""
        self._stopped.set()
        with self._lock:
            channel = self._channel
        if channel is not None:
            channel.shutdown()

    def stop(self) -> None:
        """End it, and wait for that."""
        self.hang_up()
        if self._thread.ident is not None:
            self._thread.join(self._exit_seconds + 1.0)

    def kill(self) -> None:
        """End it at once. Safe from a signal handler."""
        self._stopped.set()
        process = self._process
        if process is not None:
            with suppress(OSError):
                process.kill()

    # --- the two threads -------------------------------------------------------------------------

    def _feel(self) -> None:
        while not self._stopped.wait(PULSE_SECONDS):
            with self._lock:
                process = None if self._channel is None else self._process
                self._missed += 1
                silent = process is not None and self._missed > MISSED_PULSES
            if silent and process is not None:
                self._log.error(f"{self._name} does not answer and is ended")
                process.kill()
            else:
                self._ask()

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopped.is_set():
            began = time.monotonic()
            status: int | str
            try:
                status = self._one_life()
            except OSError as error:
                status = str(error)
            if self._stopped.is_set():
                return
            self._died(status)
            self.restarts += 1
            delay = backoff.next_delay(time.monotonic() - began)
            self._log.warning(
                f"{self._name} ended and is started again; checks are answered meanwhile",
                status=status,
                delay_seconds=round(delay, 3),
            )
            self._stopped.wait(delay)

    def _one_life(self) -> int:
        process, ours = start_module(self._module, *self._descriptors)
        if self._gives_way:
            give_way(process.pid)
        channel: Channel[_Incoming] = Channel(ours, self._incoming)
        with self._lock:
            self._process, self._channel, self._missed = process, channel, -STARTING_PULSES
        if self._stopped.is_set():
            channel.shutdown()
        for message in self._greet():
            self._say(message)
        try:
            while (said := channel.receive()) is not None:
                self._missed = 0
                if isinstance(said, Numbers):
                    with self._answered:
                        self._numbers = said
                        self._answered.notify_all()
                else:
                    self._heard(said)
        except ChannelClosedError:
            process.kill()
        with self._lock:
            self._channel = None
        with self._answered:
            if self._numbers is not None:
                self._log_records += Counter(self._numbers.log_records)
                self._numbers = msgspec.structs.replace(self._numbers, log_records={})
        channel.close()
        try:
            return process.wait(self._exit_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _last_answer(self) -> int:
        return 0 if self._numbers is None else self._numbers.number

    def _ask(self) -> int | None:
        """Ask for its metrics; the number of the question, None when nobody is there."""
        with self._answered:
            self._number += 1
            number = self._number
        return number if self._say(Inquire(number=number)) else None

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
