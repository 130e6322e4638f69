# SPDX-License-Identifier: Apache-2.0
"""Nodes and clients that are gone after the test, whatever happened in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.postgres import Server, running_server
from tests.integration.harness import Client, Node
from tests.integration.stores import Asker, StoreNode, world_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.factories.populated import World


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def _start(*options: str, **arguments: Any) -> Node:
        directory = tmp_path / str(len(nodes))
        directory.mkdir(exist_ok=True)
        nodes.append(Node(directory, *options, **arguments))
        return nodes[-1]

    yield _start
    for node in nodes:
        node.destroy()


@pytest.fixture
def start_store(tmp_path: Path) -> Iterator[Callable[..., StoreNode]]:
    """Nodes of one data directory, one after the other."""
    nodes: list[StoreNode] = []

    def _start(*options: str, **arguments: Any) -> StoreNode:
        nodes.append(StoreNode(tmp_path / "node", *options, **arguments))
        return nodes[-1]

    yield _start
    for node in nodes:
        node.destroy()


@pytest.fixture
def asker() -> Iterator[Callable[[str], Asker]]:
    askers: list[Asker] = []

    def _asker(address: str) -> Asker:
        askers.append(Asker(address))
        return askers[-1]

    yield _asker
    for one in askers:
        one.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server for the session."""
    with running_server("-c fsync=off") as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each database in turn, as the settings name it."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    server: Server = request.getfixturevalue("postgres")
    name = server.new_database()
    yield server.address(name)
    server.drop(name)


@pytest.fixture
def world(database: str, tmp_path: Path) -> Iterator[World]:
    """The store of the nodes that `start_store` starts."""
    made = world_of(database, tmp_path / "node" / "data")
    yield made
    made.store.close()


@pytest.fixture
def client() -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def _client(address: str) -> Client:
        clients.append(Client(address))
        return clients[-1]

    yield _client
    for one in clients:
        one.close()
