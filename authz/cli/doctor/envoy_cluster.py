# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the cluster that an ext_authz filter asks, and with how it asks it again.

How much may be under way to it is `envoy_limit`. Facts: Envoy 1.40. docs/how-to/several-workers.md
has the cluster for each form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.cli.doctor.envoy_dump import at, items
from authz.cli.doctor.envoy_filter import LONG_TIMEOUT_SECONDS, seconds_of
from authz.cli.doctor.findings import Finding
from authz.envoy.options import reachable
from authz.settings import parse_address
from authz.settings.addresses import ListenAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from authz.cli.doctor.envoy_dump import Chain, Json
    from authz.settings import Settings

_HTTP2: Final = "http2_protocol_options"


def look(
    chain: Chain, clusters: Mapping[str, Json], settings: Settings, workers: Sequence[str]
) -> Iterator[Finding]:
    """Findings about the cluster that a filter asks.

    Args:
        workers: where the workers of these settings listen, as far as Envoy is to reach them.
    """
    yield from _retries(chain)
    name = chain.cluster
    if not name:
        if at(chain.filter, "grpc_service", "google_grpc") is not None:
            yield Finding(
                id="google-grpc",
                where=f"{chain.where}: ext_authz",
                what="it asks by google_grpc: without health checks, retries and load balancing of "
                "a cluster, a restart loses requests",
                do="use envoy_grpc with a cluster (authz envoy config)",
            )
        return
    where = f"cluster {name}"
    cluster = clusters.get(name)
    if cluster is None:
        yield Finding(
            id="no-cluster",
            where=f"{chain.where}: ext_authz",
            what=f'there is no cluster "{name}": every request is denied',
            do="define it, or correct cluster_name",
        )
        return
    shared = settings.grpc.workers > 1 and not settings.grpc.port_per_worker
    checks = cluster.get("health_checks")
    # One worker of a shared port would answer for all of them (shared-port says what is lost).
    if not shared and not any("grpc_health_check" in one for one in items(checks)):
        yield Finding(
            id="no-health-check",
            where=where,
            what="Envoy does not notice that a worker is about to stop: a restart loses requests",
            do="add health_checks with grpc_health_check: {} and a short interval",
        )
    if shared and checks:
        yield Finding(
            id="shared-health-check",
            where=where,
            what="the workers share a port, and one of them answers the health check for all: when "
            "it drains, Envoy asks nobody",
            do="set grpc.port_per_worker: true, or remove health_checks "
            "(docs/how-to/several-workers.md)",
        )
    if settings.grpc.tls is not None and "transport_socket" not in cluster:
        yield Finding(
            id="cluster-without-tls",
            where=where,
            what="grpc.tls is set, and Envoy speaks plaintext to it",
            do="add a transport_socket with an UpstreamTlsContext",
        )
    if not _speaks_http2(cluster):
        yield Finding(
            id="cluster-without-http2",
            where=where,
            what="Envoy speaks HTTP/1.1 to it, and gRPC is HTTP/2: every check fails",
            do="set explicit_http_config: {http2_protocol_options: {}} in its "
            "typed_extension_protocol_options",
        )
    yield from _endpoints(cluster, where, workers)


def _retries(chain: Chain) -> Iterator[Finding]:
    service = at(chain.filter, "grpc_service")
    policy = at(service, "retry_policy")
    if at(service, "envoy_grpc", "retry_policy") is not None and policy is None:
        yield Finding(
            id="retries-not-followed",
            where=f"{chain.where}: ext_authz",
            what="the retry_policy inside envoy_grpc is not followed: a worker that has just gone "
            "away costs requests",
            do="move it to grpc_service.retry_policy",
        )
    longest = at(policy, "retry_back_off", "max_interval")
    timeout = at(service, "timeout")
    # Envoy's gRPC client gives each try as long as max_interval (ten times base_interval, 0.025 s,
    # unless set). Of a timeout that is itself too long, `long-timeout` speaks.
    each, whole = seconds_of(longest or "0.25s"), seconds_of(timeout)
    if policy is not None and each < whole <= LONG_TIMEOUT_SECONDS:
        yield Finding(
            id="try-too-short",
            where=f"{chain.where}: ext_authz",
            what=f"each try has {longest or '0.25s'} of the {timeout} that there are: a slow check "
            "is asked for again while it is being answered",
            do="set retry_policy.retry_back_off.max_interval above grpc_service.timeout",
        )


def _endpoints(cluster: Json, where: str, workers: Sequence[str]) -> Iterator[Finding]:
    there = _addresses(cluster)
    ours = [parse_address(one) for one in workers]
    local = [one for one in there if one.is_local]
    # Names and addresses of other machines may be ours by ways that are not known here.
    if not there or len(local) < len(there) or not all(one.is_local for one in ours):
        return
    known = {_key(one) for one in there}
    missing = [one for one in ours if _key(one) not in known]
    if missing:
        named = ", ".join(map(str, missing))
        yield Finding(
            id="cluster-elsewhere",
            where=where,
            what=f"it does not have {named}, where authz answers"
            + ("" if len(missing) == len(ours) else ": these workers are never asked"),
            do="name every worker's address in load_assignment (authz envoy config)",
        )


def reachable_workers(addresses: Sequence[str]) -> list[str]:
    """Where to reach workers that listen there; those of which the port is not known are left."""
    found = [reachable(parse_address(one)) for one in addresses]
    return list(dict.fromkeys(str(one) for one in found if one.is_unix or one.port))


def _addresses(cluster: Json) -> list[ListenAddress]:
    found = []
    for locality in items(at(cluster, "load_assignment", "endpoints")):
        for one in items(locality.get("lb_endpoints")):
            address = at(one, "endpoint", "address")
            path = at(address, "pipe", "path")
            host = at(address, "socket_address", "address")
            port = at(address, "socket_address", "port_value")
            if isinstance(path, str):
                found.append(ListenAddress(path=path))
            elif isinstance(host, str) and isinstance(port, int):
                found.append(ListenAddress(host=host, port=port))
    return found


def _key(address: ListenAddress) -> tuple[str, int]:
    """127.0.0.1 and ::1 are not the same, but localhost is either."""
    host = "127.0.0.1" if address.host == "localhost" else address.host
    return (address.path or host, address.port)


def _speaks_http2(cluster: Json) -> bool:
    extensions = cluster.get("typed_extension_protocol_options")
    if _HTTP2 in cluster:
        return True
    for one in extensions.values() if isinstance(extensions, dict) else ():
        for kind in ("explicit_http_config", "use_downstream_protocol_config", "auto_config"):
            options: Any = at(one, kind)
            if isinstance(options, dict) and _HTTP2 in options:
                return True
    return False
