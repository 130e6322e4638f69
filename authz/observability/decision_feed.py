# SPDX-License-Identifier: Apache-2.0
"""Decisions on their way to whoever tells of them: the decision log, log records, and traces.

On the thread that answers checks, `note` puts a decision into a bounded queue if somebody wants it,
with the request's bytes, unread. A thread of the feed's own reads them and hands both on. Neither
what is wanted nor who takes it can delay, end or change a check: there is no lock, no system call
and nothing that raises; what cannot be kept is counted.

Events (events.py) are told of as before, and first. With neither log nor traces there is no feed,
and a check pays nothing for it.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.observability.checked_request import NOTHING
from authz.observability.decision_words import Noted, is_blocked
from authz.observability.log import RateLimit, get_logger
from authz.observability.trace_context import TRACEPARENT, span_of, trace_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.observability.checked_request import CheckedRequest
    from authz.observability.decision_line import DecisionLine
    from authz.observability.decision_log import DecisionLog
    from authz.observability.decision_records import DecisionRecords
    from authz.observability.events import Note
    from authz.observability.trace_context import TraceContext
    from authz.observability.tracing import Tracing
    from authz.policy.decision import Decision

#: Decisions that wait for the thread, and bytes of their requests.
MAX_QUEUED: Final = 8192
MAX_QUEUED_BYTES: Final = 16 * 1024 * 1024
#: Between two looks at what waits.
ROUND_SECONDS: Final = 0.1
#: How long the end of a process waits for the last lines, records and spans, all together; for a
#: disk, so large a share of it: who takes records and spans has the rest.
FLUSH_SECONDS: Final = 2.0
DISK_SHARE: Final = 0.5
#: Characters of a detail, bytes of a host and a path that are kept.
MAX_DETAIL: Final = 256
MAX_TARGET: Final = 4096
#: Bytes of a request that are kept; of a longer one, only what was read of it is told.
MAX_KEPT_BYTES: Final = 65_536

_TRACEPARENT: Final = TRACEPARENT.encode()
_LOG_INTERVAL: Final = 10.0

_Metadata: TypeAlias = "Sequence[tuple[str, str | bytes]]"


class DecisionFeed:
    """Takes decisions in and hands them on. One thread calls `arrived`, `note` and `gone`.

    Args:
        tell: who is told of events, called before anything is done here.
        read: the request of a CheckRequest's bytes; may raise.
        log: who says which decisions have a line and what it says, and writes it if there is a
            file; None where nobody wants any.
        tracing: who makes spans, if anybody does.
        records: who makes log records of lines, if anybody does; not without `log`.
    """

    def __init__(
        self,
        tell: Note,
        read: Callable[[bytes], CheckedRequest],
        log: DecisionLog | None = None,
        tracing: Tracing | None = None,
        records: DecisionRecords | None = None,
    ) -> None:
        self.log = log
        self.tracing = tracing
        self.records = records
        self._tell = tell
        self._read = read
        self._every = tracing is not None or (log is not None and log.wants_allowed)
        self._keeps_certificate = log is not None and log.wants_certificate
        self._queue: deque[Noted] = deque()
        # Each thread adds to its own, so neither is locked.
        self._bytes_in = 0
        self._bytes_out = 0
        # What this thread could not keep: lines, of which records are made, and spans.
        self._overflowed = [0, 0]
        # What it could not even note. Whether a line, a span or both are lost is not known: both.
        self._broken = 0
        self._metadata: _Metadata = ()
        self._last = b""
        self._gone: set[bytes] = set()
        self._left: Noted | None = None
        self._stopping = threading.Event()
        self._limit = RateLimit(_LOG_INTERVAL)
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)

    @property
    def lines_dropped(self) -> dict[str, int]:
        """Lines that were lost, by why; a copy."""
        if self.log is None or not self.log.has_file:
            return {}
        return _more(dict(self.log.dropped), queue=self._overflowed[0], error=self._broken)

    @property
    def records_dropped(self) -> dict[str, int]:
        """Log records that were lost, by why; a copy."""
        if self.records is None:
            return {}
        return _more(self.records.counts(), queue=self._overflowed[0], error=self._broken)

    @property
    def spans_dropped(self) -> dict[str, int]:
        """Spans that were lost, by why; a copy."""
        if self.tracing is None:
            return {}
        return _more(self.tracing.counts(), queue=self._overflowed[1], error=self._broken)

    # --- the thread that answers checks ---------------------------------------------------------

    def arrived(self, metadata: _Metadata) -> None:
        """A call is about to be answered, with this metadata."""
        self._metadata = metadata
        self._last = b""

    def note(
        self,
        decision: Decision,
        decision_id: bytes,
        at: float,
        host: bytes,
        path: bytes,
        data: bytes,
        seconds: float = 0.0,
    ) -> None:
        """Note a decision, if somebody wants it. Raises only what telling of an event raises."""
        self._tell(decision, decision_id, at, host, path, data, seconds)
        try:
            ruling = decision.ruling
            blocked = is_blocked(ruling)
            if blocked or self._every:
                # The next one is asked about as well, whatever an event would want.
                decision.due = -math.inf
            log, tracing = self.log, self.tracing
            for_log = log is not None and log.wants(decision_id, blocked)
            for_trace = tracing is not None and tracing.wants(self._metadata)
            if not (for_log or for_trace):
                return
            size = len(data)
            if size > MAX_KEPT_BYTES:
                data, size = b"", 0
            if (
                len(self._queue) >= MAX_QUEUED
                or self._bytes_in - self._bytes_out + size > MAX_QUEUED_BYTES
            ):
                self._overflowed[0] += for_log
                self._overflowed[1] += for_trace
                return
            client = decision.client
            certificate = client.certificate if client and self._keeps_certificate else None
            self._bytes_in += size
            self._queue.append(
                Noted(
                    ruling,
                    decision.standing,
                    decision.detail[:MAX_DETAIL],
                    b"" if client is None else client.fingerprint,
                    certificate,
                    decision_id,
                    at,
                    seconds,
                    host[-MAX_TARGET:],
                    path[:MAX_TARGET],
                    data,
                    self._metadata,
                    for_log,
                    for_trace,
                )
            )
            self._last = decision_id
        except BaseException:  # noqa: BLE001 - an answer is there, and stays what it is
            self._broken += 1

    def gone(self) -> None:
        """Whoever made the last call did not wait for its answer."""
        if self._last:
            self._gone.add(self._last)

    def about(self, data: bytes) -> dict[str, str]:
        """What a log line says of the check that is being answered: its trace, if it has one."""
        request = NOTHING
        # A panic of an extension is no Exception: it would take the line along that tells of it.
        with suppress(BaseException):
            request = self._read(data)
        trace_id = trace_of(span_of(self._metadata), request)
        return {"trace_id": trace_id} if trace_id else {}

    # --- another thread -------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to hand decisions on."""
        self._thread.start()

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Hand on what is left, for so long at most; what is still there then is lost."""
        until = time.monotonic() + seconds
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(seconds * DISK_SHARE)
        if self._thread.is_alive():
            # It waits for a disk. Nobody else does.
            self._leave(list(self._queue))
        else:
            self._guarded(lambda: self._hand_on(len(self._queue)))
            if self.log is not None:
                self._guarded(lambda: self._write(at_once=True))
                self.log.close()
        # Side by side: a collector that takes nothing takes the time for the end only once.
        if self.tracing is not None:
            self._guarded(self.tracing.begin_to_end)
        if self.records is not None:
            self._guarded(self.records.begin_to_end)
        if self.tracing is not None:
            self._guarded(partial(self.tracing.stop, max(0.0, until - time.monotonic())))
        if self.records is not None:
            self._guarded(partial(self.records.stop, max(0.0, until - time.monotonic())))

    def _leave(self, waiting: list[Noted]) -> None:
        """Count what nobody will hand on as lost."""
        lines = sum(noted.for_log for noted in waiting)
        if self.log is not None:
            self.log.lost("shutdown", lines + self.log.waiting)
        if self.records is not None:
            self.records.lost("shutdown", lines)
        if self.tracing is not None:
            self.tracing.lost("shutdown", sum(noted.for_trace for noted in waiting))

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            self._guarded(self._round)

    def _guarded(self, do: Callable[[], object]) -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001 - the next round goes on
            self._report(error)

    def _round(self) -> None:
        count = len(self._queue)
        if count and (latest := self._queue[count - 1]) is not self._left:
            # Whether its caller has waited for the answer is known a moment later.
            self._left = latest
            count -= 1
        self._hand_on(count)
        self._write()

    def _write(self, *, at_once: bool = False) -> None:
        if self.log is not None:
            self.log.write(at_once=at_once)

    def _hand_on(self, most: int) -> None:
        for _ in range(most):
            noted = self._queue.popleft()
            self._bytes_out += len(noted.data)
            self._take(noted)

    def _take(self, noted: Noted) -> None:
        request = NOTHING
        if noted.data:
            # It may be anything: it may have been denied for that.
            with suppress(BaseException):
                request = self._read(noted.data)
        delivered = noted.decision_id not in self._gone
        self._gone.discard(noted.decision_id)
        trace_id, parent = "", None
        with suppress(BaseException):
            parent = span_of(noted.metadata)
            trace_id = trace_of(parent, request)
        span = None
        if self.tracing is not None and noted.for_trace:
            try:
                span = self.tracing.take(noted, request, parent, delivered=delivered)
            except BaseException as error:  # noqa: BLE001 - one span is lost, and counted
                self.tracing.lost("error")
                self._report(error)
        if self.log is not None and noted.for_log:
            if self.log.is_full and self.records is None:
                # Nobody would see it: it is not made.
                self.log.lost("waiting")
                return
            try:
                line = self.log.take(noted, request, trace_id, delivered=delivered)
            except BaseException as error:  # noqa: BLE001 - one line is lost, and counted
                self.log.lost("error")
                if self.records is not None:
                    self.records.lost("error")
                self._report(error)
            else:
                self._record(line, span or parent)

    def _record(self, line: DecisionLine, span: TraceContext | None) -> None:
        if self.records is None:
            return
        try:
            self.records.take(line, span)
        except BaseException as error:  # noqa: BLE001 - one record is lost, and counted
            self.records.lost("error")
            self._report(error)

    def _report(self, error: BaseException) -> None:
        suppressed = self._limit.admit(time.monotonic())
        if suppressed is not None:
            get_logger().error(
                "a decision could not be told of", exc_info=error, suppressed=suppressed
            )


def trace_of(span: TraceContext | None, request: CheckedRequest) -> str:
    """The trace id that a line names: that of Envoy's span; where it names none, the one of the
    request's header, which is the client's word. `""` where there is neither."""
    found = span or trace_context(request.header(_TRACEPARENT).decode("latin-1"))
    return "" if found is None else found.trace_id


def _more(found: dict[str, int], **counts: int) -> dict[str, int]:
    for why, count in counts.items():
        if count:
            found[why] = found.get(why, 0) + count
    return found
