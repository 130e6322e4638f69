# SPDX-License-Identifier: Apache-2.0
"""Several workers behind the real Envoy: who answers, and what a restart or a death costs.

One thread of Envoy, so that it has one connection to each endpoint.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from authz.demo.scenario import policy_yaml
from tests.attack.report import tried
from tests.e2e.harness import Stack, eventually, load_on, more, start_stack, wait_for_health

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Load

    Start = Callable[..., Stack]

OWN_PORTS = {"workers": 2, "port_per_worker": True}
SHARED_PORT = {"workers": 2}
FORMS = pytest.mark.parametrize("form", [OWN_PORTS, SHARED_PORT], ids=["own_ports", "shared_port"])
ROTATION = "max_requests_per_connection: 1000"


@pytest.fixture
def start(
    transport: str, children: Children, credentials: Credentials, upstream: Upstream
) -> Start:
    def _start(form: dict[str, Any], **options: Any) -> Stack:
        return start_stack(
            children,
            credentials,
            policy_yaml(credentials),
            upstream=upstream,
            transport=transport,
            settings={"grpc": form},
            **options,
        )

    return _start


def rotating_after(requests: int) -> Callable[[str], str]:
    """Change how many checks a connection carries."""

    def change(config: str) -> str:
        assert ROTATION in config
        return config.replace(ROTATION, f"max_requests_per_connection: {requests}")

    return change


def answered(stack: Stack) -> list[float]:
    """How many checks each worker has answered."""
    return [
        stack.authz.metric("authz_worker_checks_total", worker=str(worker)) for worker in range(2)
    ]


def workers(stack: Stack) -> list[psutil.Process]:
    children = psutil.Process(stack.authz.child.pid).children()
    return [child for child in children if "authz.node.worker" in child.cmdline()]


def test_with_ports_of_their_own_the_workers_share_one_envoys_checks(start: Start) -> None:
    stack = start(OWN_PORTS)
    load = load_on(stack)
    with load.running():
        more(load, 400)

    counts = answered(stack)
    assert sum(counts) == load.total == load.counts["200"]
    assert min(counts) >= load.total / 4


def test_with_a_shared_port_a_connection_is_one_workers_business(start: Start) -> None:
    stack = start(SHARED_PORT, change=rotating_after(1_000_000))
    load = load_on(stack)
    with load.running():
        more(load, 400)

    assert load.counts == {"200": load.total}
    assert sorted(answered(stack)) == [0, load.total]


def test_with_a_shared_port_new_connections_bring_the_other_workers_in(start: Start) -> None:
    stack = start(SHARED_PORT, change=rotating_after(20))
    load = load_on(stack)
    with load.running():
        eventually(lambda: min(answered(stack)) > 0, "both workers answer")

    assert load.counts == {"200": load.total}
    assert stack.envoy.stat("cluster.authz.upstream_cx_total") > 1


def test_replacing_the_workers_behind_a_shared_port_is_no_outage(start: Start) -> None:
    """Without loss it is with ports of their own alone (test_restart.py)."""
    stack = start(SHARED_PORT)
    load = load_on(stack)
    with load.running():
        more(load, 100)
        stack.authz.child.send_signal(signal.SIGUSR2)
        eventually(lambda: stack.authz.metric("authz_worker_restarts_total") >= 2, "both replaced")
        more(load, 100)

    assert set(load.counts) <= {"200", "503"}, load.details
    # With a health check it is a third and more, for as long as the one that is asked drains.
    assert load.counts.get("503", 0) <= load.total / 50


@pytest.mark.attack
@FORMS
def test_a_worker_that_is_killed_under_load_comes_back_and_nothing_is_answered_wrongly(
    start: Start, form: dict[str, Any]
) -> None:
    stack = start(form)
    killed = workers(stack)[0]
    refused, admitted = load_on(stack, ""), load_on(stack)
    with refused.running(), admitted.running():
        more(admitted, 100)
        killed.send_signal(signal.SIGKILL)
        eventually(lambda: stack.authz.metric("authz_worker_restarts_total") == 1, "noticed")
        eventually(lambda: stack.authz.metric("authz_workers_ready") == 2, "started again")
        wait_for_health(stack.envoy, len(stack.authz.grpc))
        more(admitted, 100)

    tried(
        "faults",
        "a worker is killed, requests through Envoy",
        refused.total + admitted.total,
        wrong=_others(refused, "403") + _others(admitted, "200"),
        unanswered=sum(load.counts.get("no answer", 0) for load in (refused, admitted)),
    )
    assert set(refused.counts) <= {"403", "503"}, refused.details
    assert set(admitted.counts) <= {"200", "503"}, admitted.details
    # At most what was in flight when it died: one request of each thread.
    assert admitted.counts.get("503", 0) + refused.counts.get("503", 0) <= 4
    assert killed.pid not in {worker.pid for worker in workers(stack)}


def _others(load: Load, right: str) -> int:
    """How many answers were neither the right one nor Envoy's own that nobody answered it."""
    known = {right, "503", "no answer"}
    return sum(count for word, count in load.counts.items() if word not in known)
