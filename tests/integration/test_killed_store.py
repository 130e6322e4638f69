# SPDX-License-Identifier: Apache-2.0
"""kill -9 of whatever there is, at random moments of writes and checks.

`make test` kills a few times, `make acceptance` during 1,000 writes on each database.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.factories.postgres import running_server
from tests.integration.killing import Drill
from tests.integration.stores import world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.killing import Report

SEED = 20261126


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path leaves room for the name of a Unix socket."""
    directory = Path(tempfile.mkdtemp(prefix="authz-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def _on_sqlite(place: Path, writes: int, kills: int, pause: float) -> Report:
    world = world_of("sqlite", place / "data")
    with closing(world.store):
        return Drill(place, world, "sqlite", None, SEED).run(writes, kills, pause)


def _on_postgresql(
    place: Path, writes: int, kills: int, pause: float, victims: tuple[str, ...] = ()
) -> Report:
    with running_server() as server:
        address = server.address(server.new_database())
        world = world_of(address, place / "data")
        with closing(world.store):
            drill = Drill(place, world, address, server, SEED)
            return drill.run(writes, kills, pause, victims)


def _check(report: Report, title: str) -> None:
    print(report.table(title))
    assert report.wrong[:3] == []
    assert report.left_alone[:3] == []
    assert report.lost == []
    assert report.checks > report.writes


def test_a_few_kills_on_sqlite(place: Path) -> None:
    _check(_on_sqlite(place, 60, 3, 0.02), "SQLite")


@pytest.mark.postgres
def test_postgresql_is_killed(place: Path) -> None:
    _check(_on_postgresql(place, 40, 1, 0.02, ("PostgreSQL",)), "PostgreSQL")


@pytest.mark.acceptance
def test_a_thousand_writes_on_sqlite(place: Path) -> None:
    _check(_on_sqlite(place, 1000, 24, 0.05), "SQLite, 1,000 writes")


@pytest.mark.acceptance
@pytest.mark.postgres
def test_a_thousand_writes_on_postgresql(place: Path) -> None:
    _check(_on_postgresql(place, 1000, 32, 0.05), "PostgreSQL, 1,000 writes")
