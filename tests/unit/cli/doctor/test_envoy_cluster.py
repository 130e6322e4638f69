# SPDX-License-Identifier: Apache-2.0
"""Where the cluster leads, and what is said of one that is asked in another way."""

from __future__ import annotations

from typing import Any

import pytest

from authz.cli.doctor import envoy_cluster, envoy_dump
from authz.settings import Settings
from tests.unit.cli.doctor import envoy

WORKERS = {"grpc": {"workers": 2, "port_per_worker": True}, "sds": {"listen": "off"}}
SHARED = {"grpc": {"workers": 2}}


def ids(configuration: dict[str, Any], *workers: str, **values: Any) -> list[str]:
    dump = envoy.dump(configuration)
    settings = Settings.model_validate(values)
    (chain,) = envoy_dump.chains(dump)
    found = envoy_cluster.look(chain, envoy_dump.clusters(dump), settings, workers)
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("workers", "found"),
    [
        ((), []),
        (("127.0.0.1:50051",), []),
        (("localhost:50051",), []),
        (("127.0.0.1:50051", "127.0.0.1:50052"), ["cluster-elsewhere"]),
        (("127.0.0.1:50059",), ["cluster-elsewhere"]),
        (("unix:/run/authz.sock",), ["cluster-elsewhere"]),
        # Another machine's, or behind a name: not known here.
        (("192.0.2.1:50051",), []),
    ],
)
def test_a_cluster_that_misses_workers(workers: tuple[str, ...], found: list[str]) -> None:
    assert ids(envoy.config(), *workers) == found


def test_every_worker_is_named_in_the_generated_configuration() -> None:
    configuration = envoy.config(**WORKERS)

    assert ids(configuration, "127.0.0.1:50051", "127.0.0.1:50052", **WORKERS) == []


def test_a_unix_socket_is_an_endpoint() -> None:
    values = {"grpc": {"listen": "unix:/run/authz.sock"}}

    assert ids(envoy.config(**values), "unix:/run/authz.sock", **values) == []
    assert ids(envoy.config(**values), "unix:/run/other.sock", **values) == ["cluster-elsewhere"]


def test_a_cluster_of_names_may_lead_anywhere() -> None:
    configuration = envoy.config()
    endpoint = envoy.authz_cluster(configuration)["load_assignment"]["endpoints"][0]
    address = endpoint["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    address["address"] = "authz.example.com"

    assert ids(configuration, "127.0.0.1:1") == []


def test_a_shared_port_has_no_health_check() -> None:
    configuration = envoy.config(**SHARED)
    assert ids(configuration, **SHARED) == []

    envoy.authz_cluster(configuration)["health_checks"] = [{"grpc_health_check": {}}]
    assert ids(configuration, **SHARED) == ["shared-health-check"]


def test_retries_where_they_are_not_followed() -> None:
    configuration = envoy.config()
    service = envoy.ext_authz(configuration)["grpc_service"]
    service["envoy_grpc"]["retry_policy"] = service.pop("retry_policy")

    assert ids(configuration) == ["retries-not-followed"]


def test_google_grpc_has_no_cluster() -> None:
    configuration = envoy.config()
    service = envoy.ext_authz(configuration)["grpc_service"]
    del service["envoy_grpc"], service["retry_policy"]
    service["google_grpc"] = {"target_uri": "127.0.0.1:50051", "stat_prefix": "authz"}

    assert ids(configuration) == ["google-grpc"]


def test_http2_can_be_said_in_either_way() -> None:
    configuration = envoy.config()
    cluster = envoy.authz_cluster(configuration)
    del cluster["typed_extension_protocol_options"]
    cluster["http2_protocol_options"] = {}

    assert ids(configuration) == []


def test_only_addresses_with_a_port_can_be_reached() -> None:
    given = ["127.0.0.1:0", "0.0.0.0:50051", "127.0.0.1:50051", "unix:/run/a.sock"]

    assert envoy_cluster.reachable_workers(given) == ["127.0.0.1:50051", "unix:/run/a.sock"]
