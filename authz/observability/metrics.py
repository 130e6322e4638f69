# SPDX-License-Identifier: Apache-2.0
"""What a worker counts: plain integers on the check path, exported on demand.

Lives here: counting and `export()`, a document that survives JSON so that a supervisor can gather
its workers'. Does not live here: names, help texts and the text format (exposition.py), which need
prometheus_client and are imported at the first scrape. No label value comes from a client: sites
and authorities are the operator's names, everything else is a closed set.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from authz.observability.log import lines_dropped

if TYPE_CHECKING:
    from authz.certs.presented import CertificateSource
    from authz.policy.decision import Decision, Ruling, Standing
    from authz.policy.snapshot import Snapshot

    _Counts = dict[tuple[Ruling, Standing], int]

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

#: Combinations of ruling and client that are counted apart before they are added up. Every snapshot
#: brings rulings of its own.
MAX_COUNTS: Final = 4096

Export = dict[str, Any]

_K = TypeVar("_K")


class Memo(Protocol):
    """What is read of the judgement memo (extauthz.memo.PeerMemo)."""

    hits: int
    misses: int
    bytes: int

    def __len__(self) -> int: ...


class _Totals(NamedTuple):
    """Counts by label values."""

    checks: dict[str, int]
    decisions: dict[tuple[str, str, str], int]
    certificates: dict[tuple[str, str], int]


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
        # Counted by what later becomes the labels. A scrape on another thread takes the pair, so
        # that it never sees one without the other.
        self._counts: _Counts = {}
        self._counted = _Totals({}, {}, {}), self._counts
        self._source: str = ""
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._internal_errors = 0
        self._reload_failures: dict[str, int] = {}
        self._generation = 0
        self._created_at: float | None = None
        self._crl_next_updates: dict[tuple[str, str], float] = {}

    def observe(self, decision: Decision, source: CertificateSource, seconds: float) -> None:
        """Count one check."""
        counts = self._counts
        key = decision[:2]  # ruling and standing
        self._source = source  # a setting: always the same
        known = counts.get(key)
        if known is None:
            if len(counts) >= MAX_COUNTS:
                self._fold()
                counts = self._counts
            counts[key] = 1
        else:
            counts[key] = known + 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def _fold(self) -> None:
        """Let go of rulings of snapshots that are gone."""
        counts: _Counts = {}
        self._counted = self._totals(), counts
        self._counts = counts

    def _totals(self) -> _Totals:
        folded, counts = self._counted
        totals = _Totals(dict(folded.checks), dict(folded.decisions), dict(folded.certificates))
        source = self._source
        for (ruling, standing), n in list(counts.items()):
            _add(totals.checks, ruling.verdict.value, n)
            _add(totals.decisions, (ruling.site, ruling.action, ruling.reason.value), n)
            if standing.judged:
                result = standing.failure or ("revoked" if standing.revoked else "verified")
                _add(totals.certificates, (result, source), n)
        return totals

    def internal_error(self) -> None:
        """Count one check that ended in an exception (and was denied)."""
        self._internal_errors += 1

    def snapshot_loaded(self, snapshot: Snapshot) -> None:
        """Report `snapshot` as the one that answers from now on."""
        self._generation = snapshot.generation
        self._created_at = snapshot.created_at
        self._crl_next_updates = snapshot.crl_next_updates()

    def reload_failed(self, kind: str) -> None:
        """Count one reload that kept what was there; `kind` is a word of ours, never a name."""
        self._reload_failures[kind] = self._reload_failures.get(kind, 0) + 1

    def export(self) -> Export:
        """Everything counted so far, as a document of lists, strings and numbers.

        The keys are those of the metrics' names; a list's last item is the value.
        """
        memo = self.memo
        totals = self._totals()
        return {
            "worker": self.worker,
            "transport": self.transport,
            "checks": [[verdict, n] for verdict, n in totals.checks.items()],
            "decisions": [[*key, n] for key, n in totals.decisions.items()],
            "certificates": [[*key, n] for key, n in totals.certificates.items()],
            "buckets": list(self._buckets),
            "seconds": self._seconds,
            "internal_errors": self._internal_errors,
            "log_lines_dropped": lines_dropped(),
            "reload_failures": [[kind, n] for kind, n in list(self._reload_failures.items())],
            "memo": None if memo is None else [memo.hits, memo.misses, len(memo), memo.bytes],
            "snapshot": None if self._created_at is None else [self._generation, self._created_at],
            "crl_next_updates": [[*key, at] for key, at in self._crl_next_updates.items()],
            "resident_bytes": resident_bytes() if self.transport else None,
        }

    def render(self) -> bytes:
        """This process's metrics in the Prometheus text format."""
        from authz.observability.exposition import render

        return render([self.export()])


def counters_only(export: Export) -> Export:
    """What remains of the export of a process that is gone: counters never go back, gauges end."""
    return export | {
        "transport": "",
        "snapshot": None,
        "crl_next_updates": [],
        "resident_bytes": None,
        "memo": export["memo"] and [*export["memo"][:2], 0, 0],
    }


def resident_bytes() -> int:
    """This process's resident set size; 0 where /proc does not say (it is Linux's)."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
