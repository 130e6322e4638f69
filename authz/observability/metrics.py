# SPDX-License-Identifier: Apache-2.0
"""What a worker counts: plain integers on the check path, exported on demand.

Lives here: counting and `export()`, a document that survives JSON so that a supervisor can gather
its workers'. Does not live here: names, help texts and the text format (exposition.py), which need
prometheus_client and are imported at the first scrape. No label value comes from a client: sites
and authorities are the operator's names, everything else is a closed set.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from authz.observability.check_counts import CheckCounts
from authz.observability.log import handed_on, lines_dropped

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.certs.presented import CertificateSource
    from authz.observability.decision_log import DecisionLog
    from authz.observability.decision_records import DecisionRecords
    from authz.observability.tracing import Tracing
    from authz.policy.decision import Decision
    from authz.policy.snapshot import Snapshot

#: Upper bounds of authz_check_duration_seconds. A check takes tens of microseconds when its
#: certificate is remembered, a millisecond when it is not; Envoy gives up after 200 ms by default.
BUCKETS: Final = (
    0.000025,
    0.00005,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
)

_FIRST: Final = BUCKETS[0]

#: What a reload can fail by.
RELOADS: Final = ("policy", "expression", "certificate", "geoip", "tls", "loader", "snapshot")

Export = dict[str, Any]

_K = TypeVar("_K")


class Memo(Protocol):
    """What is read of the judgement memo (extauthz.memo.ClientMemo)."""

    misses: int

    @property
    def bytes(self) -> int:
        """The memory that is taken."""

    def __len__(self) -> int: ...


class Events(Protocol):
    """What is read of the events (observability.events.EventRecorder)."""

    dropped: int
    unseen: int
    unrecorded: dict[str, int]


class Decisions(Protocol):
    """What is read of the decision log and the traces (observability.decision_feed)."""

    log: DecisionLog | None
    records: DecisionRecords | None
    tracing: Tracing | None

    @property
    def lines_dropped(self) -> dict[str, int]:
        """Lines that were lost, by why."""

    @property
    def records_dropped(self) -> dict[str, int]:
        """Log records that were lost, by why."""

    @property
    def spans_dropped(self) -> dict[str, int]:
        """Spans that were lost, by why."""


class Certificates(Protocol):
    """What is read of the certificates to ask about (observability.seen_certificates)."""

    dropped: int


_Decided = tuple[str, str, str]
_Presented = tuple[str, str]


def _add(counts: dict[_K, int], key: _K, n: int) -> None:
    counts[key] = counts.get(key, 0) + n


class Metrics:
    """The counters and gauges of one process.

    Increments are not locked: both transports run their checks on one thread, and the few numbers
    other threads touch (snapshot, reload failures) are theirs alone.
    """

    def __init__(self, worker: str = "0") -> None:
        self.worker = worker
        #: Which transport carries the checks; `""` in a process that answers none.
        self.transport = ""
        #: The judgement memo to report on, if there is one.
        self.memo: Memo | None = None
        #: Whose dropped events are reported, if anybody's.
        self.events: Events | None = None
        #: Whose dropped certificates are reported, if anybody's.
        self.certificates: Certificates | None = None
        #: Whether the last attempt to load the policy failed; None where nobody loads one.
        self.reload_failing: bool | None = None
        #: Whose decision log and traces are reported on, if there are any.
        self.decisions: Decisions | None = None
        #: What became of log lines of processes that have no metrics of their own, as
        #: log.handed_on.
        self.log_records_beside: Callable[[], dict[str, int]] = dict
        #: How many checks there were, and of which kind.
        self.counts = CheckCounts()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._known_before = 0
        self._internal_errors = 0
        self._reload_failures: dict[str, int] = {}
        self._generation = 0
        self._created_at: float | None = None
        self._crl_next_updates: dict[tuple[str, str], float] = {}
        self._anchor_ends: dict[str, float] = {}
        self._started_at = time.time()

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """Count one check."""
        cell = decision.cell
        if cell is None:
            cell = decision.cell = self.counts.cell(decision, source)
        cell[0] += 1
        # Most checks are in the first.
        self._buckets[0 if seconds <= _FIRST else bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def _known(self, certificates: dict[_Presented, int]) -> int:
        """Presented certificates that needed no judging.

        Whatever remembered them: the memo, or a decision that was made for the same certificate.
        """
        judged = self.memo.misses if self.memo is not None else 0
        presented = sum(n for (result, _), n in certificates.items() if result != "absent")
        # A certificate is judged before its check is counted; a counter never goes back.
        self._known_before = max(self._known_before, presented - judged)
        return self._known_before

    def _totals(self) -> tuple[dict[str, int], dict[_Decided, int], dict[_Presented, int]]:
        """Checks by verdict, by site, action and reason, and by what the certificate was."""
        checks: dict[str, int] = {}
        decisions: dict[_Decided, int] = {}
        certificates: dict[_Presented, int] = {}
        for labels, n in self.counts.sums().items():
            if not n:
                continue
            _add(checks, labels.verdict, n)
            _add(decisions, (labels.site, labels.action, labels.reason), n)
            if labels.result:
                _add(certificates, (labels.result, labels.source), n)
        return checks, decisions, certificates

    def internal_error(self) -> None:
        """Count one check that ended in an exception (and was denied)."""
        self._internal_errors += 1

    def snapshot_loaded(self, snapshot: Snapshot) -> None:
        """Report `snapshot` as the one that answers from now on."""
        self._generation = snapshot.generation
        self._created_at = snapshot.created_at
        self._crl_next_updates = snapshot.crl_next_updates()
        self._anchor_ends = snapshot.anchor_ends()

    def reload_failed(self, kind: str) -> None:
        """Count one reload that kept what was there; `kind` is a word of ours, never a name."""
        self._reload_failures[kind] = self._reload_failures.get(kind, 0) + 1

    def export(self) -> Export:
        """Everything counted so far, as a document of lists, strings and numbers.

        The keys are those of the metrics' names; a list's last item is the value.
        """
        memo = self.memo
        checks, decisions, certificates = self._totals()
        return {
            "worker": self.worker,
            "transport": self.transport,
            "checks": [[verdict, n] for verdict, n in checks.items()],
            "decisions": [[*key, n] for key, n in decisions.items()],
            "certificates": [[*key, n] for key, n in certificates.items()],
            "buckets": list(self._buckets),
            "seconds": self._seconds,
            "internal_errors": self._internal_errors,
            "log_lines_dropped": lines_dropped(),
            "events_dropped": 0 if self.events is None else self.events.dropped,
            "last_seen_dropped": 0 if self.events is None else self.events.unseen,
            "unanswered_dropped": 0 if self.certificates is None else self.certificates.dropped,
            "unrecorded": []
            if self.events is None
            else [[why, n] for why, n in list(self.events.unrecorded.items())],
            **self._told(),
            "certificate_counts_dropped": self.counts.uncounted,
            "reload_failures": [[kind, n] for kind, n in list(self._reload_failures.items())],
            "reload_failing": self.reload_failing,
            "started_at": self._started_at,
            "memo": None
            if memo is None
            else [self._known(certificates), memo.misses, len(memo), memo.bytes],
            "snapshot": None if self._created_at is None else [self._generation, self._created_at],
            "crl_next_updates": [[*key, at] for key, at in self._crl_next_updates.items()],
            "anchor_ends": [[name, at] for name, at in self._anchor_ends.items()],
            "resident_bytes": resident_bytes() if self.transport else None,
            "cpu_seconds": time.process_time() if self.transport else None,
        }

    def _told(self) -> Export:
        """What became of lines, log records and spans."""
        decisions = self.decisions
        log = None if decisions is None else decisions.log
        records = None if decisions is None else decisions.records
        tracing = None if decisions is None else decisions.tracing
        lines = Counter(handed_on()) + Counter(self.log_records_beside())
        return {
            "log_records": lines.pop("exported", 0),
            "log_records_dropped": _pairs(lines),
            "decision_log": None if log is None else [log.written, log.failures],
            "decision_log_dropped": _pairs({} if decisions is None else decisions.lines_dropped),
            "records": None if records is None else records.exported,
            "records_dropped": _pairs({} if decisions is None else decisions.records_dropped),
            "spans": None if tracing is None else tracing.exported,
            "spans_dropped": _pairs({} if decisions is None else decisions.spans_dropped),
        }

    def render(self) -> bytes:
        """This process's metrics in the Prometheus text format."""
        from authz.observability.exposition import render

        return render([self.export()])


def _pairs(counts: dict[str, int]) -> list[list[object]]:
    return [[name, n] for name, n in counts.items()]


def counters_only(export: Export) -> Export:
    """What remains of the export of a process that is gone: counters never go back, gauges end."""
    return export | {
        "transport": "",
        "snapshot": None,
        "crl_next_updates": [],
        "anchor_ends": [],
        "reload_failing": None,
        "started_at": None,
        "resident_bytes": None,
        "cpu_seconds": None,
        "memo": export["memo"] and [*export["memo"][:2], 0, 0],
    }


def resident_bytes() -> int:
    """This process's resident set size; 0 where /proc does not say (it is Linux's)."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
