# SPDX-License-Identifier: Apache-2.0
"""authz token: which store a token is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

CREATE = ("token", "create", "--name", "ci", "--read-only")


def _authz(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_a_token_of_a_database_that_was_not_there_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert _authz(*CREATE) == 0
    first = capsys.readouterr()
    assert len(first.out) == 44
    assert (
        "authz: warning: authz-data/authz.db is a new database: the token is good for this one "
        "alone\n" in first.err
    )
    assert "--data-dir" in first.err

    assert _authz(*CREATE) == 0
    assert capsys.readouterr().err == ""


def test_one_that_is_refused_says_nothing_of_the_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert _authz(*CREATE, "--scope", "rules:read") == 2
    assert "new database" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
