# SPDX-License-Identifier: Apache-2.0
"""Two nodes on PostgreSQL while either node and the database are killed in turn: ten minutes in
`make acceptance`, AUTHZ_NODES_SECONDS for another time, half a minute in `make test`."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.attack.report import tried
from tests.factories.postgres import running_server
from tests.integration.stores import world_of
from tests.integration.two_nodes import TwoNodes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres

#: Once each of them, and a bit.
BOUNDED_SECONDS = 20.0


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path leaves room for the name of a Unix socket."""
    directory = Path(tempfile.mkdtemp(prefix="authz-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def _drill(place: Path, seconds: float) -> None:
    with running_server() as server:
        database = server.address(server.new_database())
        world = world_of(database, place / "world")
        with closing(world.store):
            report = TwoNodes(place, world, server, database).run(seconds)
    print(report.table())
    tried(
        "nodes",
        "checks while either of two nodes and PostgreSQL are killed in turn",
        report.answered + len(report.unanswered),
        wrong=len(report.wrong),
        unanswered=len(report.unanswered),
    )
    tried("nodes", "changes over the API meanwhile", report.changes, wrong=len(report.lost))
    assert report.wrong[:3] == []
    assert report.unanswered[:3] == []
    assert report.lost == []
    assert report.answered > report.changes > report.unacknowledged
    assert {"A", "B", "PostgreSQL"} == set(report.kills)
    # Whoever of the two fetched for both was killed.
    assert report.take_overs > 1
    assert not report.holding.memory_grew(), report.holding.memory
    assert report.holding.watched() == {"authz", "control", "worker", "admin"}
    assert report.holding.descriptors_grew() == []


def test_nodes_and_database_are_killed_once_each(place: Path) -> None:
    _drill(place, BOUNDED_SECONDS)


@pytest.mark.acceptance
@pytest.mark.attack
def test_nodes_and_database_are_killed_in_turn_for_ten_minutes(place: Path) -> None:
    _drill(place, float(os.environ.get("AUTHZ_NODES_SECONDS", "600")))
