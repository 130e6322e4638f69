# SPDX-License-Identifier: Apache-2.0
"""How many checks an Envoy lets be under way at once: too few deny requests that could have been
asked about, too many wait in vain at an overload (ADR-0038).

What limits them is the circuit breaker of the cluster that is asked. Nobody sets one by default:
Envoy has 1,024 then, as behind Envoy Gateway, and Istio writes 4,294,967,295.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.cli.doctor.envoy_dump import at, items
from authz.cli.doctor.envoy_filter import seconds_of
from authz.cli.doctor.findings import Finding
from authz.envoy.options import answered_within, most_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.cli.doctor.envoy_dump import Chain, Json
    from authz.cli.doctor.envoy_endpoints import Endpoints
    from authz.settings import Settings

#: Envoy's default for requests at once to a cluster.
DEFAULT_REQUESTS: Final = 1024
#: The largest of Envoy's type (uint32): what Istio writes for "no limit".
NO_LIMIT: Final = 2**32 - 1

#: How long ext_authz waits when nobody says so, and the most that counts, in seconds (ADR-0038).
_DEFAULT_TIMEOUT: Final = 0.2
_LONGEST: Final = 1.0
#: How much of that a limit may take. The transport sheds what comes after half, reckoned by what it
#: measures; what is reckoned here is a worker with a core of its own, and on a busy machine it has
#: half of one. When checks time out after all, they do so together, which costs the connection.
_SHARE: Final = 0.25


def look(
    name: str, cluster: Json, settings: Settings, endpoints: Endpoints, waits: float
) -> Iterator[Finding]:
    """Findings about the limit of the cluster that a filter asks.

    Args:
        endpoints: each of them is taken for one of these settings.
        waits: how long Envoy waits for an answer (`shortest`).
    """
    workers = _workers(settings, endpoints)
    in_time = _in_time(settings, waits, workers.most or workers.of_one)
    most = _limit(cluster, "max_requests")
    fewest = min(most, _limit(cluster, "max_pending_requests"))
    remedy = _remedy(name, *_wanted(settings, endpoints, waits))
    if fewest <= DEFAULT_REQUESTS and fewest < _few(settings, waits, workers.fewest):
        yield Finding(
            id="few-checks-at-once",
            where=f"cluster {name}",
            what=f"beyond {fewest} checks at once, requests are denied without being asked about",
            do=remedy,
        )
    if most >= NO_LIMIT or (workers.most is not None and most > in_time):
        limit = "any number of" if most >= NO_LIMIT else f"{most:,}"
        yield Finding(
            id="many-checks-at-once",
            where=f"cluster {name}",
            what=f"{limit} checks may be under way at once, and some {in_time:,} are answered in "
            f"a quarter of the time that Envoy waits ({waits:g} s) by {_who(settings, endpoints)}: "
            "at an overload, what is beyond comes too late, and takes the time of what is not",
            do=remedy + "; less where several Envoys ask",
        )


def not_judged(
    name: str, cluster: Json, settings: Settings, endpoints: Endpoints, waits: float
) -> str | None:
    """Why nobody can tell from here whether a limit is too high; None where it is known."""
    workers = _workers(settings, endpoints)
    most = _limit(cluster, "max_requests")
    if most >= NO_LIMIT or most <= _in_time(settings, waits, workers.fewest):
        return None
    if workers.most is not None and most > _in_time(settings, waits, workers.most):
        return None
    why = []
    if not endpoints.there:
        why.append("it has no endpoint yet")
    elif endpoints.may_be_more:
        why.append("how many pods are behind its one address is not known here")
    if endpoints.healthy < endpoints.there:
        why.append(f"of its {endpoints.there} endpoints, {endpoints.healthy} can be asked now")
    if settings.grpc.workers > 1 and not settings.grpc.port_per_worker:
        why.append(
            f"{settings.grpc.workers} workers share a port, and a connection keeps one of them busy"
        )
    each = _few(settings, waits, 1)
    return (
        f"cluster {name}: whether {most:,} checks at once are too many was not judged: "
        f"{', and '.join(why)}. Right is what those answer that are asked: some {each:,} for each "
        "worker"
    )


def shortest(chains: Iterable[Chain]) -> float:
    """How many seconds Envoy waits for an answer, of several filters the one that waits least."""
    return min(map(_waits, chains))


@dataclass(frozen=True, slots=True)
class _Workers:
    """How many answer: at least, at most (None: nobody knows), and behind one endpoint."""

    fewest: int
    most: int | None
    of_one: int


def _workers(settings: Settings, endpoints: Endpoints) -> _Workers:
    # Of workers that share a port, each connection has one: at least one of them answers.
    of_one = 1 if settings.grpc.port_per_worker else settings.grpc.workers
    return _Workers(
        fewest=max(endpoints.healthy, 1),
        most=None if endpoints.may_be_more else endpoints.there * of_one,
        of_one=of_one,
    )


def _in_time(settings: Settings, waits: float, workers: int) -> int:
    """How many checks are not too many."""
    return max(answered_within(settings, waits * _SHARE, workers), 1)


def _few(settings: Settings, waits: float, workers: int) -> int:
    """Fewer than these are too few: what is answered in a tenth of a second, as is shipped."""
    return max(
        min(most_checks(settings), answered_within(settings, min(0.1, waits * _SHARE), workers)), 1
    )


def _wanted(settings: Settings, endpoints: Endpoints, waits: float) -> tuple[str, str]:
    """The limit to write, and what is to be said of it."""
    grpc = settings.grpc
    there = max(endpoints.there, 1)
    workers = there if grpc.port_per_worker else there * grpc.workers
    nodes = -(-workers // grpc.workers)
    wanted = min(most_checks(settings) * nodes, _in_time(settings, waits, workers))
    if endpoints.may_be_more:
        # No number that could be copied: it would deny nearly everything that many pods can answer.
        return "N", f", where N is {wanted} for each pod behind it (you know how many there are)"
    return str(wanted), ""


def _who(settings: Settings, endpoints: Endpoints) -> str:
    """Whose answers were counted."""
    grpc = settings.grpc
    each = 1 if grpc.port_per_worker else grpc.workers
    of = f"with {each} worker{'s' * (each > 1)}"
    if endpoints.may_be_more:
        return f"a pod {of} (how many are behind its address is not known here)"
    many = endpoints.there
    return f"{many} endpoint{'s' * (many > 1)} {of}{' each' * (many > 1)}"


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


def _remedy(cluster: str, wanted: str, more: str) -> str:
    """What to write, by who has written this cluster: they name it in their own ways."""
    if cluster.startswith("outbound|"):
        host = cluster.rpartition("|")[2]
        return (
            f"give {host} a DestinationRule with trafficPolicy.connectionPool.http: "
            f"{{http2MaxRequests: {wanted}, http1MaxPendingRequests: {wanted}}} "
            f"(deploy/istio/limit-checks.yaml){more}"
        )
    if cluster.startswith("securitypolicy/"):
        policy = "/".join(cluster.split("/")[1:3])
        return (
            f"set extAuth.grpc.backendSettings.circuitBreaker: {{maxParallelRequests: {wanted}, "
            f"maxPendingRequests: {wanted}}} in the SecurityPolicy {policy} "
            f"(deploy/envoy-gateway/policies.yaml){more}"
        )
    return (
        f"set circuit_breakers.thresholds: [{{max_requests: {wanted}, "
        f"max_pending_requests: {wanted}, max_retries: 1000}}]{more}"
    )
