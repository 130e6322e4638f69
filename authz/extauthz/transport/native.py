# SPDX-License-Identifier: Apache-2.0
"""The native transport: HTTP/2 in Rust (pygrpc-native's low-level front), one Python thread.

One thread receives calls in batches and answers each before it looks at the next: checks are short
and hold the interpreter lock anyway, so a second thread would only add switching. No TLS and no
message limit of its own (ADR-0010). Never `from pygrpc_native import aio`: it recurses.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Final

from pygrpc_native import EVENT_CALL, STREAM_FULL, STREAM_SENT, NativeGrpcFront

from authz.extauthz.encode import CONSTANT_DENIAL
from authz.extauthz.health import HEALTH_CHECK, HEALTH_WATCH
from authz.extauthz.transport.backlog import LONGEST_WAIT, Backlog
from authz.extauthz.transport.base import (
    CHECK,
    bound_address,
    cannot_listen,
    cannot_start,
    claim_socket,
    protect_socket,
    quietly,
)
from authz.observability.log import RateLimit, get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygrpc_native import DetailedEvent

    from authz.extauthz.health import HealthState
    from authz.extauthz.transport.base import Service, TransportOptions

# Method ids are positions in this list; True marks a response stream. What is not listed is
# answered UNIMPLEMENTED by the front.
_METHODS: Final = ((CHECK, False), (HEALTH_CHECK, False), (HEALTH_WATCH, True))
_CHECK: Final = 0
_HEALTH_CHECK: Final = 1

_BATCH: Final = 64
# What is looked at together; further calls wait in the front as before.
_LONGEST_QUEUE: Final = 16384
# All that waits is looked at when the last batch that was not full is so long ago, or when a batch
# takes so long. Shorter queues come of every pause of the machine, and are gone soonest when they
# are answered batch by batch: looking through each one made 1 ms of waiting 15 ms (ADR-0038).
_FULL_SECONDS: Final = 0.02
# One tokio thread keeps a Python thread busy; a second one costs switches between them (measured:
# 85,000 against 60,000 always-allow answers a second on one core).
_IO_THREADS: Final = 1
# Calls at once on one connection, and the headers of one as HTTP/2 counts them. The defaults of
# pygrpc-native 0.5.0, written down because what is withstood depends on them (ADR-0042).
_MOST_STREAMS: Final = 1024
_MOST_METADATA: Final = 16 * 1024
# google.rpc.Code
_NOT_FOUND: Final = 5
_INTERNAL: Final = 13

# Calls that could not be answered are logged with a traceback this often at most.
_LOG_INTERVAL_SECONDS: Final = 10.0

# How long nothing must arrive before a stopping transport counts as drained.
_QUIET_SECONDS: Final = 0.05
# The thread comes round this often when nothing arrives: `beats` says so to whoever asks.
_BEAT_MILLISECONDS: Final = 1000
# Between two turns of a front that hands nothing over but errors.
_BROKEN_SECONDS: Final = 0.1


class NativeTransport:
    """Serves checks and health over pygrpc-native."""

    name = "native"

    def __init__(
        self, options: TransportOptions, service: Service, health: HealthState, why: str
    ) -> None:
        self.why = why
        self._check = service.check
        self._shed = service.shed
        self._backlog = Backlog()
        self._caller = options.caller
        self._health = health
        self._listen = options.listen
        self._log_limit = RateLimit(_LOG_INTERVAL_SECONDS)
        self._batches = 0
        self._turns = 0
        self._idle = False
        self._closed = threading.Event()
        self._begun = threading.Event()
        self._bound = False
        claim_socket(options.listen)
        # Before anybody can connect: a port that nobody answers at is worse than none.
        self._thread = threading.Thread(target=self._run, name="authz-native", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise cannot_start(error) from error
        self.threads: Sequence[threading.Thread] = [self._thread]
        try:
            self._front = NativeGrpcFront(
                str(options.listen),
                list(_METHODS),
                io_threads=_IO_THREADS,
                # Deadlines and cancelled watches come with the details only.
                call_details=True,
                max_concurrent_streams=_MOST_STREAMS,
                max_metadata_size=_MOST_METADATA,
                reuse_port=options.reuse_port,
            )
            protect_socket(options.listen)
        except (OSError, ValueError) as error:
            self._begun.set()
            raise cannot_listen(options.listen, error) from error
        self._bound = True
        self.address = bound_address(options.listen, self._front.bound_port)

    def start(self) -> None:
        """Begin to answer."""
        self._front.start()
        self._begun.set()

    def beats(self) -> int:
        """How many calls the thread that answers has taken up, and how often it came round."""
        return self._turns

    def stop(self, grace: float) -> None:
        """Answer what arrives until nothing does, for `grace` seconds at most; then close.

        New calls are answered as well while that lasts: with health at NOT_SERVING, Envoy stops
        sending them, and until it has noticed, an answer beats a refusal.
        """
        deadline = time.monotonic() + grace
        if self._thread.is_alive() and self._begun.is_set():
            while time.monotonic() < deadline:
                batches = self._batches
                # Waiting is what is meant: the front tells no one when its queue runs empty.
                self._thread.join(min(_QUIET_SECONDS, max(0.0, deadline - time.monotonic())))
                if self._idle and self._batches == batches:
                    break
        self._closed.set()
        self._front.close()
        self._begun.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._begun.wait()
        if self._bound:
            self._serve()

    def _serve(self) -> None:
        """Answer until the front is closed. Nothing else ends this thread: all answers are its."""
        receive = self._front.recv_batch_details
        respond = self._front.respond
        check, caller = self._check, self._caller
        # When the queue was last seen to be short, or looked through; at first never. (Nothing that
        # could fail stands before the `try`.)
        short = inf
        while True:
            events: list[Any] | None = []
            try:
                self._idle = True
                events = receive(_BATCH, _BEAT_MILLISECONDS)
                self._idle = False
                if events is None:
                    return
                self._turns += 1
                if not events:
                    continue
                self._batches += 1
                began = received = time.perf_counter()
                if len(events) < _BATCH:
                    short = received
                else:
                    short = min(short, received)
                    if received - short + _BATCH * self._backlog.seconds_each > _FULL_SECONDS:
                        # There may be more than can be answered in time.
                        events = self._in_time(events)
                        began = short = time.perf_counter()
                late = 0
                for kind, call_id, method_id, payload, _, details in events:
                    # A long queue is one turn, and whoever works it off does not hang.
                    self._turns += 1
                    try:
                        if method_id == _CHECK and payload is not None and details is not None:
                            remaining = details[2]
                            # Counted from when the batch was handed over.
                            waited = time.perf_counter() - received
                            if remaining is not None:
                                remaining -= waited
                            if caller is not None:
                                quietly(caller.arrived, details[0])
                            if waited > LONGEST_WAIT:
                                # Those before took longer than the backlog reckoned.
                                late += 1
                                answer = self._shed(payload)
                            else:
                                answer = check(payload, remaining)
                            # False when the caller has given up, which is its own business.
                            if not respond(call_id, answer) and caller is not None:
                                quietly(caller.gone)
                        else:
                            self._other(kind, call_id, method_id, payload)
                    except BaseException as error:  # noqa: BLE001 - the others need this thread
                        self._recover(kind, call_id, method_id, error)
                self._backlog.measured(len(events) - late, time.perf_counter() - began)
            except BaseException as error:  # noqa: BLE001 - everybody else needs this thread
                with suppress(BaseException):
                    self._recover_all(events, error)

    def _in_time(self, events: list[DetailedEvent]) -> list[DetailedEvent]:
        """All that waits, health first, without the checks whose turn would come too late.

        Those are answered here: a denial that says so, while somebody still waits for it.
        """
        while len(events) < _LONGEST_QUEUE and (more := self._front.recv_batch_details(_BATCH, 0)):
            events += more
        checks: list[tuple[DetailedEvent, float | None]] = []
        others: list[DetailedEvent] = []
        for event in events:
            details = event[5]
            if event[2] == _CHECK and details is not None:
                checks.append((event, details[2]))
            else:
                # A worker that is busy is still a healthy one.
                others.append(event)
        answered, shed = self._backlog.divide(checks)
        caller = self._caller
        for kind, call_id, method_id, payload, _, details in shed:
            try:
                if caller is not None and details is not None:
                    quietly(caller.arrived, details[0])
                if (
                    not self._front.respond(call_id, self._shed(payload or b""))
                    and caller is not None
                ):
                    quietly(caller.gone)
            except BaseException as error:  # noqa: BLE001 - everybody else needs this thread
                self._recover(kind, call_id, method_id, error)
        return others + answered

    def _recover(self, kind: int, call_id: int, method_id: int, error: BaseException) -> None:
        """The caller gets an answer, and a denial: an error would be failure_mode_allow's.

        check() never raises; should it, the only thread that answers goes on.
        """
        with suppress(BaseException):
            if kind == EVENT_CALL and method_id == _CHECK:
                self._front.respond(call_id, CONSTANT_DENIAL)
        with suppress(BaseException):
            suppressed = self._log_limit.admit(time.monotonic())
            if suppressed is not None:
                get_logger().error(
                    "a call could not be answered", exc_info=error, suppressed=suppressed
                )

    def _recover_all(self, events: list[Any] | None, error: BaseException) -> None:
        """What broke between the calls of a batch leaves none of them without an answer."""
        if not events:
            # Then it is the front that breaks. Once closed, it says so.
            self._closed.wait(_BROKEN_SECONDS)
        for kind, call_id, method_id, *_ in events or ():
            # The front knows which of them have their answer, and lets this one fall.
            with suppress(BaseException):
                self._recover(kind, call_id, method_id, error)

    def _other(self, kind: int, call_id: int, method_id: int, payload: bytes | None) -> None:
        """Anything but a check: health, and callers who went away."""
        if kind != EVENT_CALL or payload is None:
            # Only a watch is still remembered.
            self._health.unwatch(call_id)
        elif method_id == _CHECK:
            # A call always comes with its details.
            self._front.respond(call_id, CONSTANT_DENIAL)
        else:
            self._answer_health(call_id, method_id, payload)

    def _answer_health(self, call_id: int, method_id: int, payload: bytes) -> None:
        front = self._front
        if method_id == _HEALTH_CHECK:
            answer = self._health.check(payload)
            if answer is None:
                front.fail(call_id, _NOT_FOUND, "unknown service")
            else:
                front.respond(call_id, answer)
            return

        def send(message: bytes) -> bool:
            # Never blocks. A watcher that does not read what it asked for is cut off rather than
            # left with a state that is no longer true.
            sent = front.stream_try_send(call_id, message)
            if sent == STREAM_FULL:
                front.fail(call_id, _INTERNAL, "the stream is not being read")
            return sent == STREAM_SENT

        self._health.watch(payload, call_id, send)
