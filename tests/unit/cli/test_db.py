# SPDX-License-Identifier: Apache-2.0
"""`authz db check` tells what is wrong and ends with 1; `backup` replaces nothing of ours."""

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


def _backup(directory: Path, file: Path, *more: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(["db", "backup", str(file), "--data-dir", str(directory), *more])
    return exit_.value.code


@pytest.mark.parametrize(
    "name", ["ca.key", "certificates", "addresses.json", "snapshots/1.snapshot"]
)
def test_a_backup_over_what_the_service_needs(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_store("sqlite", tmp_path).close()
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("needed")

    assert _backup(tmp_path, file, "--force") == 2
    assert file.read_text() == "needed"
    assert "one of the" in capsys.readouterr().err


def test_a_backup_over_a_secret_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite", tmp_path).close()
    (tmp_path / "authz.yaml").write_text("keys: {key_file: secret}\npolicy: policy.yaml\n")
    (tmp_path / "secret").write_text("needed")

    for name in ("secret", "policy.yaml"):
        assert _backup(tmp_path, tmp_path / name, "--force") == 2
        assert "one of the service's own" in capsys.readouterr().err
    assert (tmp_path / "secret").read_text() == "needed"


def test_a_backup_over_another_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_store("sqlite", tmp_path).close()

    assert _backup(tmp_path, tmp_path / "copy") == 0
    assert _backup(tmp_path, tmp_path / "copy") == 2
    assert "--force" in capsys.readouterr().err
    assert _backup(tmp_path, tmp_path / "copy", "--force") == 0
