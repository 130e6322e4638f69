# SPDX-License-Identifier: Apache-2.0
"""The metrics of the control process, and how they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    #: By the name of a metric: its samples, each the values of its labels and its own.
    Samples: TypeAlias = Mapping[str, Sequence[tuple[tuple[str, ...], float]]]


class ControlMetric(NamedTuple):
    """One metric; docs/reference/metrics.md has a heading for each."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


#: Of its keeper; everything else it tells itself, and begins anew when it does.
RESTARTS: Final = ControlMetric(
    "authz_control_restarts_total",
    "counter",
    (),
    "Control processes that ended unasked and were started again.",
)

#: Why a publication can fail.
PUBLICATION_FAILURES: Final = ("store", "content", "policy", "geoip")

CONTROL_METRICS: Final = (
    RESTARTS,
    ControlMetric(
        "authz_store_up", "gauge", (), "1 while the store is followed, 0 while it cannot be."
    ),
    ControlMetric(
        "authz_store_revision", "gauge", (), "The revision of the store that was published last."
    ),
    ControlMetric(
        "authz_store_committed_revision",
        "gauge",
        (),
        "The revision that the store had when it was looked at last.",
    ),
    ControlMetric(
        "authz_store_generation",
        "gauge",
        (),
        "The number of the snapshot that shows that revision.",
    ),
    ControlMetric(
        "authz_publications_total", "counter", (), "Snapshots that were made of the store."
    ),
    ControlMetric(
        "authz_publication_seconds",
        "gauge",
        (),
        "How long the last one took, from seeing the commit to the file.",
    ),
    ControlMetric(
        "authz_publication_timestamp_seconds", "gauge", (), "When the last one was made."
    ),
    ControlMetric(
        "authz_publication_failures_total",
        "counter",
        ("kind",),
        "Attempts that left in force what was in force: `store` (it is down), `content` (what it "
        "says, or the disk), `policy` and `geoip` (a file beside it).",
    ),
    ControlMetric(
        "authz_events_not_kept_total",
        "counter",
        (),
        "Events that were told by workers and not written into the store.",
    ),
    ControlMetric(
        "authz_counts_not_kept_total",
        "counter",
        (),
        "Checks that are missing in the counts of the store, of all or of their certificate.",
    ),
    ControlMetric(
        "authz_fetch_success_timestamp_seconds",
        "gauge",
        ("site", "authority", "kind"),
        "When a CRL (`crl`, `delta`) was last fetched or an OCSP responder (`ocsp`) last answered; "
        "of several the oldest, 0 for never.",
    ),
    ControlMetric(
        "authz_fetch_failures_total",
        "counter",
        ("site", "authority", "kind"),
        "Attempts that brought nothing that can be used.",
    ),
    ControlMetric(
        "authz_fetch_next_update_timestamp_seconds",
        "gauge",
        ("site", "authority", "kind"),
        "Until when what was fetched may be used; of several the earliest.",
    ),
    ControlMetric(
        "authz_fetch_certificates",
        "gauge",
        (),
        "Certificates that are asked about, or whose CRLs are fetched, because they were seen.",
    ),
    ControlMetric(
        "authz_lease_held",
        "gauge",
        ("role",),
        "1 on the node that does it for all on one PostgreSQL, 0 on the others: `fetch` (CRLs "
        "and OCSP answers of others), `sign` (our own CRLs).",
    ),
    ControlMetric(
        "authz_lease_term",
        "gauge",
        ("role",),
        "How often that has begun anew, as this node saw it last: one more with each take-over.",
    ),
    ControlMetric(
        "authz_lease_taken_timestamp_seconds",
        "gauge",
        ("role",),
        "When the node that does it took over, by the database's clock.",
    ),
    ControlMetric(
        "authz_lease_vacant_seconds",
        "gauge",
        ("role",),
        "How long nobody has done it, as far as this node knows; 0 while somebody does.",
    ),
    ControlMetric(
        "authz_lease_refused_total",
        "counter",
        (),
        "What this node was about to write for all when another one had taken over.",
    ),
    ControlMetric(
        "authz_store_clock_skew_seconds",
        "gauge",
        (),
        "How many seconds at least this node's clock is ahead of PostgreSQL's, negative when it "
        "is behind, as it was seen last.",
    ),
    ControlMetric(
        "authz_published_crl_next_update_timestamp_seconds",
        "gauge",
        ("authority",),
        "The earliest nextUpdate of the CRLs that are published for an authority.",
    ),
    ControlMetric(
        "authz_published_crl_failures_total",
        "counter",
        (),
        "Attempts to sign what is published that failed.",
    ),
    ControlMetric(
        "authz_ocsp_answers_total",
        "counter",
        ("status",),
        "Answers to OCSP requests: what was said of each certificate, or why nothing was.",
    ),
    ControlMetric(
        "authz_authority_not_after_timestamp_seconds",
        "gauge",
        ("authority",),
        "When the first certificate of an authority expires.",
    ),
    ControlMetric(
        "authz_client_certificates", "gauge", ("status",), "Client certificates in the store."
    ),
    ControlMetric(
        "authz_client_certificates_expiring",
        "gauge",
        ("days",),
        "Active client certificates that expire within so many days.",
    ),
    ControlMetric(
        "authz_client_certificates_unseen",
        "gauge",
        (),
        "Active client certificates, issued more than a day ago, that no check has seen.",
    ),
)


def render(samples: Samples) -> bytes:
    """The samples in the Prometheus text format; metrics without any are left out."""
    return generate_latest(_Collected(samples))


class _Collected:
    """What generate_latest asks of a registry."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for metric in CONTROL_METRICS:
            found = self._samples.get(metric.name)
            if not found:
                continue
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, value in found:
                family.add_metric(labels, value)
            yield family
