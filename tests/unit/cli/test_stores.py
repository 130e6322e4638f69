# SPDX-License-Identifier: Apache-2.0
"""What commands that work with the store share."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from authz.cli import stores
from authz.cli.main import main
from authz.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def _authz(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert not ended.value.code


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _completed(words: str, place: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "authz"],
        env={
            "_AUTHZ_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(place),
            "PYTHONPATH": ":".join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_knows_the_commands() -> None:
    assert "revoke" in _completed("authz cert re", 2)


def test_completion_offers_what_the_store_has(capsys: pytest.CaptureFixture[str]) -> None:
    _authz("ca", "create", "--name", "Acme")
    _authz("host", "add", "a.example", "--ca", "Acme")
    _authz("cert", "issue", "--label", "alice", "--out", "alice")
    capsys.readouterr()

    assert stores.complete_authority("A") == ["Acme"]
    assert stores.complete_authority("B") == []
    assert stores.complete_zone("") == ["default"]
    assert stores.complete_host("") == ["a.example"]
    assert _completed("authz ca show ", 3) == ["Acme"]
    assert len(_completed("authz cert show ", 3)) == 1


def test_completion_makes_no_store_and_does_not_fail(here: Path) -> None:
    assert stores.complete_authority("") == []
    assert list(here.iterdir()) == []
    (here / "authz.yaml").write_text("nonsense: 1\n")
    assert stores.complete_authority("") == []


def test_options_win_over_the_settings(here: Path) -> None:
    (here / "authz.yaml").write_text("data_dir: one\ndatabase: postgresql://a/b\n")
    settings = stores.store_settings(None, "sqlite", here / "two")

    assert (settings.database, settings.data_dir) == ("sqlite", here / "two")
    assert stores.store_settings(None, None, None).database == "postgresql://a/b"


def _user(name: str) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", 4711, 4711, "", "/", "/bin/sh"))


def test_who_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody else")
    assert stores.actor() == f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.mark.parametrize(
    ("name", "actor"),
    [
        ("ada", "cli:ada"),
        ("a\x1b[1m", "cli:4711"),
        ("", "cli:4711"),
        ("x" * 300, "cli:" + "x" * 251),
    ],
)
def test_names_of_users(name: str, actor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores.os, "getuid", lambda: 4711)
    monkeypatch.setattr(stores.pwd, "getpwuid", lambda _: _user(name))
    assert stores.actor() == actor


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(user: int) -> pwd.struct_passwd:
        raise KeyError(user)

    monkeypatch.setattr(stores.os, "getuid", lambda: 4711)
    monkeypatch.setattr(stores.pwd, "getpwuid", nobody)
    assert stores.actor() == "cli:4711"


def test_a_lost_secret_is_not_made_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _authz("ca", "create", "--name", "Acme")
    (here / "authz-data" / "ca.key").unlink()
    settings = stores.store_settings(None, None, None)

    with (
        stores.opened_store(settings) as store,
        pytest.raises(SettingsError, match="is not there, and private keys are encrypted by it"),
    ):
        stores.encryption_for(settings, store)


def test_columns(capsys: pytest.CaptureFixture[str]) -> None:
    stores.table(("A", "LONG"), [("xyz", "1"), ("\x1b[1m", "")])
    stores.facts([("name", "a\nb"), ("x", "")])

    assert capsys.readouterr().out == "A        LONG\nxyz      1\n\\x1b[1m\nname  a\\nb\nx\n"


def test_completion_of_a_few_values() -> None:
    assert stores.complete_key_kind("rsa-3") == ["rsa-3072"]
    assert stores.complete_reason("key") == ["keyCompromise"]
    assert "removeFromCRL" not in stores.complete_reason("")
    assert stores.one_of(lambda: ("strict", "soft", "off"))("s") == ["strict", "soft"]
