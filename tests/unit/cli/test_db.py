# SPDX-License-Identifier: Apache-2.0
"""`authz db check` tells what is wrong and ends with 1."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.cli.main import main
from authz.store.engine import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A store with a zone that has settings nobody can read."""
    open_store("sqlite", tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
        connection.execute("UPDATE zones SET id = 'z', upstream_headers = '{'")
        connection.commit()
    return tmp_path


def _check(damaged: Path, *more: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(["db", "check", "--data-dir", str(damaged), *more])
    return exit_.value.code


def test_what_is_wrong_is_told(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(damaged) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert err == "authz: error: zones z: upstream_headers is not JSON\n"


def test_as_json(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _check(damaged, "--json") == 1

    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "findings": [{"where": "zones z", "message": "upstream_headers is not JSON"}],
    }
