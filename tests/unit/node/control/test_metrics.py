# SPDX-License-Identifier: Apache-2.0
"""The metrics of the control process as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from authz.node.control.metrics import CONTROL_METRICS, render


def test_what_has_samples_is_written_with_its_help_and_kind() -> None:
    text = render(
        {
            "authz_store_up": [((), 1.0)],
            "authz_publication_failures_total": [(("store",), 2.0), (("content",), 1.0)],
            "authz_publications_total": [],
        }
    ).decode()

    families = {one.name: one for one in text_string_to_metric_families(text)}

    assert families.keys() == {"authz_store_up", "authz_publication_failures"}
    assert families["authz_store_up"].type == "gauge"
    failures = families["authz_publication_failures"]
    assert failures.type == "counter"
    assert {one.labels["kind"]: one.value for one in failures.samples} == {
        "store": 2.0,
        "content": 1.0,
    }


def test_every_counter_ends_as_counters_do() -> None:
    assert all(one.name.endswith("_total") == (one.kind == "counter") for one in CONTROL_METRICS)
