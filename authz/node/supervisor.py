# SPDX-License-Identifier: Apache-2.0
"""Several workers: started, told what to load, restarted, drained.

One thread (the caller's) decides, on events of one queue: signals, what workers say, what became of
them, and new snapshots. Nothing here reads policy files or answers checks, and a worker needs
nothing from here to go on answering.
"""

from __future__ import annotations

import math
import queue
import signal
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authz.errors import TransportError
from authz.node import notify
from authz.node.backoff import Backoff
from authz.node.fleet_metrics import FleetMetrics
from authz.node.messages import (
    Alive,
    Drain,
    Load,
    Loaded,
    LoadFailed,
    Pulse,
    Ready,
    StartFailed,
    ToSupervisor,
)
from authz.node.pulse import PULSE_SECONDS, SILENCE_SECONDS, SILENT_STOP_SECONDS
from authz.node.signals import STOP_SIGNALS
from authz.node.vital import EXIT_THREAD_LOST
from authz.node.worker_process import Exited, Said, WorkerProcess
from authz.observability.activity import Activity
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.node.messages import Configure
    from authz.observability.activity import Report

#: From the first order to load until a worker serves. Large lists take seconds, not this long.
START_SECONDS = 60.0

#: Deaths of a worker before all served for the first time, after which the node gives up: whoever
#: started it learns more from an exit status than from a process that never gets ready.
START_ATTEMPTS = 5

#: After drain and grace, before a worker that is still there is killed.
STOP_MARGIN_SECONDS = 5.0

#: Workers that cannot use a snapshot file ask for a new one; this often at most it is written.
REPUBLISH_SECONDS = 5.0

