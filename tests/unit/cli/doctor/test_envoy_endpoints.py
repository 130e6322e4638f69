# SPDX-License-Identifier: Apache-2.0
"""Which endpoints of a cluster count, and which of them are a pod each."""

from __future__ import annotations

from typing import Any

import pytest

from authz.cli.doctor.envoy_endpoints import Endpoints, endpoints_of


def host(address: str = "10.0.0.1", **status: Any) -> dict[str, Any]:
    """As Envoy 1.40 shows it; an address with a slash is a Unix socket."""
    where: dict[str, Any] = {"socket_address": {"address": address, "port_value": 50051}}
    if "/" in address:
        where = {"pipe": {"path": address}}
    return {"address": where, "health_status": {"eds_health_status": "HEALTHY"} | status}


def counted(*hosts: dict[str, Any]) -> Endpoints:
    found = endpoints_of({"cluster_statuses": [{"name": "authz", "host_statuses": [*hosts]}]})
    return found["authz"]


def test_each_cluster_has_its_own() -> None:
    answer = {
        "cluster_statuses": [
            {"name": "authz", "host_statuses": [host(), host("10.0.0.2")]},
            {"name": "new"},
        ]
    }

    assert endpoints_of(answer) == {
        "authz": Endpoints(2, 2, may_be_more=False),
        "new": Endpoints(0, 0, may_be_more=True),
    }
    assert endpoints_of([]) == {}


@pytest.mark.parametrize(
    ("address", "may_be_more"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("/run/authz.sock", False),
        ("10.96.0.1", True),
        ("fd00::1", True),
        ("", True),
    ],
)
def test_one_address_elsewhere_may_be_that_of_many(address: str, may_be_more: bool) -> None:
    assert counted(host(address)) == Endpoints(1, 1, may_be_more=may_be_more)
    assert counted({"address": {}}).may_be_more


@pytest.mark.parametrize(
    "status",
    [
        {"failed_active_health_check": True},
        {"failed_outlier_check": True},
        {"pending_active_hc": True},
        {"excluded_via_immediate_hc_fail": True},
        {"active_hc_timeout": True},
        {"eds_health_status": "UNHEALTHY"},
        {"eds_health_status": "DRAINING"},
        {"eds_health_status": "TIMEOUT"},
    ],
    ids=str,
)
def test_what_is_not_asked_is_there_and_not_healthy(status: dict[str, Any]) -> None:
    assert counted(host(), host(**status)) == Endpoints(2, 1, may_be_more=False)


def test_what_is_on_its_way_out_is_not_there() -> None:
    gone = host(pending_dynamic_removal=True)

    assert counted(host("127.0.0.1"), gone) == Endpoints(1, 1, may_be_more=False)
    assert counted(host(), gone) == Endpoints(1, 1, may_be_more=True)


@pytest.mark.parametrize("said", ["UNKNOWN", "DEGRADED"])
def test_what_is_asked_is_healthy(said: str) -> None:
    assert counted(host(eds_health_status=said), host()).healthy == 2
