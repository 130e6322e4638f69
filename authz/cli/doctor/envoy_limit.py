# SPDX-License-Identifier: Apache-2.0
"""How many checks an Envoy lets be under way at once: too few deny requests that could have been
asked about, too many wait in vain at an overload (ADR-0038).

What limits them is the circuit breaker of the cluster that is asked. Nobody sets one by default:
Envoy has 1,024 then, as behind Envoy Gateway, and Istio writes 4,294,967,295.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.cli.doctor.envoy_dump import at, items
from authz.cli.doctor.envoy_filter import seconds_of
from authz.cli.doctor.findings import Finding
from authz.envoy.options import answered_within, most_checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.cli.doctor.envoy_dump import Chain, Json
    from authz.settings import Settings

#: Envoy's default for requests at once to a cluster.
DEFAULT_REQUESTS: Final = 1024
#: The largest of Envoy's type (uint32): what Istio writes for "no limit".
NO_LIMIT: Final = 2**32 - 1

#: How long ext_authz waits when nobody says so, and the most that counts, in seconds (ADR-0038).
_DEFAULT_TIMEOUT: Final = 0.2
_LONGEST: Final = 1.0


def endpoints_of(clusters: Any) -> dict[str, int]:
    """How many endpoints each cluster of an Envoy has (`/clusters?format=json`)."""
    return {
        str(one.get("name")): len(items(one.get("host_statuses")))
        for one in items(at(clusters, "cluster_statuses"))
    }


def look(
    chain: Chain, cluster: Json, settings: Settings, endpoints: int, where: str
) -> Iterator[Finding]:
    """Findings about the limit of the cluster that a filter asks.

    Args:
        endpoints: how many it has; each of them is taken for one of these settings.
    """
    there = max(endpoints, 1)
    grpc = settings.grpc
    nodes = -(-there // grpc.workers) if grpc.port_per_worker else there
    waits = _waits(chain)
    # The transport's own measure: what comes after half of the time comes too late for most.
    in_time = answered_within(settings, waits / 2, there)
    one_node = most_checks(settings)
    wanted = min(one_node * nodes, in_time)
    most = _limit(cluster, "max_requests")
    fewest = min(most, _limit(cluster, "max_pending_requests"))
    if fewest <= DEFAULT_REQUESTS and fewest < min(one_node, in_time):
        yield Finding(
            id="few-checks-at-once",
            where=where,
            what=f"beyond {fewest} checks at once, requests are denied without being asked about",
            do=_remedy(chain.cluster, wanted),
        )
    if most > in_time:
        limit = "any number of" if most >= NO_LIMIT else f"{most:,}"
        yield Finding(
            id="many-checks-at-once",
            where=where,
            what=f"{limit} checks may be under way at once, and some {in_time:,} are answered in "
            f"half of the time that Envoy waits ({waits:g} s): at an overload, what is beyond "
            "comes too late, and takes the time of what is not",
            do=_remedy(chain.cluster, wanted) + "; less where several Envoys ask",
        )


def _limit(cluster: Json, name: str) -> int:
    limits = [
        one.get(name, DEFAULT_REQUESTS)
        for one in items(at(cluster, "circuit_breakers", "thresholds"))
        if one.get("priority", "DEFAULT") == "DEFAULT"
    ]
    return min((one for one in limits if isinstance(one, int)), default=DEFAULT_REQUESTS)


def _waits(chain: Chain) -> float:
    text = at(chain.filter, "grpc_service", "timeout")
    # 0 is for ever, of which `long-timeout` speaks.
    seconds = _DEFAULT_TIMEOUT if text is None else seconds_of(text) or _LONGEST
    return min(seconds, _LONGEST)


def _remedy(cluster: str, wanted: int) -> str:
    """What to write, by who has written this cluster: they name it in their own ways."""
    if cluster.startswith("outbound|"):
        host = cluster.rpartition("|")[2]
        return (
            f"give {host} a DestinationRule with trafficPolicy.connectionPool.http: "
            f"{{http2MaxRequests: {wanted}, http1MaxPendingRequests: {wanted}}} "
            "(deploy/istio/limit-checks.yaml)"
        )
    if cluster.startswith("securitypolicy/"):
        policy = "/".join(cluster.split("/")[1:3])
        return (
            f"set extAuth.grpc.backendSettings.circuitBreaker: {{maxParallelRequests: {wanted}, "
            f"maxPendingRequests: {wanted}}} in the SecurityPolicy {policy} "
            "(deploy/envoy-gateway/policies.yaml)"
        )
    return (
        f"set circuit_breakers.thresholds: [{{max_requests: {wanted}, "
        f"max_pending_requests: {wanted}, max_retries: 1000}}]"
    )
