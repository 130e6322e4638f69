# SPDX-License-Identifier: Apache-2.0
"""Database files that cannot be read. Replacing them: tests/contract/test_store_damaged.py."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from authz.errors import StoreUnavailableError
from authz.store.damaged import file_errors, is_cut_short, last_revision_in, set_aside
from authz.store.engine import open_store

if TYPE_CHECKING:
    from pathlib import Path


def test_the_revision_of_a_file_if_it_can_be_read(tmp_path: Path) -> None:
    open_store("sqlite", tmp_path).close()
    assert last_revision_in(tmp_path / "authz.db") == 1
    (tmp_path / "other").write_bytes(b"nothing" * 1000)
    assert last_revision_in(tmp_path / "other") == 0
    assert last_revision_in(tmp_path / "none") == 0


def test_it_is_kept_beside_under_a_name_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "authz.db").write_text("broken")
        (tmp_path / "authz.db-wal").write_text("log")
        aside = set_aside(tmp_path / "authz.db")
        assert aside.name == f"authz.db.damaged-{number}"
        assert not (tmp_path / "authz.db-wal").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left"), sqlite3.DatabaseError("broken")])
def test_what_goes_wrong_is_told_by_where_it_was(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StoreUnavailableError) as caught, file_errors(tmp_path / "f"):
        raise error
    assert caught.value.where == str(tmp_path / "f")


def test_a_byte_that_is_missing_is_noticed(tmp_path: Path) -> None:
    open_store("sqlite", tmp_path).close()
    file = tmp_path / "authz.db"
    assert not is_cut_short(file)

    file.write_bytes(file.read_bytes()[:-1])

    assert is_cut_short(file)
