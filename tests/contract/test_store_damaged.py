# SPDX-License-Identifier: Apache-2.0
"""The way out of a damaged file: a backup takes its place, and what is left of it stays."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import (
    ConflictError,
    InvalidInputError,
    StoreDamagedError,
    StoreUnavailableError,
)
from authz.store import backup as backups
from authz.store.backup import backup, restore
from authz.store.damaged import set_aside
from authz.store.engine import open_store
from tests.factories.pki import AT
from tests.factories.stored import account

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A backup of a store in `data` that has gone on since."""
    file = tmp_path / "copy.db"
    with closing(open_store("sqlite", tmp_path / "data")) as store:
        backup(store, file)
        for number in range(5):
            with store.write() as session:
                session.zones.add_account(account(f"later {number}"))
    return file


def _restore(data: Path, file: Path, **more: Any) -> int:
    return restore("sqlite", data, file, actor="tester", at=AT, **more)


def _damage(file: Path, start: int = 0) -> bytes:
    content = file.read_bytes()
    file.write_bytes(content[:start] + os.urandom(len(content) - start))
    return file.read_bytes()


def test_a_backup_takes_the_place_of_a_damaged_file(copy: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    moved: list[Path] = []
    for number in (1, 2):
        damaged = _damage(data / "authz.db")
        assert _restore(data, copy, replace=True, moved=moved.append) == 2
        assert moved[-1] == data / f"authz.db.damaged-{number}"
        assert moved[-1].read_bytes() == damaged
        with closing(open_store("sqlite", data)) as store, store.read() as session:
            assert [one.name for one in session.zones.accounts()] == ["default"]


def test_revisions_go_on_when_the_last_one_can_be_read(copy: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with closing(open_store("sqlite", data)) as store, store.read() as session:
        connection = session._connection
        (page,) = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'alembic_version'"
        ).one()
    content = bytearray((data / "authz.db").read_bytes())
    content[(page - 1) * 4096 : page * 4096] = os.urandom(4096)
    (data / "authz.db").write_bytes(content)

    assert _restore(data, copy, replace=True) == 7


def test_its_log_goes_with_it(tmp_path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"authz.db{end}").write_text(end)

    aside = set_aside(tmp_path / "authz.db")

    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        f"{aside.name}{end}": end for end in ("", "-wal", "-shm")
    }


def test_a_damaged_file_stays_without_replace(copy: Path, tmp_path: Path) -> None:
    damaged = _damage(tmp_path / "data" / "authz.db")
    with pytest.raises(StoreDamagedError):
        _restore(tmp_path / "data", copy)
    assert (tmp_path / "data" / "authz.db").read_bytes() == damaged


def test_a_damaged_backup_takes_no_place(copy: Path, tmp_path: Path) -> None:
    damaged = _damage(tmp_path / "data" / "authz.db")
    _damage(copy)
    with pytest.raises(InvalidInputError, match="no backup, or a damaged one"):
        _restore(tmp_path / "data", copy, replace=True)
    assert (tmp_path / "data" / "authz.db").read_bytes() == damaged


def test_nothing_is_set_aside_that_can_be_read(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ConflictError):
        _restore(tmp_path / "data", copy)
    _restore(tmp_path / "data", copy, replace=True, moved=lambda _: pytest.fail("moved"))
    assert not list((tmp_path / "data").glob("*damaged*"))


def test_what_changes_while_it_is_copied_without_a_lock_is_no_backup(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter(((1,), (2,)))
    monkeypatch.setattr(backups, "identity", lambda *_, **__: next(moments))
    with (
        closing(open_store("sqlite", tmp_path / "data")) as store,
        pytest.raises(StoreUnavailableError, match="while it was read without a lock"),
    ):
        backup(store, tmp_path / "torn.db")
    assert not (tmp_path / "torn.db").exists()
