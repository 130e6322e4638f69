# SPDX-License-Identifier: Apache-2.0
"""Both databases behind one suite: whatever asks for `database` or `store` runs on each of them.

Without a PostgreSQL its half is skipped, and where AUTHZ_REQUIRE names postgres it fails.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from authz.store.engine import Store, open_store
from tests.contract.sdk_server import SdkServer, serving
from tests.factories.postgres import Server, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A database as the settings name it."""

    database: str
    data_dir: Path

    @property
    def is_sqlite(self) -> bool:
        return self.database == "sqlite"

    @property
    def file(self) -> Path:
        return self.data_dir / "authz.db"

    def open(self, *, create: bool = True) -> Store:
        return open_store(self.database, self.data_dir, create=create)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the session."""
    # Nothing here tests what PostgreSQL does at a power cut.
    with running_server("-c fsync=off") as server:
        yield server


@pytest.fixture(scope="session")
def _template(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tables: a copy is made in a moment."""
    name = postgres.new_database()
    open_store(postgres.address(name), tmp_path_factory.mktemp("template")).close()
    return name


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database without tables."""
    if request.param == "sqlite":
        yield Place("sqlite", tmp_path)
        return
    server: Server = request.getfixturevalue("postgres")
    name = server.new_database()
    yield Place(server.address(name), tmp_path)
    server.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path, empty_store: Path) -> Iterator[Place]:
    """A database with the tables and nothing else."""
    if request.param == "sqlite":
        shutil.copy(empty_store, tmp_path)
        yield Place("sqlite", tmp_path)
        return
    server: Server = request.getfixturevalue("postgres")
    template: str = request.getfixturevalue("_template")
    name = server.new_database(template)
    yield Place(server.address(name), tmp_path)
    server.drop(name)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    """A store that was just made."""
    with closing(place.open(create=False)) as opened:
        yield opened


@pytest.fixture
def server(tmp_path: Path, empty_store: Path) -> Iterator[SdkServer]:
    """The management API over a new SQLite store, for the SDK."""
    shutil.copy(empty_store, tmp_path)
    with serving(tmp_path) as one:
        yield one
