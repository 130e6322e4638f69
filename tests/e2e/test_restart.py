# SPDX-License-Identifier: Apache-2.0
"""Restarts under load lose no request: one endpoint per worker, health checks, a drain."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from authz.demo.scenario import policy_yaml
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import (
    Stack,
    authz_settings,
    default_options,
    eventually,
    load_on,
    more,
    start_stack,
    wait_for_health,
)

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream


def test_a_rolling_restart_of_the_workers_loses_no_request(
    transport: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    stack = start_stack(
        children,
        credentials,
        policy_yaml(credentials),
        upstream=upstream,
        transport=transport,
        settings={"grpc": {"workers": 2, "port_per_worker": True}},
    )
    load = load_on(stack)

    with load.running():
        more(load, 100)
        stack.authz.child.send_signal(signal.SIGUSR2)
        eventually(lambda: stack.authz.metric("authz_worker_restarts_total") >= 2, "both replaced")
        wait_for_health(stack.envoy, 2)
        more(load, 100)

    assert load.counts == {"200": load.total}, load.details


def test_instances_replaced_one_after_the_other_lose_no_request(
    transport: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    """Two `authz serve` on ports of their own, as two pods are."""
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    settings = authz_settings(transport)
    one = start_authz(children, directory, settings, name="one")
    two = start_authz(children, directory, settings, name="two")
    config = render_envoy_config(
        load_settings(directory / "one.yaml"),
        default_options(credentials, upstream, (*one.grpc, *two.grpc)),
    )
    envoy = start_envoy(children, directory, config)
    wait_for_health(envoy, 2)
    load = load_on(Stack(credentials=credentials, authz=one, envoy=envoy))

    with load.running():
        more(load, 100)
        for name, instance in (("one", one), ("two", two)):
            instance.child.send_signal(signal.SIGTERM)
            assert instance.child.wait(20) == 0
            fixed = authz_settings(transport, {"grpc": {"listen": instance.grpc[0]}})
            again = start_authz(children, directory, fixed, name=name)
            assert again.metric("authz_transport_info", transport=transport) == 1
            wait_for_health(envoy, 2)
            more(load, 50)

    assert load.counts == {"200": load.total}, load.details


def test_a_killed_worker_costs_nothing_that_a_retry_cannot_mend(
    transport: str, children: Children, credentials: Credentials, upstream: Upstream
) -> None:
    """A crash is no drain: requests under way in it may fail, but none is let in by mistake."""
    directory = credentials.directory
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    settings = authz_settings(transport)
    one = start_authz(children, directory, settings, name="one")
    two = start_authz(children, directory, settings, name="two")
    config = render_envoy_config(
        load_settings(directory / "one.yaml"),
        default_options(credentials, upstream, (*one.grpc, *two.grpc)),
    )
    envoy = start_envoy(children, directory, config)
    wait_for_health(envoy, 2)
    stack = Stack(credentials=credentials, authz=one, envoy=envoy)

    refused = load_on(stack, "")
    with refused.running(), load_on(stack).running() as admitted:
        more(admitted, 50)
        two.child.send_signal(signal.SIGKILL)
        more(admitted, 300)
        eventually(
            lambda: envoy.stat("cluster.authz.membership_healthy") == 1, "Envoy knows of its end"
        )
        # Those that were under way when Envoy learned of it have been answered.
        more(admitted, 10)
        lost = admitted.counts.get("503", 0)
        more(admitted, 100)

    assert set(refused.counts) <= {"403", "503"}, refused.details
    assert set(admitted.counts) <= {"200", "503"}, admitted.details
    # What was in flight when it died, one request of each thread; on a busy machine also one
    # whose next tries ran out of time before Envoy saw that the port is closed.
    assert lost <= admitted.total // 50, admitted.counts
    assert admitted.counts.get("503", 0) == lost, "one was lost after Envoy knew"
