# SPDX-License-Identifier: Apache-2.0
"""What is particular about a database in a file: it can be moved away, and another put there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.errors import StoreUnavailableError
from authz.store import sqlite
from authz.store.engine import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.engine import Store


def _id_of(store: Store) -> str:
    with store.read() as session:
        return session.store_id


def test_a_file_that_was_moved_away_is_read_and_written_no_more(tmp_path: Path) -> None:
    with closing(open_store("sqlite", tmp_path)) as store:
        before = _id_of(store)
        (tmp_path / "authz.db").rename(tmp_path / "away.db")

        with pytest.raises(StoreUnavailableError):
            _id_of(store)
        with pytest.raises(StoreUnavailableError), store.write():
            pytest.fail("it would be acknowledged, and in no store")
        assert not (tmp_path / "authz.db").exists()

        (tmp_path / "away.db").rename(tmp_path / "authz.db")
        assert _id_of(store) == before


def test_another_file_in_its_place_is_the_store(tmp_path: Path) -> None:
    other = tmp_path / "other"
    open_store("sqlite", other).close()
    with closing(open_store("sqlite", tmp_path)) as store:
        before = _id_of(store)

        # Its log is not the other one's.
        for name in ("authz.db-wal", "authz.db-shm"):
            (tmp_path / name).unlink()
        shutil.move(other / "authz.db", tmp_path / "authz.db")

        assert _id_of(store) != before


def test_what_could_not_change_and_did_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is read-only here, and written to from elsewhere."""
    open_store("sqlite", tmp_path).close()
    opened: list[sqlite._Connection] = []

    def immutable(file: Path) -> sqlite._Connection:
        connection = sqlite._opened(file, "mode=ro&immutable=1")
        connection.immutable = True
        opened.append(connection)
        return connection

    monkeypatch.setattr(sqlite, "_connect", immutable)
    with closing(open_store("sqlite", tmp_path)) as store:
        before = _id_of(store)
        assert (_id_of(store), len(opened)) == (before, 1)

        with closing(sqlite3.connect(tmp_path / "authz.db")) as elsewhere:
            elsewhere.execute("UPDATE state SET store_id = 'another'")
            elsewhere.commit()

        assert (_id_of(store), len(opened)) == ("another", 2)


def test_opening_it_again_lets_go_of_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """POSIX: a process that closes a file loses its locks on it, whoever in it had opened it."""
    opened: list[str] = []
    real = os.open

    def watched(path: str, *given: int, **options: int) -> int:
        descriptor = real(path, *given, **options)
        opened.append(str(path))
        return descriptor

    with closing(open_store("sqlite", tmp_path)):
        monkeypatch.setattr(os, "open", watched)
        open_store("sqlite", tmp_path).close()

    assert str(tmp_path / "authz.db") not in opened


@pytest.mark.parametrize("name", ["a b", "50%", "a?b=c", "a#b", "ü"])
def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    with closing(open_store("sqlite", directory)) as store:
        watcher = store.watcher()
        with store.write():
            pass
        assert watcher.wait(10.0)
        watcher.close()

    assert (directory / "authz.db").exists()
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_relative_directory_is_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path as AnyPath

    monkeypatch.chdir(tmp_path)
    open_store("sqlite", AnyPath("data")).close()

    assert (tmp_path / "data" / "authz.db").exists()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "authz.db").write_bytes(b"no database" * 1000)

    with pytest.raises(StoreUnavailableError, match="not a database"):
        open_store("sqlite", tmp_path)
