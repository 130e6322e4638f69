# SPDX-License-Identifier: Apache-2.0
"""What the secret discovery service counts, and `export()`: a document that survives JSON.

Counting is done on the server's one thread; exporting may be done on any. `render` makes the
Prometheus text of an export, to be added to what observability.exposition makes of the workers':
there is one server beside many workers, so there is nothing to merge. No label value comes from a
client.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Export = dict[str, Any]


class SdsMetric(NamedTuple):
    """One metric; docs/reference/metrics.md has a heading for each. `label` is "" for none.

    `key` is that of the export.
    """

    name: str
    kind: str
    label: str
    key: str
    help: str


SDS_METRICS: Final = (
    SdsMetric("authz_sds_streams", "gauge", "", "streams", "Open streams of Envoys."),
    SdsMetric(
        "authz_sds_updates_total",
        "counter",
        "kind",
        "updates",
        "Responses with secrets sent, by the protocol's form.",
    ),
    SdsMetric(
        "authz_sds_rejections_total",
        "counter",
        "",
        "rejections",
        "Responses that an Envoy refused; it keeps the bundle it had.",
    ),
    SdsMetric(
        "authz_sds_streams_refused_total",
        "counter",
        "",
        "refused",
        "Streams beyond the limit.",
    ),
    SdsMetric(
        "authz_sds_secrets",
        "gauge",
        "kind",
        "secrets",
        "Secrets by what they came to be.",
    ),
    SdsMetric(
        "authz_sds_generation",
        "gauge",
        "",
        "generation",
        "Number of the publication that is served.",
    ),
)


def render(export: Export) -> bytes:
    """An export in the Prometheus text format; a gauge without a value yet is left out."""
    lines: list[str] = []
    for metric in SDS_METRICS:
        value = export[metric.key]
        if value is None:
            continue
        lines.append(f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n")
        if metric.label:
            lines += [f'{metric.name}{{{metric.label}="{word}"}} {n}\n' for word, n in value]
        else:
            lines.append(f"{metric.name} {value}\n")
    return "".join(lines).encode()


class SdsMetrics:
    """The counters and gauges of one server.

    Attributes:
        streams: open streams.
        generation: the number of the publication that is served; None before the first.
    """

    def __init__(self) -> None:
        self.streams = 0
        self.generation: int | None = None
        self._updates: dict[str, int] = {}
        self._secrets: dict[str, int] = {}
        self._rejections = 0
        self._refused = 0

    def updated(self, kind: str) -> None:
        """Count one response; `kind` is `sotw`, `delta` or `fetch`."""
        self._updates[kind] = self._updates.get(kind, 0) + 1

    def rejected(self) -> None:
        """Count one response that a client refused (NACK)."""
        self._rejections += 1

    def refused(self) -> None:
        """Count one stream beyond the limit."""
        self._refused += 1

    def published(self, generation: int, secrets: dict[str, int]) -> None:
        """Report what is served from now on: how many secrets of each kind."""
        self.generation = generation
        self._secrets = secrets

    def export(self) -> Export:
        """Everything counted so far, as a document of lists, strings and numbers.

        A list's last item is the value.
        """
        return {
            "streams": self.streams,
            "updates": [[kind, n] for kind, n in list(self._updates.items())],
            "rejections": self._rejections,
            "refused": self._refused,
            "secrets": [[kind, n] for kind, n in self._secrets.items()],
            "generation": self.generation,
        }