#: Replaces the workers one after the other.
ROLLING_RESTART = signal.SIGUSR2


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot is in `file` and valid; workers should load it, with these GeoIP databases."""

    generation: int
    file: str
    geoip_city: str | None = None
    geoip_asn: str | None = None


@dataclass(frozen=True, slots=True)
class NothingToServe:
    """There will never be a snapshot, and why."""

    failure: TransportError


Event = Said | Exited | Published | NothingToServe | signal.Signals


@dataclass(slots=True, kw_only=True)
class _Slot:
    """The place of one worker, whichever process fills it."""

    configure: Configure
    backoff: Backoff = field(default_factory=Backoff)
    worker: WorkerProcess | None = None
    ready: Ready | None = None
    ready_at: float = 0.0
    deaths: int = 0
    #: Pulses in a row without an answer.
    missed: int = 0
    #: When a dead worker is started again, or a late one is killed; None when neither is due.
    restart_at: float | None = None
    kill_at: float | None = None


class Supervisor:
    """Keeps one worker per item of `configures` alive.

    Args:
        configures: what each worker is told first.
        inbox: where events arrive; signal handlers may put into it.
        reload: asks for the policy to be loaded again, even if unchanged. Must not block.
        serving: told once, when every worker is ready for the first time.
        reported: told what the workers tell about checks, from a thread of each.
        silence_seconds: how long a worker that serves may give no sign of life.

    Attributes:
        metrics: what the workers count, and what is counted of them.
        activity: what the workers tell about checks.
    """

    def __init__(
        self,
        configures: Sequence[Configure],
        *,
        inbox: queue.SimpleQueue[Event],
        reload: Callable[[], None],
        serving: Callable[[Sequence[Ready]], None],
        reported: Callable[[Report], None] = lambda _: None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._slots = [_Slot(configure=configure) for configure in configures]
        self._inbox = inbox
        self._reload = reload
        self._tell_serving = serving
        self._answered = threading.Condition()
        self._current: Published | None = None
        self._announced = False
        self._stopping = False
        self._failure: TransportError | None = None
        self._republish_at: float | None = None
        self._republished_at = float("-inf")
        self._rolling: deque[_Slot] = deque()
        self._roll_after = 0.0
        self._pulse_at = time.monotonic() + PULSE_SECONDS
        self._most_missed = math.ceil(silence_seconds / PULSE_SECONDS)
        self._log = get_logger()
        self.metrics = FleetMetrics(self._workers, self._answered)
        self.activity = Activity()
        self._reported = reported

    @property
    def ready(self) -> bool:
        """Whether checks are answered: all workers were ready once, one is now, none was told to
        stop for good."""
        return self._announced and not self._stopping and self.metrics.ready > 0

    @property
    def stopping(self) -> bool:
        """Whether the node is draining for good."""
        return self._stopping

    def start(self) -> None:
        """Start the workers; they wait for the first `publish`."""
        for slot in self._slots:
            self._spawn(slot)

    def publish(self, published: Published) -> None:
        """Tell every worker to load a snapshot. On the deciding thread only."""
        self._current = published
        for slot in self._slots:
            self._order_load(slot)

    def run(self) -> None:
        """Decide until everything was drained after a stop signal.

        Raises:
            TransportError: no worker could serve in the first place.
        """
        while not (self._stopping and not self._workers()):
            try:
                event = self._inbox.get(timeout=self._seconds_to_next())
            except queue.Empty:
                pass
            else:
                self._handle(event)
            self._do_what_is_due()
        if self._failure is not None:
            raise self._failure

    def kill(self) -> None:
        """End every worker at once. Safe from a signal handler."""
        for worker in self._workers():
            worker.kill()

    # --- events ----------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        if isinstance(event, Said):
            slot = self._slots[event.worker.index]
            if slot.worker is event.worker:
                self._heard(slot, event.message)
        elif isinstance(event, Exited):
            self._exited(event)
        elif isinstance(event, Published):
            if not self._stopping:
                self.publish(event)
        elif isinstance(event, NothingToServe):
            self._give_up_if_new(event.failure)
        elif event in STOP_SIGNALS:
            self._stop()
        elif event == signal.SIGHUP:
            self._reload()
        elif event == ROLLING_RESTART and not self._rolling:
            self._log.info("replacing the workers one after the other")
            self._rolling.extend(self._slots)

    def _heard(self, slot: _Slot, message: ToSupervisor) -> None:
        log = self._log.bind(worker=slot.configure.index)
        if isinstance(message, Ready):
            slot.ready, slot.ready_at, slot.kill_at = message, time.monotonic(), None
            slot.missed = 0
            # A worker is back: Envoy must have seen it before the next one goes.
            self._roll_after = slot.ready_at + slot.configure.drain_seconds
            self._count_ready()
            if not self._announced and self.metrics.ready == len(self._slots):
                self._announced = True
                self._tell_serving([slot.ready for slot in self._slots if slot.ready])
            elif self._announced:
                log.info("the worker is ready", address=message.address)
        elif isinstance(message, Alive):
            slot.missed = 0
        elif isinstance(message, StartFailed):
            log.error("the worker cannot serve", reason=message.message, hint=message.hint)
            # Nobody was ever served: this is the configuration, and a restart will not mend it.
            self._give_up_if_new(TransportError(message.message, hint=message.hint))
        elif isinstance(message, Loaded):
            log.debug("snapshot loaded", generation=message.generation, seconds=message.seconds)
        elif isinstance(message, LoadFailed):
            # The worker has counted and logged it. What it could not read is written anew.
            self._republish_at = max(time.monotonic(), self._republished_at + REPUBLISH_SECONDS)

    def _exited(self, event: Exited) -> None:
        self.metrics.retire(event.worker)
        slot = self._slots[event.worker.index]
        if slot.worker is not event.worker:
            return
        served = time.monotonic() - slot.ready_at if slot.ready else 0.0
        slot.worker = slot.ready = slot.kill_at = None
        self._count_ready()
        if self._stopping:
            return
        slot.deaths += 1
        if slot.deaths >= START_ATTEMPTS and self._give_up_if_new(
            TransportError(
                f"worker {event.worker.index} ended {slot.deaths} times before it served, "
                f"the last time with status {event.status}",
                hint="what it said on standard error is above",
            )
        ):
            return
        self.metrics.restarts += 1
        self.metrics.thread_lost += event.status == EXIT_THREAD_LOST
        # Status 0 is a drain that somebody asked for; anything else may happen again at once.
        delay = 0.0 if event.status == 0 else slot.backoff.next_delay(served)
        slot.restart_at = time.monotonic() + delay
        tell = self._log.info if event.status == 0 else self._log.warning
        tell(
            "a worker ended and is started again",
            worker=event.worker.index,
            worker_pid=event.worker.pid,
            status=event.status,
            delay_seconds=round(delay, 3),
        )

    # --- time ------------------------------------------------------------------------------------

    def _seconds_to_next(self) -> float:
        due = [at for slot in self._slots for at in (slot.restart_at, slot.kill_at) if at]
        due.append(self._pulse_at)
        if self._rolling and self._all_ready():
            due.append(self._roll_after)
        if self._republish_at is not None:
            due.append(self._republish_at)
        return max(0.0, min(due) - time.monotonic())

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if now >= self._pulse_at:
            self._pulse_at = now + PULSE_SECONDS
            notify.alive()
            self._feel()
        for slot in self._slots:
            if slot.restart_at is not None and now >= slot.restart_at:
                slot.restart_at = None
                self._spawn(slot)
            if slot.kill_at is not None and now >= slot.kill_at and slot.worker is not None:
                slot.kill_at = None
                self._log.error("a worker is late and is killed", worker=slot.configure.index)
                slot.worker.kill()
        if self._republish_at is not None and now >= self._republish_at:
            self._republish_at, self._republished_at = None, now
            if not self._stopping:
                self._reload()
        if self._rolling and now >= self._roll_after and self._all_ready():
            self._drain(self._rolling.popleft())

    def _feel(self) -> None:
        """Ask each worker that serves for a sign of life, and end those that gave none."""
        for slot in self._slots:
            # One that starts or drains has another limit of its time.
            if slot.worker is None or slot.ready is None or slot.kill_at is not None:
                continue
            if slot.missed < self._most_missed:
                slot.missed += 1
                slot.worker.send(Pulse())
                continue
            self.metrics.hung += 1
            self._log.error(
                "a worker gives no sign of life and is ended",
                worker=slot.configure.index,
                worker_pid=slot.worker.pid,
                seconds=slot.missed * PULSE_SECONDS,
            )
            slot.worker.terminate()
            slot.kill_at = time.monotonic() + SILENT_STOP_SECONDS
            slot.ready = None
            self._count_ready()

    # --- doing -----------------------------------------------------------------------------------

    def _spawn(self, slot: _Slot) -> None:
        slot.ready = None
        try:
            slot.worker = WorkerProcess(
                slot.configure,
                tell=self._inbox.put,
                answered=self._answered,
                reported=self._add_report,
            )
        except OSError as error:
            # No processes, memory or descriptors left; the workers that are there go on.
            slot.restart_at = time.monotonic() + slot.backoff.next_delay(0.0)
            self._log.error("a worker cannot be started", reason=str(error))
            return
        self._order_load(slot)

    def _add_report(self, report: Report) -> None:
        self.activity.add(report)
        self._reported(report)

    def _order_load(self, slot: _Slot) -> None:
        if self._current is None or slot.worker is None:
            return
        if slot.ready is None and slot.kill_at is None:
            slot.kill_at = time.monotonic() + START_SECONDS
        # A worker that cannot be told is ended by `send`, and its successor told again.
        slot.worker.send(
            Load(
                generation=self._current.generation,
                file=self._current.file,
                geoip_city=self._current.geoip_city,
                geoip_asn=self._current.geoip_asn,
            )
        )

    def _drain(self, slot: _Slot) -> None:
        if slot.worker is not None:
            slot.worker.send(Drain())
            configure = slot.configure
            limit = configure.drain_seconds + configure.grace_seconds + STOP_MARGIN_SECONDS
            slot.kill_at = time.monotonic() + limit
        slot.ready = None
        self._count_ready()

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._log.info("draining")
        notify.stopping()
        self._rolling.clear()
        for slot in self._slots:
            slot.restart_at = None
            self._drain(slot)

    def _give_up_if_new(self, failure: TransportError) -> bool:
        if self._announced:
            return False
        self._failure = self._failure or failure
        self._stop()
        return True

    def _workers(self) -> list[WorkerProcess]:
        return [slot.worker for slot in self._slots if slot.worker is not None]

    def _all_ready(self) -> bool:
        return all(slot.ready is not None for slot in self._slots)

    def _count_ready(self) -> None:
        self.metrics.ready = sum(slot.ready is not None for slot in self._slots)
