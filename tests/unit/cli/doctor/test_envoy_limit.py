# SPDX-License-Identifier: Apache-2.0
"""How many checks may be under way: each limit against what the service answers in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.doctor import envoy_dump, envoy_limit
from authz.cli.doctor.envoy_endpoints import Endpoints
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


SHARED: dict[str, Any] = {"grpc": {"transport": "grpcio", "workers": 4}}


def judged(
    limit: int | None,
    *,
    endpoints: int | Endpoints = 1,
    timeout: str | None = "0.5s",
    name: str = "authz",
    **values: Any,
) -> tuple[list[Finding], str | None]:
    """What is found of a cluster with this limit, and why the rest was not judged.

    A limit of None is no circuit breaker at all; a number of endpoints is of healthy ones, each of
    which is a pod.
    """
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
    if isinstance(endpoints, int):
        endpoints = Endpoints(endpoints, endpoints, may_be_more=False)
    asked = (
        name,
        envoy_dump.clusters(dump)[name],
        Settings.model_validate(values),
        endpoints,
        envoy_limit.shortest(envoy_dump.chains(dump)),
    )
    return [*envoy_limit.look(*asked)], envoy_limit.not_judged(*asked)


def found(limit: int | None, **how: Any) -> list[Finding]:
    """What is said of a cluster of which all is known."""
    findings, unknown = judged(limit, **how)
    assert unknown is None
    return findings


def ids(limit: int | None, **how: Any) -> list[str]:
    return [one.id for one in found(limit, **how)]


@pytest.mark.parametrize(
    ("values", "fine", "too_many"),
    [
        # 20,000 a second, and a quarter of half a second.
        ({}, (2000, 2500), (2501, 4500, 10_000, envoy_limit.NO_LIMIT)),
        # 5,000 a second.
        (GRPCIO, (500, 625), (626, 1024, 2000, envoy_limit.NO_LIMIT)),
        (TWO_WORKERS, (500, 625), (626,)),
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
    assert ids(1250, endpoints=2, **GRPCIO) == []
    assert ids(1251, endpoints=2, **GRPCIO) == ["many-checks-at-once"]
    assert ids(1250, endpoints=2, **TWO_WORKERS) == []


def test_the_time_that_envoy_waits_counts() -> None:
    assert ids(250, timeout="0.2s", **GRPCIO) == []
    assert ids(251, timeout="0.2s", **GRPCIO) == ["many-checks-at-once"]
    # Nobody said: 0.2 s in Envoy.
    assert ids(251, timeout=None, **GRPCIO) == ["many-checks-at-once"]
    # A second is the most that counts; 0 is for ever, and what is no time is not read as one.
    for long in ("1s", "600s", "0s", "nan", "nans", "inf", "-1s", "soon"):
        assert ids(1250, timeout=long, **GRPCIO) == []
        assert ids(1251, timeout=long, **GRPCIO) == ["many-checks-at-once"]


def test_what_is_advised_is_answered_in_time() -> None:
    """Where Envoy waits for less than four tenths of a second, that is less than usual."""
    (one,) = found(500, timeout="0.1s", **GRPCIO)
    assert one.id == "many-checks-at-once"
    assert "max_requests: 125," in one.do
    assert ids(125, timeout="0.1s", **GRPCIO) == []
    assert ids(124, timeout="0.1s", **GRPCIO) == ["few-checks-at-once"]


def test_a_limit_of_nothing_is_never_advised() -> None:
    """It would deny every request."""
    (one,) = found(500, timeout="0.0001s", **GRPCIO)
    assert one.id == "many-checks-at-once"
    assert "max_requests: 1," in one.do
    assert ids(1, timeout="0.0001s", **GRPCIO) == []
    assert ids(0, timeout="0.0001s", **GRPCIO) == ["few-checks-at-once"]


def test_of_several_filters_the_one_that_waits_least_counts() -> None:
    waiting = [
        envoy_dump.Chain(where="", tls=None, manager={}, filter={"grpc_service": service})
        for service in ({"timeout": "0.5s"}, {"timeout": "0.1s"}, {})
    ]

    assert envoy_limit.shortest(waiting) == 0.1
    assert envoy_limit.shortest(waiting[::2]) == 0.2


def test_without_a_circuit_breaker_it_is_1024() -> None:
    assert ids(None) == ["few-checks-at-once"]
    assert ids(None, **GRPCIO) == ["many-checks-at-once"]
    # As Envoy Gateway leaves it: two pods answer that.
    assert ids(None, endpoints=2, **GRPCIO) == []
    assert ids(None, endpoints=2, timeout="0.2s", **GRPCIO) == ["many-checks-at-once"]


def test_a_limit_of_another_priority_does_not_count() -> None:
    configuration = envoy.config()
    thresholds = envoy.authz_cluster(configuration)["circuit_breakers"]["thresholds"]
    thresholds.append({"priority": "HIGH", "max_requests": 3})
    thresholds.append({"priority": "HIGH", "max_requests": envoy_limit.NO_LIMIT})
    dump = envoy.dump(configuration)
    (chain,) = envoy_dump.chains(dump)
    cluster = envoy_dump.clusters(dump)["authz"]

    one = Endpoints(1, 1, may_be_more=False)
    asked = ("authz", cluster, Settings(), one, envoy_limit.shortest([chain]))
    assert [*envoy_limit.look(*asked)] == []
    assert envoy_limit.not_judged(*asked) is None


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
    assert "some 1,250 are answered" in one.what
    assert "by 2 endpoints with 1 worker each:" in one.what
    assert one.do.startswith(remedy)
    assert "equests: 1000, " in one.do
    assert ("SecurityPolicy default/authz" in one.do) == (name == ENVOY_GATEWAY)
    # Two nodes with two workers each have four ports.
    (one,) = found(envoy_limit.NO_LIMIT, endpoints=4, **TWO_WORKERS)
    assert "max_requests: 2000," in one.do
    (one,) = found(9, name=name, **GRPCIO)
    assert one.id == "few-checks-at-once"
    assert remedy.partition("{")[0] in one.do


#: A Service with a virtual address, or a load balancer: as good as nothing is known.
VIRTUAL = Endpoints(1, 1, may_be_more=True)


@pytest.mark.parametrize("endpoints", [VIRTUAL, Endpoints()], ids=["virtual", "none yet"])
def test_behind_one_address_there_may_be_many_pods(endpoints: Endpoints) -> None:
    """2,000 is right for four of them, so that 500 must not be advised."""
    assert judged(625, endpoints=endpoints, **GRPCIO) == ([], None)
    findings, unknown = judged(2000, endpoints=endpoints, **GRPCIO)

    assert findings == []
    assert unknown is not None
    assert unknown.startswith("cluster authz: whether 2,000 checks at once are too many was not")
    reason = "it has no endpoint yet" if endpoints.there == 0 else "how many pods are behind its"
    assert reason in unknown
    assert unknown.endswith("some 500 for each worker")


def test_no_limit_is_too_high_for_any_number_of_pods() -> None:
    ((one,), unknown) = judged(envoy_limit.NO_LIMIT, endpoints=VIRTUAL, name=ISTIO, **GRPCIO)

    assert one.id == "many-checks-at-once"
    assert unknown is None
    assert "by a pod with 1 worker (how many are behind its address is not known" in one.what
    # Nothing to copy: it would be too little for all but one.
    assert "http2MaxRequests: N, http1MaxPendingRequests: N}" in one.do
    assert "where N is 500 for each pod behind it" in one.do


def test_what_is_too_few_for_one_pod_is_too_few_for_many() -> None:
    ((one,), _) = judged(499, endpoints=VIRTUAL, **GRPCIO)

    assert one.id == "few-checks-at-once"
    assert "max_requests: N," in one.do
    assert "where N is 500 for each pod" in one.do


def test_of_workers_that_share_a_port_one_may_answer_everything() -> None:
    """Each of Envoy's connections has one of them (docs/how-to/several-workers.md)."""
    assert judged(625, **SHARED) == ([], None)
    # As `authz envoy config` prints it: right when all four answer, too much when one does.
    findings, unknown = judged(2000, **SHARED)
    assert findings == []
    assert unknown is not None
    assert "4 workers share a port, and a connection keeps one of them busy" in unknown
    # All four together do not answer that.
    assert judged(2500, **SHARED)[0] == []
    (one,) = found(2501, **SHARED)
    assert one.id == "many-checks-at-once"
    assert "by 1 endpoint with 4 workers:" in one.what
    # One answers that, so that it is not too few.
    assert judged(500, **SHARED) == ([], None)
    assert ids(499, **SHARED) == ["few-checks-at-once"]


def test_endpoints_that_are_not_healthy_are_not_counted_on() -> None:
    one_of_two = Endpoints(2, 1, may_be_more=False)

    assert judged(625, endpoints=one_of_two, **GRPCIO) == ([], None)
    findings, unknown = judged(1000, endpoints=one_of_two, **GRPCIO)
    assert findings == []
    assert unknown is not None
    assert "of its 2 endpoints, 1 can be asked now" in unknown
    assert ids(1251, endpoints=one_of_two, **GRPCIO) == ["many-checks-at-once"]
