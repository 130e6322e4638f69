# SPDX-License-Identifier: Apache-2.0
"""Exports of one or several processes as Prometheus text: the metrics' names, types and help.

`METRICS` is the list of what exists; docs/reference/metrics.md has a heading for each, and a test
compares the two. Imported at the first scrape only, since prometheus_client costs 13 MB.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from authz import __version__
from authz.observability.metrics import BUCKETS, RELOADS
from authz.policy.decision import OUTRIGHT, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.observability.metrics import Export

#: The Content-Type of what render() makes.
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric: its name as scraped, type, label names and help text."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


_SPECS: Final = (
    MetricSpec("authz_checks_total", "counter", ("verdict",), "Checks answered, by verdict."),
    MetricSpec(
        "authz_decisions_total",
        "counter",
        ("site", "action", "reason"),
        "Decisions by site, action of the rule (or default_action) and reason.",
    ),
    MetricSpec(
        "authz_outright_denials_total",
        "counter",
        ("reason",),
        "Denials that no rule and no default_action asked for, by reason.",
    ),
    MetricSpec(
        "authz_certificates_total",
        "counter",
        ("result", "source"),
        "Peer certificates: verified, revoked, or why not verified; by where they came from.",
    ),
    MetricSpec(
        "authz_check_duration_seconds",
        "histogram",
        (),
        "Time from a check's bytes to its answer's bytes.",
    ),
    MetricSpec(
        "authz_internal_errors_total",
        "counter",
        (),
        "Checks that ended in an exception and were denied.",
    ),
    MetricSpec(
        "authz_judgement_memo_hits_total", "counter", (), "Certificates whose judgement was known."
    ),
    MetricSpec(
        "authz_judgement_memo_misses_total", "counter", (), "Certificates that had to be judged."
    ),
    MetricSpec("authz_judgement_memo_entries", "gauge", ("worker",), "Judgements remembered."),
    MetricSpec(
        "authz_judgement_memo_bytes", "gauge", ("worker",), "Memory those are counted with."
    ),
    MetricSpec(
        "authz_snapshot_generation", "gauge", ("worker",), "Number of the snapshot that answers."
    ),
    MetricSpec(
        "authz_snapshot_age_seconds",
        "gauge",
        ("worker",),
        "Seconds since the snapshot that answers was made.",
    ),
    MetricSpec(
        "authz_reload_failures_total",
        "counter",
        ("kind",),
        "Reloads that failed; what was in force stayed.",
    ),
    MetricSpec(
        "authz_reload_failing",
        "gauge",
        (),
        "1 since the last attempt to load the policy file failed, 0 since one succeeded.",
    ),
    MetricSpec(
        "authz_log_lines_dropped_total",
        "counter",
        (),
        "Log lines that could not be written.",
    ),
    MetricSpec(
        "authz_events_dropped_total",
        "counter",
        (),
        "Denials and matches of log rules that were counted and not told.",
    ),
    MetricSpec(
        "authz_last_seen_dropped_total",
        "counter",
        (),
        "Checks whose certificate was not noted as seen; its next check is.",
    ),
    MetricSpec(
        "authz_unanswered_dropped_total",
        "counter",
        (),
        "Certificates that somebody should have asked about and nobody was told of.",
    ),
    MetricSpec(
        "authz_requests_unrecorded_total",
        "counter",
        ("why",),
        "Events that were told without the request they are of.",
    ),
    MetricSpec(
        "authz_decision_log_lines_total",
        "counter",
        (),
        "Lines of the decision log that are written.",
    ),
    MetricSpec(
        "authz_decision_log_dropped_total",
        "counter",
        ("why",),
        "Decisions that should have a line in the decision log and have none.",
    ),
    MetricSpec(
        "authz_decision_log_write_failures_total",
        "counter",
        (),
        "Attempts to write the decision log that ended in an error; its lines wait.",
    ),
    MetricSpec(
        "authz_decision_log_records_exported_total",
        "counter",
        (),
        "Log records of decisions that were handed over.",
    ),
    MetricSpec(
        "authz_decision_log_records_dropped_total",
        "counter",
        ("why",),
        "Decisions that should be a log record and are none.",
    ),
    MetricSpec(
        "authz_log_records_exported_total",
        "counter",
        (),
        "Lines of the service's own log that were handed over as log records.",
    ),
    MetricSpec(
        "authz_log_records_dropped_total",
        "counter",
        ("why",),
        "Lines of the service's own log that should be a log record and are none.",
    ),
    MetricSpec("authz_spans_exported_total", "counter", (), "Spans that were handed over."),
    MetricSpec(
        "authz_spans_dropped_total", "counter", ("why",), "Spans that should be there and are not."
    ),
    MetricSpec(
        "authz_certificate_counts_dropped_total",
        "counter",
        (),
        "Checks that are not in the counts of their certificate; in all others they are.",
    ),
    MetricSpec(
        "authz_crl_next_update_timestamp_seconds",
        "gauge",
        ("site", "authority"),
        "Earliest nextUpdate of an authority's CRLs.",
    ),
    MetricSpec(
        "authz_trust_anchor_not_after_timestamp_seconds",
        "gauge",
        ("authority",),
        "When the first trust anchor of an authority expires.",
    ),
    MetricSpec(
        "authz_worker_checks_total",
        "counter",
        ("worker",),
        "Checks answered, by the process that answers them, since it started.",
    ),
    MetricSpec(
        "authz_worker_resident_memory_bytes",
        "gauge",
        ("worker",),
        "Resident memory of a process that answers checks.",
    ),
    MetricSpec(
        "authz_worker_cpu_seconds_total",
        "counter",
        ("worker",),
        "Processor time of a process that answers checks, user and system.",
    ),
    MetricSpec(
        "authz_transport_info",
        "gauge",
        ("worker", "transport"),
        "1 for the transport that carries a worker's checks.",
    ),
    MetricSpec("authz_start_timestamp_seconds", "gauge", (), "When the service was started."),
    MetricSpec("authz_build_info", "gauge", ("version",), "1 for the version that runs."),
)

#: Every metric by its name as scraped.
METRICS: Final = {spec.name: spec for spec in _SPECS}

#: What was too much, by the name of the metric; the keys of exports.
_DROPPED: Final = {
    "authz_log_lines_dropped_total": "log_lines_dropped",
    "authz_events_dropped_total": "events_dropped",
    "authz_last_seen_dropped_total": "last_seen_dropped",
    "authz_unanswered_dropped_total": "unanswered_dropped",
    "authz_certificate_counts_dropped_total": "certificate_counts_dropped",
}


#: Why a line is lost; why what a collector should have is.
_LINES_LOST: Final = ("queue", "waiting", "shutdown", "error")
_EXPORTS_LOST: Final = ("queue", "export", "shutdown", "error")


def render(exports: Sequence[Export], now: float | None = None) -> bytes:
    """The exports of one or several processes, merged, in the text format.

    Counters are added up; gauges keep the worker they are of. `now` is Unix seconds.
    """
    return generate_latest(_Collected(exports, time.time() if now is None else now))


class _Collected:
    """What generate_latest asks of a registry."""

    def __init__(self, exports: Sequence[Export], now: float) -> None:
        self._exports = exports
        self._now = now

    def collect(self) -> Iterable[Metric]:
        exports = self._exports
        yield from self._checks()
        memos = [(e["worker"], e["memo"]) for e in exports if e["memo"]]
        yield _counter("authz_judgement_memo_hits_total", [[sum(m[0] for _, m in memos)]])
        yield _counter("authz_judgement_memo_misses_total", [[sum(m[1] for _, m in memos)]])
        live = [(worker, m) for worker, m in memos if m[2]]
        yield _gauge("authz_judgement_memo_entries", [[worker, m[2]] for worker, m in live])
        yield _gauge("authz_judgement_memo_bytes", [[worker, m[3]] for worker, m in live])
        snapshots = [(e["worker"], *e["snapshot"]) for e in exports if e["snapshot"]]
        yield _gauge("authz_snapshot_generation", [[worker, n] for worker, n, _ in snapshots])
        ages = [[worker, max(0.0, self._now - at)] for worker, _, at in snapshots]
        yield _gauge("authz_snapshot_age_seconds", ages)
        failures = _rows(exports, "reload_failures")
        yield _counter("authz_reload_failures_total", _zeros(RELOADS) + failures)
        failing = [e["reload_failing"] for e in exports if e["reload_failing"] is not None]
        yield _gauge("authz_reload_failing", [[int(any(failing))]] if failing else [])
        for name, key in _DROPPED.items():
            yield _counter(name, [[sum(e[key] for e in exports)]])
        yield _counter("authz_requests_unrecorded_total", _rows(exports, "unrecorded"))
        yield from self._told()
        yield _gauge(
            "authz_crl_next_update_timestamp_seconds", _earliest(exports, "crl_next_updates")
        )
        ends = _earliest(exports, "anchor_ends")
        yield _gauge("authz_trust_anchor_not_after_timestamp_seconds", ends)
        answered = [
            [e["worker"], sum(n for _, n in e["checks"])] for e in exports if e["transport"]
        ]
        yield _counter("authz_worker_checks_total", answered)
        resident = [[e["worker"], e["resident_bytes"]] for e in exports if e["resident_bytes"]]
        yield _gauge("authz_worker_resident_memory_bytes", resident)
        busy = [[e["worker"], e["cpu_seconds"]] for e in exports if e["cpu_seconds"] is not None]
        yield _counter("authz_worker_cpu_seconds_total", busy)
        transports = [[e["worker"], e["transport"], 1] for e in exports if e["transport"]]
        yield _gauge("authz_transport_info", transports)
        started = [e["started_at"] for e in exports if e["started_at"] is not None]
        yield _gauge("authz_start_timestamp_seconds", [[min(started)]] if started else [])
        yield _gauge("authz_build_info", [[__version__, 1]])

    def _told(self) -> Iterable[Metric]:
        """What became of lines, log records and spans."""
        exports = self._exports
        logs = [e["decision_log"] for e in exports if e["decision_log"]]
        yield _counter("authz_decision_log_lines_total", [[sum(n for n, _ in logs)]])
        yield _counter("authz_decision_log_write_failures_total", [[sum(n for _, n in logs)]])
        lost = _zeros(_LINES_LOST) + _rows(exports, "decision_log_dropped")
        yield _counter("authz_decision_log_dropped_total", lost)
        for name, key in (
            ("authz_decision_log_records", "records"),
            ("authz_log_records", "log_records"),
            ("authz_spans", "spans"),
        ):
            yield _counter(f"{name}_exported_total", [[sum(e[key] or 0 for e in exports)]])
            lost = _zeros(_EXPORTS_LOST) + _rows(exports, f"{key}_dropped")
            yield _counter(f"{name}_dropped_total", lost)

    def _checks(self) -> Iterable[Metric]:
        exports = self._exports
        yield _counter("authz_checks_total", _zeros(Verdict) + _rows(exports, "checks"))
        # A denial that no rule and no default_action asked for has no action of its own.
        decisions = [
            [site, action or "deny", reason, n]
            for site, action, reason, n in _rows(exports, "decisions")
        ]
        yield _counter("authz_decisions_total", decisions)
        outright: Rows = [[reason, n] for _, _, reason, n in decisions if reason in OUTRIGHT]
        yield _counter("authz_outright_denials_total", [*_zeros(OUTRIGHT), *outright])
        yield _counter("authz_certificates_total", _rows(exports, "certificates"))
        yield _histogram("authz_check_duration_seconds", exports)
        errors = sum(e["internal_errors"] for e in exports)
        yield _counter("authz_internal_errors_total", [[errors]])


Rows: TypeAlias = "Iterable[list[object]]"


def _rows(exports: Sequence[Export], key: str) -> list[list[object]]:
    return [row for export in exports for row in export[key]]


def _zeros(labels: Iterable[str]) -> list[list[object]]:
    """What is alerted on is there before it happens: a counter that begins to exist with its first
    value has no increase in it."""
    return [[str(label), 0] for label in labels]


def _counter(name: str, rows: Rows) -> Metric:
    spec = METRICS[name]
    family = CounterMetricFamily(name, spec.help, labels=spec.labels)
    totals: dict[tuple[str, ...], float] = {}
    for *labels, value in rows:
        key = tuple(map(str, labels))
        totals[key] = totals.get(key, 0) + float(str(value))
    for key, total in totals.items():
        family.add_metric(key, total)
    return family


def _gauge(name: str, rows: Rows) -> Metric:
    spec = METRICS[name]
    family = GaugeMetricFamily(name, spec.help, labels=spec.labels)
    for *labels, value in rows:
        family.add_metric(tuple(map(str, labels)), float(str(value)))
    return family


def _histogram(name: str, exports: Sequence[Export]) -> Metric:
    family = HistogramMetricFamily(name, METRICS[name].help)
    total = 0
    buckets: list[tuple[str, float]] = []
    for position, bound in enumerate([*map(str, BUCKETS), "+Inf"]):
        total += sum(e["buckets"][position] for e in exports)
        buckets.append((bound, total))
    family.add_metric((), buckets, sum(e["seconds"] for e in exports))
    return family


def _earliest(exports: Sequence[Export], rows: str) -> list[list[object]]:
    earliest: dict[tuple[str, ...], float] = {}
    for *labels, at in _rows(exports, rows):
        key = tuple(map(str, labels))
        earliest[key] = min(float(str(at)), earliest.get(key, float("inf")))
    return [[*key, at] for key, at in earliest.items()]
