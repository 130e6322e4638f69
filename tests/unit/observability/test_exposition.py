# SPDX-License-Identifier: Apache-2.0
"""The text a Prometheus scrapes: names, labels, merging, and the page about it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from authz import __version__
from authz.api.metrics import API_METRICS
from authz.certs.failure import VerifyFailure
from authz.certs.presented import CertificateSource
from authz.node.admin.keeper import RESTARTS, UP
from authz.node.control.metrics import CONTROL_METRICS
from authz.node.fleet_metrics import FLEET_METRICS
from authz.observability.exposition import METRICS, render
from authz.observability.metrics import BUCKETS, RELOADS, Metrics, counters_only
from authz.policy.decision import OUTRIGHT, Reason, Verdict
from authz.sds.metrics import SDS_METRICS
from tests.factories.decisions import allowed, blocked, refused

ENVOY = CertificateSource.ENVOY
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


class Memo:
    misses, bytes = 1, 9000

    def __len__(self) -> int:
        return 3


def worker(name: str, generation: int = 1) -> Metrics:
    metrics = Metrics(name)
    metrics.transport = "native"
    metrics.memo = Memo()
    metrics.observe(allowed(), ENVOY, 0.0001)
    metrics.observe(blocked(), ENVOY, 0.5)
    metrics._generation, metrics._created_at = generation, 1000.0
    metrics._crl_next_updates = {("api", "acme"): 2000.0 + generation}
    metrics._anchor_ends = {"acme": 3000.0 + generation}
    metrics._started_at = 900.0 + generation
    metrics.reload_failing = False
    metrics.reload_failed("policy")
    metrics.decisions = SimpleNamespace(
        log=SimpleNamespace(written=3, failures=1),
        records=SimpleNamespace(exported=4),
        tracing=SimpleNamespace(exported=5),
        lines_dropped={"queue": 2},
        records_dropped={"shutdown": 1},
        spans_dropped={"export": 1},
    )
    metrics.log_records_beside = lambda: {"exported": 6, "export": 3}
    metrics.events = SimpleNamespace(dropped=0, unseen=0, unrecorded={"too_many": 1})
    return metrics


def scrape(*exports: Any, now: float = 1010.0) -> dict[tuple[str, tuple[str, ...]], float]:
    text = render(exports, now).decode()
    return {
        (sample.name, _labels(sample.name, sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _labels(name: str, labels: dict[str, str]) -> tuple[str, ...]:
    """The values in the order in which the labels are documented."""
    spec = METRICS.get(name)
    return tuple(labels[label] for label in (spec.labels if spec else labels))


def test_counters_of_several_workers_are_added_up() -> None:
    found = scrape(worker("0").export(), worker("1").export())

    assert found["authz_checks_total", ("allow",)] == 2
    assert found["authz_decisions_total", ("api", "block", "rule")] == 2
    assert found["authz_certificates_total", ("verified", "envoy")] == 4
    assert found["authz_judgement_memo_hits_total", ()] == 2
    assert found["authz_judgement_memo_misses_total", ()] == 2
    assert found["authz_reload_failures_total", ("policy",)] == 2
    assert found["authz_internal_errors_total", ()] == 0
    assert found["authz_decision_log_lines_total", ()] == 6
    assert found["authz_decision_log_write_failures_total", ()] == 2
    assert found["authz_decision_log_dropped_total", ("queue",)] == 4
    assert found["authz_decision_log_records_exported_total", ()] == 8
    assert found["authz_decision_log_records_dropped_total", ("shutdown",)] == 2
    assert found["authz_log_records_exported_total", ()] == 12
    assert found["authz_log_records_dropped_total", ("export",)] == 6
    assert found["authz_spans_exported_total", ()] == 10
    assert found["authz_spans_dropped_total", ("export",)] == 2


def test_what_can_be_lost_is_there_before_it_is() -> None:
    found = scrape(Metrics("0").export())

    for name, reasons in (
        ("authz_decision_log_dropped_total", ("queue", "waiting", "shutdown", "error")),
        ("authz_decision_log_records_dropped_total", ("queue", "export", "shutdown", "error")),
        ("authz_log_records_dropped_total", ("queue", "export", "shutdown", "error")),
        ("authz_spans_dropped_total", ("queue", "export", "shutdown", "error")),
    ):
        assert [found[name, (why,)] for why in reasons] == [0] * 4
        assert f"`{reasons[1]}`" in PAGE.read_text(encoding="utf-8")


def test_gauges_stay_with_their_worker() -> None:
    found = scrape(worker("0", 4).export(), worker("1", 5).export())

    assert found["authz_snapshot_generation", ("0",)] == 4
    assert found["authz_snapshot_generation", ("1",)] == 5
    assert found["authz_snapshot_age_seconds", ("1",)] == 10
    assert found["authz_judgement_memo_entries", ("0",)] == 3
    assert found["authz_judgement_memo_bytes", ("0",)] == 9000
    assert found["authz_transport_info", ("1", "native")] == 1
    assert found["authz_worker_resident_memory_bytes", ("0",)] > 0
    assert found["authz_worker_checks_total", ("0",)] == 2
    assert found["authz_worker_checks_total", ("1",)] == 2
    assert found["authz_worker_cpu_seconds_total", ("0",)] > 0
    assert found["authz_build_info", (__version__,)] == 1


def test_of_several_next_updates_the_earliest_counts() -> None:
    found = scrape(worker("0", 4).export(), worker("1", 5).export())

    assert found["authz_crl_next_update_timestamp_seconds", ("api", "acme")] == 2004
    assert found["authz_trust_anchor_not_after_timestamp_seconds", ("acme",)] == 3004


def test_what_is_alerted_on_is_there_before_it_happens() -> None:
    found = scrape(Metrics().export())

    assert [found["authz_checks_total", (one.value,)] for one in Verdict] == [0, 0]
    assert [found["authz_outright_denials_total", (one.value,)] for one in OUTRIGHT] == [0] * 8
    assert [found["authz_reload_failures_total", (one,)] for one in RELOADS] == [0] * 7
    assert ("authz_reload_failing", ()) not in found


def test_outright_denials_are_counted_by_reason_and_no_others() -> None:
    metrics = Metrics()
    for reason in (Reason.UNKNOWN_HOST, Reason.UNKNOWN_HOST, Reason.MISDIRECTED):
        metrics.observe(refused(reason), ENVOY, 0.0001)
    metrics.observe(blocked(), ENVOY, 0.0001)
    found = scrape(metrics.export())

    outright = {k: n for k, n in found.items() if k[0] == "authz_outright_denials_total" and n}
    assert outright == {("authz_outright_denials_total", ("unknown_host",)): 2}
    others = {Reason.RULE, Reason.DEFAULT_ACTION, Reason.MISDIRECTED}
    assert set(OUTRIGHT) == set(Reason) - others


def test_a_reload_that_failed_is_told_until_one_succeeds() -> None:
    one, other = worker("0"), Metrics("supervisor")
    other.reload_failing = True
    assert scrape(one.export(), other.export())["authz_reload_failing", ()] == 1

    other.reload_failing = False
    assert scrape(one.export(), other.export())["authz_reload_failing", ()] == 0


def test_the_service_is_as_old_as_its_first_process() -> None:
    found = scrape(worker("0", 4).export(), worker("1", 5).export())

    assert found["authz_start_timestamp_seconds", ()] == 904


def test_the_histogram_is_cumulative() -> None:
    found = scrape(worker("0").export(), worker("1").export())

    assert found["authz_check_duration_seconds_count", ()] == 4
    assert found["authz_check_duration_seconds_bucket", ("0.0001",)] == 2
    assert found["authz_check_duration_seconds_bucket", ("+Inf",)] == 4
    assert found["authz_check_duration_seconds_sum", ()] == 1.0002
    bounds = [labels[0] for name, labels in found if name == "authz_check_duration_seconds_bucket"]
    assert len(bounds) == len(BUCKETS) + 1


def test_an_outright_denial_has_the_action_deny() -> None:
    metrics = Metrics()
    metrics.observe(refused(Reason.UNKNOWN_HOST), ENVOY, 0.0001)

    assert scrape(metrics.export())["authz_decisions_total", ("", "deny", "unknown_host")] == 1


def test_a_worker_that_is_gone_leaves_its_counters() -> None:
    found = scrape(counters_only(worker("0").export()), worker("1").export())

    assert found["authz_checks_total", ("allow",)] == 2
    assert ("authz_snapshot_generation", ("0",)) not in found
    assert ("authz_worker_cpu_seconds_total", ("0",)) not in found
    assert ("authz_judgement_memo_entries", ("0",)) not in found


def test_a_clock_that_went_back_makes_no_negative_age() -> None:
    assert scrape(worker("0").export(), now=0)["authz_snapshot_age_seconds", ("0",)] == 0


def test_exactly_the_listed_metrics_are_rendered_with_the_listed_labels() -> None:
    text = render([worker("0").export()]).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[name] = (family.type, labels)

    assert found == {spec.name: (spec.kind, set(spec.labels)) for spec in METRICS.values()}


def test_every_metric_has_its_heading_with_type_and_labels() -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^##+ `(\w+)`\n\n(.*)$", page, re.MULTILINE))

    others = {metric.name for metric in (*FLEET_METRICS, *CONTROL_METRICS, *SDS_METRICS)}
    others |= {metric.name for metric in (*API_METRICS, UP, RESTARTS)}
    assert set(sections) == set(METRICS) | others
    for metric in SDS_METRICS:
        assert sections[metric.name].lower().startswith(metric.kind)
        assert (f"label `{metric.label}`" in sections[metric.name]) == bool(metric.label)
    for api in API_METRICS:
        assert sections[api.name].lower().startswith(api.kind)
        assert all(f"`{label}`" in sections[api.name] for label in api.labels)
    for name, spec in METRICS.items():
        assert sections[name].lower().startswith(spec.kind)
        assert set(re.findall(r"`(\w+)`", sections[name].partition("(")[0])) == set(spec.labels)


def test_every_certificate_result_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert not [failure for failure in VerifyFailure if f"`{failure.value}`" not in page]
