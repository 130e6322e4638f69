# SPDX-License-Identifier: Apache-2.0
"""What the server counts, as a document and as Prometheus text."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families

from authz.sds.metrics import SDS_METRICS, SdsMetrics, render


def counted() -> SdsMetrics:
    metrics = SdsMetrics()
    metrics.streams = 3
    metrics.updated("sotw")
    metrics.updated("sotw")
    metrics.updated("delta")
    metrics.rejected()
    metrics.refused()
    metrics.published(7, {"trust": 4, "nobody": 1})
    return metrics


def samples(metrics: SdsMetrics) -> dict[tuple[str, str], float]:
    text = render(json.loads(json.dumps(metrics.export()))).decode()
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_everything_that_was_counted_is_exported() -> None:
    assert samples(counted()) == {
        ("authz_sds_streams", ""): 3,
        ("authz_sds_updates_total", "sotw"): 2,
        ("authz_sds_updates_total", "delta"): 1,
        ("authz_sds_rejections_total", ""): 1,
        ("authz_sds_streams_refused_total", ""): 1,
        ("authz_sds_secrets", "trust"): 4,
        ("authz_sds_secrets", "nobody"): 1,
        ("authz_sds_generation", ""): 7,
    }


def test_before_a_publication_there_is_no_generation() -> None:
    assert not [one for one in samples(SdsMetrics()) if one[0] == "authz_sds_generation"]


def test_the_text_has_the_listed_names_types_and_labels() -> None:
    text = render(counted().export()).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        found[name] = (family.type, "".join(labels), family.documentation)

    assert found == {one.name: (one.kind, one.label, one.help) for one in SDS_METRICS}
