# SPDX-License-Identifier: Apache-2.0
"""Nodes and clients that are gone after the test, whatever happened in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.harness import Client, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def _start(*options: str, **arguments: str | None) -> Node:
        directory = tmp_path / str(len(nodes))
        directory.mkdir(exist_ok=True)
        nodes.append(Node(directory, *options, **arguments))
        return nodes[-1]

    yield _start
    for node in nodes:
        node.destroy()


@pytest.fixture
def client() -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def _client(address: str) -> Client:
        clients.append(Client(address))
        return clients[-1]

    yield _client
    for one in clients:
        one.close()
