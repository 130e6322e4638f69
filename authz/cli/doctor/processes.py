# SPDX-License-Identifier: Apache-2.0
"""What a running authz says of its own processes: how many, how often they ended, what they lost.

Reads the same metrics as `service`; names are those of docs/reference/metrics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz import __version__
from authz.cli.doctor.findings import Finding
from authz.cli.doctor.service import total_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.cli.doctor.service import Sample
    from authz.settings import Settings

#: So many rolling restarts are somebody's habit; more of each worker are a trouble.
RESTARTS: Final = 3

#: What was lost, by metric: what, and what to do.
_LOST: Final = {
    "authz_log_lines_dropped_total": (
        "log lines",
        "whoever reads standard error is gone, or too slow",
    ),
    "authz_decision_log_dropped_total": (
        "lines of the decision log",
        "its disk is full or too slow, or more came than it takes (decision_log.sample)",
    ),
    "authz_decision_log_records_dropped_total": (
        "log records of decisions",
        "the collector does not answer, or takes too few: send fewer (decision_log.sample)",
    ),
    "authz_log_records_dropped_total": (
        "log records of the service's own log",
        "the collector does not answer, or takes too few: send fewer (log.level)",
    ),
    "authz_spans_dropped_total": (
        "spans",
        "the collector does not answer, or takes too few: sample fewer (tracing.sample)",
    ),
    "authz_events_dropped_total": (
        "events",
        "more than 1,024 came within a second: sample fewer (events.allowed_every)",
    ),
    "authz_events_not_kept_total": (
        "events",
        "the store was down for too long, or refused them: the log says why",
    ),
    "authz_counts_not_kept_total": (
        "counts of checks",
        "the store was down for too long, or refused them: the log says why",
    ),
}


def look(samples: Iterable[Sample], settings: Settings, where: str) -> Iterator[Finding]:
    """Findings about the processes of the service at `where`."""
    known = list(samples)
    names = {one.name for one in known}
    versions = {one.labels.get("version", "") for one in known if one.name == "authz_build_info"}
    if versions - {__version__}:
        yield Finding(
            id="other-version",
            where=where,
            what=f"it is version {', '.join(sorted(versions))}, this command is {__version__}",
            do="restart it after an upgrade, or use its own command",
        )
    wanted = settings.grpc.workers
    ready = total_of(known, "authz_workers_ready")
    if "authz_workers_ready" in names and ready < wanted:
        yield Finding(
            id="workers-missing",
            where=where,
            what=f"{ready:.0f} of {wanted} workers answer checks",
            do="look again: they may be starting; else the log says why they do not",
        )
    restarts = total_of(known, "authz_worker_restarts_total")
    if restarts > RESTARTS * wanted:
        yield Finding(
            id="worker-restarts",
            where=where,
            what=f"workers were replaced {restarts:.0f} times since the start",
            do="if nobody asked for it (SIGUSR2), the log says how they ended: give them more "
            "memory if the system killed them",
        )
    generations = {one.value for one in known if one.name == "authz_snapshot_generation"}
    if len(generations) > 1:
        yield Finding(
            id="workers-differ",
            where=where,
            what="workers answer by different snapshots: "
            + ", ".join(f"{one:.0f}" for one in sorted(generations)),
            do="look again: a moment after a change it is so; if it stays, SIGUSR2 replaces them",
        )
    if "authz_api_up" in names and total_of(known, "authz_api_up") == 0:
        yield Finding(
            id="api-down",
            where=where,
            what="the process of the management API does not answer; checks go on",
            do="the log says why",
        )
    for name, (what, do) in _LOST.items():
        lost = total_of(known, name)
        if lost:
            yield Finding(id="lost", where=where, what=f"{lost:.0f} {what} were lost", do=do)
