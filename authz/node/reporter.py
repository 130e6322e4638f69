# SPDX-License-Identifier: Apache-2.0
"""What a process that answers checks tells about them, from a thread of its own, every second.

What it tells is observability's (events, activity); to whom is the caller's: its own `Activity`, or
a supervisor over the channel. A supervisor says when it has heard a report, and until then nothing
more is sent: one that is stopped or slow holds up nobody, and what it misses is dropped and counted
where it was noted. A report is small enough to fit into the channel whatever its reader does. Who
stops tells what is left, as long as somebody hears it within a second.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from authz.node.giving_way import tidy
from authz.observability.activity import LOGGED, Counted, Report
from authz.observability.events import MAX_TEXT
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.observability.check_counts import CheckCounts, Labels
    from authz.observability.events import EventRecorder
    from authz.observability.seen_certificates import SeenCertificates

#: Between two looks at what there is to tell.
REPORT_SECONDS: Final = 1.0
#: What was counted of certificates, of which there are many, is told so many rounds after another.
CERTIFICATE_ROUNDS: Final = 10
#: Between two looks for garbage.
TIDY_SECONDS: Final = 60.0

#: Of each kind in one report. With names and texts as long as they get, it has some 100 KB; Linux
#: gives a socket twice that (net.core.wmem_default), and a quarter is the rule.
MAX_EVENTS: Final = 40
MAX_SEEN: Final = 200
MAX_COUNTS: Final = 100
MAX_CERTIFICATES: Final = 100
#: As MessagePack, without the one that goes beyond it (20 KB).
MAX_EVENT_BYTES: Final = 40_000
MAX_COUNT_BYTES: Final = 20_000
#: Of certificates that somebody should ask about, without the one that goes beyond it (32 KB);
#: they have reports of their own.
MAX_CERTIFICATE_BYTES: Final = 64_000
#: Reports in a row: under a flood of denials, telling takes a hundredth of a core.
MAX_REPORTS: Final = 26

#: How long the last reports of a process that stops may take.
FLUSH_SECONDS: Final = 1.0


class Reporting:
    """What a process has to tell, each thing once."""

    def __init__(
        self,
        recorder: EventRecorder,
        counts: CheckCounts,
        certificates: SeenCertificates,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._recorder = recorder
        self._certificates = certificates
        self._sums = counts
        self._clock = clock
        self._told: dict[Labels, int] = {}
        self._logged: dict[tuple[str, str], int] = {}
        self._counts: deque[Counted] = deque()
        self._rounds = 0
        self._certificates_due = False

    def count(self, *, last: bool = False) -> None:
        """Look at what was counted, if what was before has been told. Once for many reports.

        Certificates have their turn every CERTIFICATE_ROUNDS, and when it is the `last` time.
        """
        self._rounds += 1
        self._certificates_due = last or self._rounds % CERTIFICATE_ROUNDS == 0
        if self._counts:
            return
        minute = int(self._clock()) // 60 * 60
        # What is told apart for metrics alone is one here.
        found: dict[tuple[str, str, str, str, str], int] = {}
        for labels, checks in self._sums.sums().items():
            more = checks - self._told.get(labels, 0)
            if more:
                self._told[labels] = checks
                key = labels.site, labels.verdict, labels.reason, labels.action, labels.rule
                found[key] = found.get(key, 0) + more
        for (site, ref), matched in list(self._recorder.logged.items()):
            more = matched - self._logged.get((site, ref), 0)
            if more:
                self._logged[site, ref] = matched
                found[site, "", LOGGED, "log", ref] = more
        for (site, verdict, reason, action, rule), checks in found.items():
            self._counts.append(
                Counted(
                    minute=minute,
                    site=site[:MAX_TEXT],
                    verdict=verdict,
                    reason=reason,
                    action=action,
                    rule=rule[:MAX_TEXT],
                    checks=checks,
                )
            )

    def next(self) -> Report:
        """What there is to tell, as much as fits into one report."""
        if unanswered := self._certificates.drain(MAX_CERTIFICATE_BYTES):
            return Report(unanswered=unanswered)
        return Report(
            events=self._recorder.drain_events(MAX_EVENTS, MAX_EVENT_BYTES),
            seen=self._recorder.drain_seen(MAX_SEEN),
            counts=self._next_counts(),
            certificates=self._sums.drain_certificates(MAX_CERTIFICATES)
            if self._certificates_due
            else (),
        )

    def _next_counts(self) -> tuple[Counted, ...]:
        counts: list[Counted] = []
        size = 0
        while self._counts and len(counts) < MAX_COUNTS and size < MAX_COUNT_BYTES:
            counts.append(self._counts.popleft())
            size += len(msgspec.msgpack.encode(counts[-1]))
        return tuple(counts)


class Reporter:
    """Tells every second until it is stopped.

    Args:
        reporting: what there is to tell.
        tell: gets each report with a number.
        acknowledged: whether `heard` is called with that number, and waited for.
    """

    def __init__(
        self,
        reporting: Reporting,
        tell: Callable[[int, Report], None],
        *,
        acknowledged: bool,
        seconds: float = REPORT_SECONDS,
        tidy_seconds: float = TIDY_SECONDS,
    ) -> None:
        self._reporting = reporting
        self._tell = tell
        self._acknowledged = acknowledged
        self._seconds = seconds
        self._rounds_to_tidy = max(1, round(tidy_seconds / seconds))
        self._condition = threading.Condition()
        self._number = 0
        self._heard = 0
        self._stopped = False
        self._alone = False
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def heard(self, number: int) -> None:
        """Report `number` has arrived: there may be more."""
        with self._condition:
            self._heard = max(self._heard, number)
            self._condition.notify_all()

    def abandon(self) -> None:
        """Nobody hears anything any more: there is nothing to wait for."""
        with self._condition:
            self._alone = True
            self._condition.notify_all()

    def stop(self) -> None:
        """Tell what is left, in `FLUSH_SECONDS` at most, and no more after that."""
        with self._condition:
            if self._stopped:
                return
            self._stopped = True
            self._condition.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._guarded(self._flush)

    def _run(self) -> None:
        rounds = 0
        while not self._wait(self._seconds):
            self._guarded(self._round)
            rounds += 1
            if rounds % self._rounds_to_tidy == 0:
                self._guarded(tidy)

    def _guarded(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:  # noqa: BLE001 - a defect here must not end the telling
            get_logger().error("activity could not be reported", exc_info=error)

    def _wait(self, seconds: float) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped, seconds)
            return self._stopped

    def _round(self) -> None:
        """What there is to tell, in as many reports as it takes and are heard soon enough."""
        if not self._may_tell():
            return
        self._reporting.count()
        for _ in range(MAX_REPORTS):
            if not (self._tell_next() and self._may_tell()):
                return

    def _flush(self) -> None:
        """Everything that is left. Returns when it was heard: then nobody hangs up too early."""
        until = time.monotonic() + FLUSH_SECONDS
        if not self._is_heard(until):
            return
        self._reporting.count(last=True)
        while self._tell_next() and self._is_heard(until):
            pass

    def _tell_next(self) -> bool:
        """Tell something, if there is anything."""
        report = self._reporting.next()
        if report.is_empty:
            return False
        with self._condition:
            self._number += 1
        self._tell(self._number, report)
        return True

    def _may_tell(self) -> bool:
        """Whether the last report was heard and there is time for another; waits a little."""
        return self._is_heard(time.monotonic() + self._seconds, lambda: self._stopped)

    def _is_heard(self, until: float, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Whether the last report was heard; waits for it, but not beyond `until`."""
        if not self._acknowledged:
            return time.monotonic() < until
        with self._condition:
            self._condition.wait_for(
                lambda: self._heard == self._number or self._alone or given_up(),
                max(0.0, until - time.monotonic()),
            )
            return self._heard == self._number and not self._alone
