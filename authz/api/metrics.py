# SPDX-License-Identifier: Apache-2.0
"""What the API counts, as Prometheus reads it.

Counted on the server's one thread, and rendered there. No label comes from a client: methods are
of a closed set, and routes are templates (`/zones/{zone_id}`, without the common prefix).
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cut(StrEnum):
    """Why a connection was ended: a label of the metric."""

    FULL = "full"
    CROWDED_OUT = "crowded_out"
    HANDSHAKE = "handshake"
    SLOW_HEADERS = "slow_headers"
    STALLED = "stalled"
    NOT_HTTP = "not_http"


class ApiMetric(NamedTuple):
    """One metric; docs/reference/metrics.md has a heading for each."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


REQUESTS: Final = ApiMetric(
    "authz_api_requests_total",
    "counter",
    ("method", "route", "status"),
    "Calls by what was called and how it was answered.",
)
SECONDS: Final = ApiMetric(
    "authz_api_request_seconds",
    "histogram",
    (),
    "From the headers of a call to the end of its answer.",
)
IN_FLIGHT: Final = ApiMetric(
    "authz_api_requests_in_flight", "gauge", (), "Calls that are being answered or wait for that."
)
AUTHENTICATION: Final = ApiMetric(
    "authz_api_authentication_failures_total",
    "counter",
    ("kind",),
    "Calls without a valid token, and those that were not looked at after too many of them.",
)
CONNECTIONS: Final = ApiMetric("authz_api_connections", "gauge", (), "Open connections.")
REFUSED: Final = ApiMetric(
    "authz_api_connections_cut_total",
    "counter",
    ("why",),
    "Connections that the server ended before their time.",
)
API_METRICS: Final = (REQUESTS, SECONDS, IN_FLIGHT, AUTHENTICATION, CONNECTIONS, REFUSED)

BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)

#: What is told of a method; HTTP allows any word.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_AUTHENTICATION: Final = {401: "invalid", 429: "throttled"}


class ApiMetrics:
    """The counters and gauges of one server.

    Attributes:
        in_flight: calls under way.
        connections: open connections.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.connections = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets = [0] * len(BUCKETS)
        self._count = 0
        self._sum = 0.0
        self._cut: Counter[str] = Counter()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a call. `route`: the template, "" for none of ours."""
        self._requests[method if method in METHODS else "other", route, status] += 1
        self._count += 1
        self._sum += seconds
        for place, bound in enumerate(BUCKETS):
            self._buckets[place] += seconds <= bound

    def cut(self, why: str) -> None:
        """Count a connection that was ended or refused; `why` is of a closed set."""
        self._cut[why] += 1

    def render(self) -> bytes:
        """Everything in the Prometheus text format."""
        return "".join(line for metric in API_METRICS for line in self._lines(metric)).encode()

    def _lines(self, metric: ApiMetric) -> Iterator[str]:
        yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
        if metric is SECONDS:
            for bound, count in zip(BUCKETS, self._buckets, strict=True):
                yield f'{metric.name}_bucket{{le="{bound}"}} {count}\n'
            yield f'{metric.name}_bucket{{le="+Inf"}} {self._count}\n'
            yield f"{metric.name}_count {self._count}\n{metric.name}_sum {self._sum}\n"
            return
        for values, count in self._samples(metric):
            pairs = zip(metric.labels, values, strict=True)
            labels = ",".join(f'{name}="{value}"' for name, value in pairs)
            yield f"{metric.name}{f'{{{labels}}}' if labels else ''} {count}\n"

    def _samples(self, metric: ApiMetric) -> Iterator[tuple[tuple[str, ...], int]]:
        if metric is IN_FLIGHT:
            yield (), self.in_flight
        elif metric is CONNECTIONS:
            yield (), self.connections
        elif metric is REFUSED:
            # Of every kind from the beginning: the first one is an increase.
            for why in Cut:
                yield (why,), self._cut[why]
        elif metric is AUTHENTICATION:
            for status, kind in _AUTHENTICATION.items():
                found = [n for (_, _, one), n in self._requests.items() if one == status]
                yield (kind,), sum(found)
        else:
            for (method, route, status), count in self._requests.items():
                yield (method, route, str(status)), count
