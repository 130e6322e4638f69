# SPDX-License-Identifier: Apache-2.0
"""What a process that answers checks tells about them, from a thread of its own, every second.

What it tells is observability's (events, activity); to whom is the caller's: its own `Activity`, or
a supervisor over the channel. A supervisor says when it has heard a report, and until then nothing
more is sent: one that is stopped or slow holds up nobody, and what it misses is dropped and counted
where it was noted. A report is small enough to fit into the channel whatever its reader does.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from authz.node.giving_way import tidy
from authz.observability.activity import Report, Rule, RuleCount
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.observability.events import EventRecorder

#: Between two looks at what there is to tell.
REPORT_SECONDS: Final = 1.0
#: Between two looks for garbage.
TIDY_SECONDS: Final = 60.0

#: Of each kind in one report: some 60 KB at most, less than any socket buffer.
MAX_EVENTS: Final = 40
MAX_SEEN: Final = 200
MAX_RULES: Final = 100
#: Reports in a row: under a flood of denials, telling takes a hundredth of a core.
MAX_REPORTS: Final = 26


class Reporting:
    """What a process has to tell, each thing once."""

    def __init__(self, recorder: EventRecorder, decided: Callable[[], Mapping[Rule, int]]) -> None:
        """`decided` is how many checks each rule has decided so far."""
        self._recorder = recorder
        self._decided = decided
        self._told: dict[Rule, int] = {}

    def next(self) -> Report:
        """What there is to tell, as much as fits into one report."""
        return Report(
            events=self._recorder.drain_events(MAX_EVENTS),
            seen=self._recorder.drain_seen(MAX_SEEN),
            rules=self._rules(),
        )

    def _rules(self) -> tuple[RuleCount, ...]:
        now = dict(self._decided())
        for (site, ref), matched in list(self._recorder.logged.items()):
            now[Rule(site, ref, "log")] = matched
        counts: list[RuleCount] = []
        for rule, checks in now.items():
            more = checks - self._told.get(rule, 0)
            if more and len(counts) < MAX_RULES:
                self._told[rule] = checks
                counts.append(
                    RuleCount(site=rule.site, rule=rule.rule, action=rule.action, checks=more)
                )
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
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def heard(self, number: int) -> None:
        """Report `number` has arrived: there may be more."""
        with self._condition:
            self._heard = max(self._heard, number)
            self._condition.notify_all()

    def stop(self) -> None:
        """Tell what can be told now, and no more."""
        with self._condition:
            if self._stopped:
                return
            self._stopped = True
            self._condition.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._round()

    def _run(self) -> None:
        rounds = 0
        while not self._wait(self._seconds):
            try:
                self._round()
                rounds += 1
                if rounds % self._rounds_to_tidy == 0:
                    tidy()
            except Exception as error:  # noqa: BLE001 - a defect here must not end the telling
                get_logger().error("activity could not be reported", exc_info=error)

    def _wait(self, seconds: float) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped, seconds)
            return self._stopped

    def _round(self) -> None:
        """What there is to tell, in as many reports as it takes and are heard soon enough."""
        for _ in range(MAX_REPORTS):
            if not self._may_tell():
                return
            report = self._reporting.next()
            if report.is_empty:
                return
            with self._condition:
                self._number += 1
            self._tell(self._number, report)

    def _may_tell(self) -> bool:
        """Whether the last report was heard; waits for it a little."""
        if not self._acknowledged:
            return True
        with self._condition:
            return (
                self._condition.wait_for(
                    lambda: self._heard == self._number or self._stopped, self._seconds
                )
                and self._heard == self._number
            )
