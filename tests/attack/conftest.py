# SPDX-License-Identifier: Apache-2.0
"""What the attack corpus runs against: the service alone, and one Envoy with all its listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack.flooding import ACME, PARTNER, Flooded
from tests.attack.judge import OPTIONS, Judge, snapshot
from tests.attack.stack import Attacked
from tests.attack.stack import attacked as running
from tests.factories.envoy import require_envoy
from tests.integration.asking import PROTECTED
from tests.integration.harness import Node

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def judges(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judge]:
    """A service for each listener, with the policy of the corpus."""
    policy = snapshot(tmp_path_factory.mktemp("judges"))
    return {name: Judge(policy, options) for name, options in OPTIONS.items()}


@pytest.fixture(scope="package")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """One Envoy, its services, and an upstream that records."""
    require_envoy()
    with running(tmp_path_factory.mktemp("attacked")) as stack:
        yield stack


@pytest.fixture(scope="module", params=["native", "grpcio"])
def flooded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flooded]:
    """A node of one process for each transport, for all floods of a module."""
    transport = str(request.param)
    directory = tmp_path_factory.mktemp(transport)
    (directory / "acme.pem").write_bytes(ACME.pem)
    node = Node(directory, "--transport", transport, policy=PROTECTED + PARTNER)
    try:
        yield Flooded(node.until_serving(), transport)
    finally:
        node.destroy()
