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
from authz.observability.activity import Report, Rule, RuleCount
from authz.observability.events import MAX_TEXT
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.observability.events import EventRecorder
    from authz.observability.seen_certificates import SeenCertificates

#: Between two looks at what there is to tell.
REPORT_SECONDS: Final = 1.0
#: Between two looks for garbage.
TIDY_SECONDS: Final = 60.0

#: Of each kind in one report. With names and texts as long as they get, it has some 100 KB; Linux
#: gives a socket twice that (net.core.wmem_default), and a quarter is the rule.
MAX_EVENTS: Final = 40
MAX_SEEN: Final = 200
MAX_RULES: Final = 100
#: As MessagePack, without the one that goes beyond it (20 KB).
MAX_EVENT_BYTES: Final = 40_000
MAX_RULE_BYTES: Final = 20_000
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
        decided: Callable[[], Mapping[Rule, int]],
        certificates: SeenCertificates,
    ) -> None:
        """`decided` is how many checks each rule has decided so far."""
        self._recorder = recorder
        self._certificates = certificates
        self._decided = decided
        self._told: dict[Rule, int] = {}
        self._counts: deque[RuleCount] = deque()

    def count(self) -> None:
        """Look at what rules did, if what they did before has been told. Once for many reports."""
        if self._counts:
            return
        now = dict(self._decided())
        for (site, ref), matched in list(self._recorder.logged.items()):
            now[Rule(site, ref, "log")] = matched
        for rule, checks in now.items():
            more = checks - self._told.get(rule, 0)
            if more:
                self._told[rule] = checks
                self._counts.append(
                    RuleCount(
                        site=rule.site[:MAX_TEXT],
                        rule=rule.rule[:MAX_TEXT],
                        action=rule.action,
                        checks=more,
                    )
                )

    def next(self) -> Report:
        """What there is to tell, as much as fits into one report."""
        if unanswered := self._certificates.drain(MAX_CERTIFICATE_BYTES):
            return Report(unanswered=unanswered)
        return Report(
            events=self._recorder.drain_events(MAX_EVENTS, MAX_EVENT_BYTES),
            seen=self._recorder.drain_seen(MAX_SEEN),
            rules=self._next_counts(),
        )

    def _next_counts(self) -> tuple[RuleCount, ...]:
        counts: list[RuleCount] = []
        size = 0
        while self._counts and len(counts) < MAX_RULES and size < MAX_RULE_BYTES:
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
        self._reporting.count()
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
