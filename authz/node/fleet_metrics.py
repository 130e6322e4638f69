# SPDX-License-Identifier: Apache-2.0
"""What a supervisor knows about its workers, as metrics, and what they know, gathered.

The workers' own numbers are merged by observability.exposition; these few describe the fleet. A
worker that is gone keeps counting in the sums (`counters_only`): a counter that went back would
look like a restart of everything.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from authz.node.messages import Collect
from authz.observability.metrics import Metrics, counters_only

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from authz.node.worker_process import WorkerProcess
    from authz.observability.metrics import Export

#: How long a scrape waits for the workers. They answer in a millisecond; one that is compiling a
#: large snapshot may need some turns of the interpreter lock. Prometheus waits 10 s.
COLLECT_SECONDS = 1.0


class FleetMetric(NamedTuple):
    """One metric of the supervisor; docs/reference/metrics.md has a heading for each."""

    name: str
    kind: str
    help: str


WORKERS_READY = FleetMetric("authz_workers_ready", "gauge", "Workers that answer checks.")
RESTARTS = FleetMetric(
    "authz_worker_restarts_total", "counter", "Workers that ended unasked and were started again."
)
HUNG = FleetMetric(
    "authz_worker_hung_total",
    "counter",
    "Workers that gave no sign of life for `grpc.worker_silence_seconds` and were ended.",
)
THREAD_LOST = FleetMetric(
    "authz_worker_thread_lost_total",
    "counter",
    "Workers that ended at once because a thread that answers checks or hears the supervisor did.",
)
UNANSWERED = FleetMetric(
    "authz_worker_unanswered_scrapes_total",
    "counter",
    "Scrapes that a worker did not answer in time; its last numbers stood in.",
)
FLEET_METRICS = (WORKERS_READY, RESTARTS, HUNG, THREAD_LOST, UNANSWERED)


class FleetMetrics:
    """Gathers the exports of `workers()`; `answered` is notified when one arrives.

    Attributes:
        own: what the supervisor itself counts (failed reloads).
        restarts, hung, thread_lost, ready: set by the supervisor.
    """

    def __init__(
        self,
        workers: Callable[[], Sequence[WorkerProcess]],
        answered: threading.Condition,
        *,
        collect_seconds: float = COLLECT_SECONDS,
    ) -> None:
        self.own = Metrics("supervisor")
        self.restarts = 0
        self.hung = 0
        self.thread_lost = 0
        self.ready = 0
        self._workers = workers
        self._condition = answered
        self._seconds = collect_seconds
        self._number = 0
        self._unanswered = 0
        self._gone: Export | None = None

    def retire(self, worker: WorkerProcess) -> None:
        """Keep the counters of a worker that ended, and forget the worker."""
        with self._condition:
            worker.retired = True
            if worker.exported is not None:
                gone = counters_only(worker.exported.metrics)
                self._gone = gone if self._gone is None else add_exports(self._gone, gone)

    def render(self) -> bytes:
        """Everything, in the Prometheus text format. Takes `collect_seconds` at most."""
        from authz.observability.exposition import render

        text = render([self.own.export(), *self._collect()])
        values = (self.ready, self.restarts, self.hung, self.thread_lost, self._unanswered)
        for metric, value in zip(FLEET_METRICS, values, strict=True):
            text += (
                f"# HELP {metric.name} {metric.help}\n"
                f"# TYPE {metric.name} {metric.kind}\n"
                f"{metric.name} {value}\n"
            ).encode()
        return text

    def _collect(self) -> list[Export]:
        with self._condition:
            self._number += 1
            number = self._number
        workers = self._workers()
        asked = [worker for worker in workers if worker.send(Collect(number=number))]
        until = time.monotonic() + self._seconds
        with self._condition:
            while late := [w for w in asked if w.answered < number and w.alive]:
                remaining = until - time.monotonic()
                if remaining <= 0:
                    break
                self._condition.wait(remaining)
            self._unanswered += len(late)
            gone = [] if self._gone is None else [self._gone]
            # Decided under the lock: a worker is either among those that are gone or here.
            return gone + [
                worker.exported.metrics
                for worker in workers
                if worker.exported is not None and not worker.retired
            ]


def add_exports(one: Export, other: Export) -> Export:
    """The sum of two exports of counters: numbers are added, rows by their labels.

    Knows the shape and not the names, so that a new counter needs no change here.
    """
    return {key: _add(value, other[key]) for key, value in one.items()}


def _add(one: Any, other: Any) -> Any:
    if isinstance(one, list) and isinstance(other, list):
        rows = [*one, *other]
        if not all(isinstance(row, list) for row in rows):
            return [a + b for a, b in zip(one, other, strict=True)]
        totals: dict[tuple[Any, ...], float] = {}
        for *labels, value in rows:
            totals[tuple(labels)] = totals.get(tuple(labels), 0) + value
        return [[*labels, total] for labels, total in totals.items()]
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return one if one is not None else other
