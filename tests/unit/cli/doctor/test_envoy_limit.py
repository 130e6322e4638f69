# SPDX-License-Identifier: Apache-2.0
"""How many checks may be under way: each limit against what the service answers in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.doctor import envoy_dump, envoy_limit
from authz.settings import Settings
from tests.unit.cli.doctor import envoy

if TYPE_CHECKING:
    from authz.cli.doctor.findings import Finding

#: As in deploy/kubernetes: beyond loopback, `auto` is grpcio.
GRPCIO: dict[str, Any] = {"grpc": {"transport": "grpcio"}}
TWO_WORKERS: dict[str, Any] = {
    "grpc": {"transport": "grpcio", "workers": 2, "port_per_worker": True},
    "sds": {"listen": "off"},
}
ISTIO = "outbound|50051||authz.authz.svc.cluster.local"
ENVOY_GATEWAY = "securitypolicy/default/authz/extauth/0"


def found(
    limit: int | None,
    *,
    endpoints: int = 1,
    timeout: str | None = "0.5s",
    name: str = "authz",
    **values: Any,
) -> list[Finding]:
    """What is said of a cluster with this limit; None is no circuit breaker at all."""
    configuration = envoy.config(**values)
    cluster = envoy.authz_cluster(configuration)
    service = envoy.ext_authz(configuration)["grpc_service"]
    cluster["name"] = service["envoy_grpc"]["cluster_name"] = name
    cluster["circuit_breakers"] = {
        "thresholds": [{"max_requests": limit, "max_pending_requests": limit}]
    }
    service["timeout"] = timeout
    if limit is None:
        del cluster["circuit_breakers"]
    if timeout is None:
        del service["timeout"]
    dump = envoy.dump(configuration)
    (chain,) = envoy_dump.chains(dump)
    clusters = envoy_dump.clusters(dump)
    settings = Settings.model_validate(values)
    return [*envoy_limit.look(chain, clusters[name], settings, endpoints, f"cluster {name}")]


def ids(limit: int | None, **how: Any) -> list[str]:
    return [one.id for one in found(limit, **how)]


@pytest.mark.parametrize(
    ("values", "fine", "too_many"),
    [
        # 20,000 a second, and a quarter of a second.
        ({}, (1025, 2000, 5000), (5001, 10_000, envoy_limit.NO_LIMIT)),
        # 5,000 a second.
        (GRPCIO, (500, 1024, 1250), (1251, 2000, envoy_limit.NO_LIMIT)),
        (TWO_WORKERS, (1000, 1250), (1251,)),
    ],
    ids=["native", "grpcio", "one of two workers"],
)
def test_what_comes_too_late_is_too_many(
    values: dict[str, Any], fine: tuple[int, ...], too_many: tuple[int, ...]
) -> None:
    assert {limit: ids(limit, **values) for limit in fine} == {limit: [] for limit in fine}
    for limit in too_many:
        assert ids(limit, **values) == ["many-checks-at-once"]


def test_each_endpoint_answers() -> None:
    """Another node, or another worker of this one, each with a port of its own."""
    assert ids(2500, endpoints=2, **GRPCIO) == []
    assert ids(2501, endpoints=2, **GRPCIO) == ["many-checks-at-once"]
    assert ids(2500, endpoints=2, **TWO_WORKERS) == []
    # Two that share a port are one endpoint.
    assert ids(2500, grpc={"transport": "grpcio", "workers": 2}) == []
    # No endpoint is known yet: that of one.
    assert ids(1250, endpoints=0, **GRPCIO) == []


def test_the_time_that_envoy_waits_counts() -> None:
    assert ids(500, timeout="0.2s", **GRPCIO) == []
    assert ids(501, timeout="0.2s", **GRPCIO) == ["many-checks-at-once"]
    # Nobody said: 0.2 s in Envoy.
    assert ids(501, timeout=None, **GRPCIO) == ["many-checks-at-once"]
    # A second is the most that counts; 0 is for ever.
    for long in ("1s", "600s", "0s"):
        assert ids(2500, timeout=long, **GRPCIO) == []
        assert ids(2501, timeout=long, **GRPCIO) == ["many-checks-at-once"]


def test_what_is_advised_is_answered_in_time() -> None:
    """Where Envoy waits for less than twice a tenth of a second, that is less than usual."""
    (one,) = found(500, timeout="0.1s", **GRPCIO)
    assert one.id == "many-checks-at-once"
    assert "max_requests: 250," in one.do
    assert ids(250, timeout="0.1s", **GRPCIO) == []
    assert ids(249, timeout="0.1s", **GRPCIO) == ["few-checks-at-once"]


def test_without_a_circuit_breaker_it_is_1024() -> None:
    assert ids(None) == ["few-checks-at-once"]
    assert ids(None, **GRPCIO) == []
    assert ids(None, timeout="0.2s", **GRPCIO) == ["many-checks-at-once"]


def test_a_limit_of_another_priority_does_not_count() -> None:
    configuration = envoy.config()
    thresholds = envoy.authz_cluster(configuration)["circuit_breakers"]["thresholds"]
    thresholds.append({"priority": "HIGH", "max_requests": 3})
    thresholds.append({"priority": "HIGH", "max_requests": envoy_limit.NO_LIMIT})
    dump = envoy.dump(configuration)
    (chain,) = envoy_dump.chains(dump)
    cluster = envoy_dump.clusters(dump)["authz"]

    assert [*envoy_limit.look(chain, cluster, Settings(), 1, "")] == []


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("authz", "set circuit_breakers.thresholds: [{max_requests: 1000, "),
        (
            ISTIO,
            "give authz.authz.svc.cluster.local a DestinationRule with trafficPolicy.",
        ),
        (
            ENVOY_GATEWAY,
            "set extAuth.grpc.backendSettings.circuitBreaker: {maxParallelRequests: 1000, ",
        ),
    ],
)
def test_the_remedy_is_in_the_words_of_whoever_wrote_the_cluster(name: str, remedy: str) -> None:
    (one,) = found(envoy_limit.NO_LIMIT, name=name, endpoints=2, **GRPCIO)

    assert one.where == f"cluster {name}"
    assert "any number of checks" in one.what
    assert "some 2,500 are answered" in one.what
    assert one.do.startswith(remedy)
    assert "equests: 1000, " in one.do
    assert ("SecurityPolicy default/authz" in one.do) == (name == ENVOY_GATEWAY)
    # Two nodes with two workers each have four ports.
    (one,) = found(envoy_limit.NO_LIMIT, endpoints=4, **TWO_WORKERS)
    assert "max_requests: 2000," in one.do
    (one,) = found(9, name=name, **GRPCIO)
    assert one.id == "few-checks-at-once"
    assert remedy.partition("{")[0] in one.do


def test_endpoints_are_counted_as_envoy_has_them() -> None:
    answer = {
        "cluster_statuses": [
            {"name": "authz", "host_statuses": [{"address": {}}, {"address": {}}]},
            {"name": "new"},
        ]
    }

    assert envoy_limit.endpoints_of(answer) == {"authz": 2, "new": 0}
    assert envoy_limit.endpoints_of([]) == {}
