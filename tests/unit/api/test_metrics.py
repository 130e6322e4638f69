# SPDX-License-Identifier: Apache-2.0
"""What the API counts, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from authz.api.metrics import API_METRICS, BUCKETS, ApiMetrics, Cut


def test_everything_is_written_as_it_is_listed() -> None:
    metrics = ApiMetrics()
    metrics.answered("GET", "/zones", 200, 0.01)
    metrics.answered("GET", "/zones", 401, 0.2)
    metrics.answered('BREW"', "", 404, 60.0)
    metrics.answered("POST", "/zones", 429, 0.2)
    metrics.cut("full")
    metrics.in_flight, metrics.connections = 3, 4

    families = {one.name: one for one in text_string_to_metric_families(metrics.render().decode())}

    assert {f"{one.name}{'_total' * (one.type == 'counter')}" for one in families.values()} == {
        one.name for one in API_METRICS
    }
    for metric in API_METRICS:
        family = families[metric.name.removesuffix("_total")]
        assert family.type == metric.kind
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels == set(metric.labels)
    requests = families["authz_api_requests"].samples
    assert {tuple(one.labels.values()) for one in requests} == {
        ("GET", "/zones", "200"),
        ("GET", "/zones", "401"),
        ("other", "", "404"),
        ("POST", "/zones", "429"),
    }
    failures = families["authz_api_authentication_failures"].samples
    assert {one.labels["kind"]: one.value for one in failures} == {"invalid": 1, "throttled": 1}
    cut = {one.labels["why"]: one.value for one in families["authz_api_connections_cut"].samples}
    assert cut == {why: why == "full" for why in Cut}
    assert [one.value for one in families["authz_api_requests_in_flight"].samples] == [3]
    assert [one.value for one in families["authz_api_connections"].samples] == [4]


def test_seconds_are_cumulative() -> None:
    metrics = ApiMetrics()
    for seconds in (0.001, 0.1, 0.2, 99.0):
        metrics.answered("GET", "/zones", 200, seconds)

    [family] = [
        one
        for one in text_string_to_metric_families(metrics.render().decode())
        if one.name == "authz_api_request_seconds"
    ]
    buckets = [one.value for one in family.samples if one.name.endswith("_bucket")]

    assert buckets == [1, 1, 2, 3, 3, 3, 4]
    assert len(buckets) == len(BUCKETS) + 1
