# SPDX-License-Identifier: Apache-2.0
"""The workers' numbers, gathered: nothing is counted twice, nothing is forgotten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from authz.certs.presented import CertificateSource
from authz.node.fleet_metrics import FleetMetrics, add_exports
from authz.node.messages import Collect, Export
from authz.observability.metrics import Metrics, counters_only
from tests.factories.decisions import allowed, blocked

if TYPE_CHECKING:
    from authz.node.worker_process import WorkerProcess

ENVOY = CertificateSource.ENVOY


class _Worker:
    """A worker as FleetMetrics sees it; a silent one does not answer."""

    def __init__(self, name: str, answered: threading.Condition, *, silent: bool = False) -> None:
        self.metrics = Metrics(name)
        self.metrics.transport = "native"
        self.exported: Export | None = None
        self.answered = 0
        self.retired = False
        self.alive = True
        self.silent = silent
        self._condition = answered

    def send(self, message: Collect) -> bool:
        if not self.alive:
            return False
        if not self.silent:
            with self._condition:
                self.exported = Export(number=message.number, metrics=self.metrics.export())
                self.answered = message.number
                self._condition.notify_all()
        return True


class _Fleet:
    def __init__(self, count: int = 2) -> None:
        self.condition = threading.Condition()
        self.workers = [_Worker(str(index), self.condition) for index in range(count)]
        self.metrics = FleetMetrics(self._listed, self.condition, collect_seconds=0.05)

    def _listed(self) -> list[WorkerProcess]:
        return list(self.workers)  # type: ignore[arg-type]  # what FleetMetrics uses is there

    def value(self, sample: str) -> float | None:
        for line in self.metrics.render().decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return None


ALLOWED = 'authz_checks_total{verdict="allow"}'
UNANSWERED = "authz_worker_unanswered_scrapes_total"


def test_counters_are_added_and_gauges_keep_their_worker() -> None:
    fleet = _Fleet()
    for worker in fleet.workers:
        worker.metrics.observe(allowed(), ENVOY, 0.001)
    assert fleet.value(ALLOWED) == 2
    assert fleet.value('authz_transport_info{transport="native",worker="1"}') == 1
    assert fleet.value(UNANSWERED) == 0


def test_the_last_numbers_of_a_silent_worker_stand_in() -> None:
    fleet = _Fleet()
    fleet.workers[0].metrics.observe(allowed(), ENVOY, 0.001)
    assert fleet.value(ALLOWED) == 1
    fleet.workers[0].silent = True
    assert fleet.value(ALLOWED) == 1
    assert fleet.value(UNANSWERED) == 2


def test_a_silent_worker_that_never_spoke_is_left_out() -> None:
    fleet = _Fleet()
    fleet.workers[0].silent = True
    fleet.workers[1].metrics.observe(allowed(), ENVOY, 0.001)
    assert fleet.value(ALLOWED) == 1


def test_a_worker_that_dies_while_it_is_asked_is_not_waited_for() -> None:
    fleet = _Fleet()
    fleet.workers[0].alive = False
    assert fleet.value(UNANSWERED) == 0


def test_what_workers_that_are_gone_had_counted_stays() -> None:
    fleet = _Fleet()
    for worker in list(fleet.workers):
        worker.metrics.observe(allowed(), ENVOY, 0.001)
        assert fleet.value(ALLOWED) is not None
        # Between the two steps it is listed and retired: it must not count twice.
        fleet.metrics.retire(worker)  # type: ignore[arg-type]  # as above
        assert fleet.value(ALLOWED) == 1 + (worker is fleet.workers[-1])
    fleet.workers.clear()
    assert fleet.value(ALLOWED) == 2
    assert fleet.value('authz_transport_info{transport="native",worker="1"}') is None


def test_a_worker_that_never_spoke_is_retired_without_a_trace() -> None:
    fleet = _Fleet()
    fleet.metrics.retire(fleet.workers.pop())  # type: ignore[arg-type]  # as above
    assert fleet.value(ALLOWED) == 0


def test_the_supervisors_own_numbers_are_there() -> None:
    fleet = _Fleet()
    fleet.metrics.own.reload_failed("policy")
    fleet.metrics.ready, fleet.metrics.restarts = 2, 5
    assert fleet.value('authz_reload_failures_total{kind="policy"}') == 1
    assert fleet.value("authz_workers_ready") == 2
    assert fleet.value("authz_worker_restarts_total") == 5


def test_two_exports_add_up_to_what_one_process_would_have_counted() -> None:
    one, other, both = Metrics("0"), Metrics("1"), Metrics("0")
    for metrics in (one, both):
        metrics.observe(allowed(), ENVOY, 0.25)
        metrics.reload_failed("policy")
    for metrics in (other, both):
        metrics.observe(blocked(), ENVOY, 0.5)
        metrics.observe(allowed(), ENVOY, 0.125)
        metrics.internal_error()
    total = add_exports(counters_only(one.export()), counters_only(other.export()))
    # What the log dropped is a fact about this process, which plays all three.
    total["log_lines_dropped"] = both.export()["log_lines_dropped"]
    assert total == counters_only(both.export())
