# SPDX-License-Identifier: Apache-2.0
"""The endpoints of Envoy's clusters, as `/clusters?format=json` has them (Envoy 1.40)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.cli.doctor.envoy_dump import at, items
from authz.settings.addresses import ListenAddress

if TYPE_CHECKING:
    from authz.cli.doctor.envoy_dump import Json

#: `envoy.admin.v3.HostHealthStatus`: what keeps an endpoint from being asked.
_FAILED: Final = (
    "failed_active_health_check",
    "failed_outlier_check",
    "pending_dynamic_removal",
    "pending_active_hc",
    "excluded_via_immediate_hc_fail",
    "active_hc_timeout",
)
_SAID_TO_BE_WELL: Final = (None, "UNKNOWN", "HEALTHY", "DEGRADED")


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How many endpoints a cluster has, and how many of them are healthy now.

    `may_be_more`: it is not known how many pods answer there. A single address may be a virtual one
    (a Service of Kubernetes, a load balancer) with any number behind it; loopback is this machine.
    Several addresses are taken for a pod each.
    """

    there: int = 0
    healthy: int = 0
    may_be_more: bool = True


def endpoints_of(clusters: Any) -> dict[str, Endpoints]:
    """The endpoints of each cluster of an Envoy."""
    return {
        str(one.get("name")): _counted(items(one.get("host_statuses")))
        for one in items(at(clusters, "cluster_statuses"))
    }


def _counted(hosts: list[Json]) -> Endpoints:
    # Envoy keeps one that it no longer has while its health check still succeeds.
    there = [one for one in hosts if not at(one, "health_status", "pending_dynamic_removal")]
    return Endpoints(
        there=len(there),
        healthy=sum(map(_is_healthy, there)),
        may_be_more=not there or (len(there) == 1 and not _is_local(there[0])),
    )


def _is_healthy(host: Json) -> bool:
    status = at(host, "health_status")
    failed = any(at(status, name) for name in _FAILED)
    return not failed and at(status, "eds_health_status") in _SAID_TO_BE_WELL


def _is_local(host: Json) -> bool:
    path = at(host, "address", "pipe", "path")
    name = at(host, "address", "socket_address", "address")
    return isinstance(path, str) or (isinstance(name, str) and ListenAddress(host=name).is_local)
