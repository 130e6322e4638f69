# SPDX-License-Identifier: Apache-2.0
"""The end-to-end tests' fixtures: a real Envoy, `authz serve`, an echoing upstream.

Whatever starts `authz serve` asks for `transport` and so runs on both; TLS is grpcio's alone.
Without an Envoy these tests are skipped, and where AUTHZ_REQUIRE names e2e they fail.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from authz.demo.credentials import Credentials, make_credentials
from authz.demo.envoy_binary import MINIMUM_VERSION, envoy_version
from authz.demo.processes import Children
from authz.demo.scenario import policy_yaml
from authz.demo.upstream import Upstream
from tests.e2e.harness import Stack, start_stack
from tests.e2e.http3_harness import start_http3
from tests.factories.envoy import require_envoy
from tests.factories.otlp import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRANSPORTS = ("native", "grpcio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session", autouse=True)
def _envoy_is_new_enough() -> None:
    assert envoy_version(require_envoy()) >= MINIMUM_VERSION


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="session", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each of the transports in turn."""
    return str(request.param)


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Who takes spans and log records."""
    with Collector() as running:
        yield running


@pytest.fixture
def children() -> Iterator[Children]:
    with Children() as running:
        yield running


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    """Fresh certificates, their files in the test's own directory."""
    return make_credentials(tmp_path, at=time.time())


@pytest.fixture(scope="session")
def demo_stack(
    transport: str, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Stack]:
    """The demo's policy behind the default listener, for reading only; once per transport."""
    directory = tmp_path_factory.mktemp(f"demo-{transport}")
    credentials = make_credentials(directory, at=time.time())
    with Children() as children:
        yield start_stack(
            children,
            credentials,
            policy_yaml(credentials),
            upstream=upstream,
            transport=transport,
        )


@pytest.fixture(scope="session")
def http3_stack(
    transport: str, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Stack]:
    """The demo's policy behind the listeners with HTTP/3, for reading only; once per transport."""
    with Children() as children:
        yield start_http3(
            children,
            tmp_path_factory.mktemp(f"http3-{transport}"),
            upstream=upstream,
            transport=transport,
            # Several threads of Envoy share the port: packets must find the right one.
            concurrency=2,
        )
