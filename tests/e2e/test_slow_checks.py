# SPDX-License-Identifier: Apache-2.0
"""A slow check is waited for, once, as long as the shipped listener says, and then denied."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from authz.demo.client import Connection
from authz.demo.stack import Envoy, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import Settings
from tests.e2e.harness import default_options, eventually, wait_for_health
from tests.e2e.slow_authorizer import SlowAuthorizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

#: `grpc_service.timeout` of the shipped listener, in seconds.
TIMEOUT = 0.5


@pytest.fixture
def authorizer() -> Iterator[SlowAuthorizer]:
    with SlowAuthorizer() as running:
        yield running


@pytest.fixture
def envoy(
    children: Children, credentials: Credentials, upstream: Upstream, authorizer: SlowAuthorizer
) -> Envoy:
    """With the shipped configuration, in front of the slow authorizer."""
    options = default_options(credentials, upstream, [authorizer.address])
    config = render_envoy_config(Settings(), options)
    assert f"timeout: {TIMEOUT}s" in config
    started = start_envoy(children, credentials.directory, config)
    wait_for_health(started, 1)
    return started


def status_of_a_request(envoy: Envoy, credentials: Credentials) -> int:
    connection = Connection(
        envoy.port, "api.localhost", credentials.server_ca, credentials.client_file("valid")
    )
    with contextlib.closing(connection):
        return connection.send_request("/", hosts=("api.localhost",)).status


@pytest.mark.parametrize("delay", [0.1, 0.3])
def test_an_answer_within_the_time_limit_counts_and_is_asked_for_once(
    envoy: Envoy, credentials: Credentials, authorizer: SlowAuthorizer, delay: float
) -> None:
    authorizer.delay = delay

    status = status_of_a_request(envoy, credentials)

    assert (status, authorizer.asked) == (200, 1)
    assert envoy.stat("cluster.authz.upstream_rq_retry") == 0
    assert envoy.stat("cluster.authz.upstream_rq_per_try_timeout") == 0


def test_no_answer_within_the_time_limit_is_a_denial_and_asked_for_once(
    envoy: Envoy, credentials: Credentials, authorizer: SlowAuthorizer
) -> None:
    authorizer.delay = 2 * TIMEOUT

    status = status_of_a_request(envoy, credentials)

    assert (status, authorizer.asked, authorizer.answered) == (503, 1, 0)
    # It is not let through later either, and nobody has asked again meanwhile.
    eventually(lambda: authorizer.answered == 1, "the late answer")
    assert authorizer.asked == 1
    assert envoy.stat("http.ingress.ext_authz.error") == 1
    assert envoy.stat("http.ingress.ext_authz.ok") == 0
    assert envoy.stat("cluster.upstream.upstream_rq_total") == 0


def test_a_fast_answer_after_slow_ones_counts(
    envoy: Envoy, credentials: Credentials, authorizer: SlowAuthorizer
) -> None:
    authorizer.delay = 2 * TIMEOUT
    assert status_of_a_request(envoy, credentials) == 503
    authorizer.delay = 0.0

    assert status_of_a_request(envoy, credentials) == 200
