# SPDX-License-Identifier: Apache-2.0
"""Counting on the check path, and the document workers export."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from authz.certs.failure import VerifyFailure
from authz.certs.presented import CertificateSource
from authz.observability import check_counts
from authz.observability.metrics import BUCKETS, Metrics, counters_only, resident_bytes
from authz.policy.decision import Reason
from tests.factories.decisions import ANONYMOUS, allowed, blocked, client, refused
from tests.factories.policies import snapshot

if TYPE_CHECKING:
    from authz.policy.client import Client

ENVOY = CertificateSource.ENVOY


def test_each_check_is_counted_by_site_action_and_reason() -> None:
    metrics = Metrics()
    metrics.observe(allowed(), ENVOY, 0.0001)
    metrics.observe(blocked(), ENVOY, 0.0001)
    metrics.observe(blocked(), ENVOY, 0.0001)

    export = metrics.export()

    assert export["decisions"] == [
        ["api", "allow", "default_action", 1],
        ["api", "block", "rule", 2],
    ]
    assert export["checks"] == [["allow", 1], ["deny", 2]]


def _rules(metrics: Metrics) -> dict[tuple[str, str], int]:
    return {(one.reason, one.rule): n for one, n in metrics.counts.sums().items()}


def test_rules_are_counted_one_by_one_and_not_as_metrics() -> None:
    metrics = Metrics()
    for decision in (blocked(), blocked(), blocked(rule="other"), allowed()):
        metrics.observe(decision, ENVOY, 0.0001)
    metrics.observe(refused(Reason.AMBIGUOUS_PATH), ENVOY, 0.0001)

    assert _rules(metrics) == {
        ("rule", blocked().rule): 2,
        ("rule", "other"): 1,
        ("default_action", ""): 1,
        ("ambiguous_path", ""): 1,
    }
    assert ["api", "block", "rule", 3] in metrics.export()["decisions"]


def test_events_that_were_dropped_are_reported() -> None:
    metrics = Metrics()
    assert metrics.export()["events_dropped"] == metrics.export()["last_seen_dropped"] == 0
    metrics.events = SimpleNamespace(dropped=3, unseen=4, unrecorded={"too_many": 6})
    metrics.counts.uncounted = 7
    assert metrics.export()["events_dropped"] == 3
    assert b"authz_events_dropped_total 3.0" in metrics.render()
    assert b"authz_last_seen_dropped_total 4.0" in metrics.render()
    assert b'authz_requests_unrecorded_total{why="too_many"} 6.0' in metrics.render()
    assert b"authz_certificate_counts_dropped_total 7.0" in metrics.render()
    assert metrics.export()["unanswered_dropped"] == 0
    metrics.certificates = SimpleNamespace(dropped=5)
    assert b"authz_unanswered_dropped_total 5.0" in metrics.render()


def test_rules_that_get_new_names_again_and_again_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_counts, "MAX_LABELS", 3)
    metrics = Metrics()
    for rule in ("a", "b", "c", "d", "e", "a"):
        metrics.observe(blocked(rule=rule), ENVOY, 0.0001)

    assert _rules(metrics) == {
        ("rule", "a"): 2,
        ("rule", "b"): 1,
        ("rule", "c"): 1,
        ("rule", ""): 2,
    }
    assert metrics.export()["decisions"] == [["api", "block", "rule", 6]]


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (client(), "verified"),
        (client(revoked=True), "revoked"),
        (client(failure=VerifyFailure.CRL_STALE), "crl_stale"),
        (ANONYMOUS, "absent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_certificates_are_counted_by_what_was_found(found: Client, result: str) -> None:
    metrics = Metrics()
    metrics.observe(allowed(client=found), CertificateSource.XFCC, 0.0001)

    assert metrics.export()["certificates"] == [[result, "xfcc", 1]]


def test_a_check_that_ended_before_anybody_asked_counts_no_certificate() -> None:
    metrics = Metrics()
    metrics.observe(refused(Reason.UNKNOWN_HOST), ENVOY, 0.0001)

    assert metrics.export()["certificates"] == []


@pytest.mark.parametrize(
    ("seconds", "position"),
    [(0.0, 0), (BUCKETS[0], 0), (BUCKETS[0] * 1.01, 1), (BUCKETS[-1], len(BUCKETS) - 1), (9, -1)],
)
def test_a_duration_falls_into_the_bucket_that_includes_it(seconds: float, position: int) -> None:
    metrics = Metrics()
    metrics.observe(allowed(), ENVOY, seconds)

    export = metrics.export()

    assert export["buckets"][position] == sum(export["buckets"]) == 1
    assert export["seconds"] == seconds


def test_the_snapshot_that_answers_is_reported() -> None:
    metrics = Metrics()
    assert metrics.export()["snapshot"] is None

    metrics.snapshot_loaded(snapshot(generation=3, at=100.0))

    assert metrics.export()["snapshot"] == [3, 100.0]


def test_failed_reloads_are_counted_by_kind() -> None:
    metrics = Metrics()
    metrics.reload_failed("policy")
    metrics.reload_failed("policy")

    assert metrics.export()["reload_failures"] == [["policy", 2]]


def test_internal_errors_are_counted() -> None:
    metrics = Metrics()
    metrics.internal_error()

    assert metrics.export()["internal_errors"] == 1


def test_an_export_survives_json() -> None:
    metrics = Metrics("1")
    metrics.transport = "native"
    metrics.observe(blocked(), ENVOY, 0.0001)
    metrics.snapshot_loaded(snapshot())
    export = metrics.export()

    assert json.loads(json.dumps(export)) == export


def test_of_a_process_that_is_gone_only_counters_remain() -> None:
    metrics = Metrics("1")
    metrics.transport = "native"
    metrics.memo = type("Memo", (SimpleNamespace,), {"__len__": lambda _: 3})(misses=2, bytes=99)
    for _ in range(7):
        metrics.observe(blocked(), ENVOY, 0.0001)
    metrics.snapshot_loaded(snapshot())

    rest = counters_only(metrics.export())

    assert rest["decisions"] == metrics.export()["decisions"]
    assert rest["memo"] == [5, 2, 0, 0]
    assert rest["snapshot"] is rest["resident_bytes"] is None
    assert rest["transport"] == ""


def test_resident_memory_is_that_of_a_process() -> None:
    assert 10_000_000 < resident_bytes() < 10_000_000_000


def test_only_a_process_that_answers_checks_reports_its_memory() -> None:
    metrics = Metrics()
    assert metrics.export()["resident_bytes"] is None

    metrics.transport = "native"

    assert metrics.export()["resident_bytes"] > 0


def test_a_process_renders_itself() -> None:
    assert b"authz_checks_total" in Metrics().render()


def test_a_certificate_that_was_remembered_anywhere_counts_as_known_and_never_less() -> None:
    metrics = Metrics()
    metrics.memo = memo = type("Memo", (SimpleNamespace,), {"__len__": lambda _: 1})(
        misses=1, bytes=9
    )
    for who in (client(), client(), client(revoked=True), ANONYMOUS):
        metrics.observe(allowed(client=who), ENVOY, 0.0001)
    assert metrics.export()["memo"][0] == 2

    memo.misses = 2  # judged, and not counted yet

    assert metrics.export()["memo"][0] == 2
