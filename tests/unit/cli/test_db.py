# SPDX-License-Identifier: Apache-2.0
"""`authz db check` tells what is wrong and ends with 1; `backup` replaces nothing of ours."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.cli.main import main
from authz.node.data_directory import SNAPSHOTS
from authz.node.snapshot_file import write_snapshot
from authz.node.snapshot_layout import Position
from authz.policy.model import PolicyModel
from authz.services.model import SCOPE
from authz.store.engine import open_store
from tests.factories.page_commands import commands_on
from tests.factories.page_session import same
from tests.factories.pages import DOCS
from tests.factories.pki import AT, authority
from tests.factories.policies import site

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.moments import Moment


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


def _ends(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(list(words))
    return exit_.value.code


def test_keys_are_opened_where_their_secret_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _ends("ca", "create", "--name", "Acme", "--data-dir", str(tmp_path)) == 0
    assert "is a new database" in capsys.readouterr().err
    assert _check(tmp_path) == 0
    assert "note" not in capsys.readouterr().err

    (tmp_path / "ca.key").rename(tmp_path / "away")
    assert _check(tmp_path) == 0
    assert "whether private keys can be opened is not checked" in capsys.readouterr().err

    (tmp_path / "ca.key").write_bytes(bytes(32))
    (tmp_path / "ca.key").chmod(0o600)
    assert _check(tmp_path) == 1
    assert "the private key cannot be decrypted" in capsys.readouterr().err


def test_a_damaged_file_is_told_of_and_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert _ends("db", "migrate", "--data-dir", str(data)) == 0
    assert _ends("db", "backup", str(tmp_path / "copy.db"), "--data-dir", str(data)) == 0
    (data / "authz.db").write_bytes(b"nothing" * 9_000)
    capsys.readouterr()

    assert _check(data) == 1
    assert "authz: error: database: " in capsys.readouterr().err

    again = ("db", "restore", str(tmp_path / "copy.db"), "--data-dir", str(data))
    assert _ends(*again) == 2
    assert "--replace" in capsys.readouterr().err
    assert _ends(*again, "--replace", "--yes") == 0
    assert f"what is left of it is now {data}/authz.db.damaged-1" in capsys.readouterr().err
    assert _check(data) == 0


def _acme(directory: Path) -> tuple[str, Moment]:
    """The identifier of the only authority, and the moment of the store."""
    with closing(open_store("sqlite", directory)) as store, store.read() as session:
        (one,) = session.authorities.all()
        return one.id, session.moment


def _snapshot(directory: Path, *refused: int) -> None:
    """What is enforced: a snapshot of the store, later than anything in it."""
    identifier, moment = _acme(directory)
    position = Position(
        store_id=moment.store_id,
        revision=moment.revision + 9,
        authorities={"acme": identifier},
        mark="m",
        database="d",
    )
    trust = authority(revoked_serials=refused)
    write_snapshot(
        directory / SNAPSHOTS,
        PolicyModel(sites=(site(name="store", hosts=("a.example",), trust=(trust,), scope=SCOPE),)),
        1,
        AT,
        position,
    )


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory whose store has an authority, and `before.db` of it."""
    monkeypatch.chdir(tmp_path)
    _ends("ca", "create", "--name", "Acme")
    _ends("db", "backup", "before.db")
    return tmp_path / "authz-data"


def test_a_damaged_database_says_nothing_of_tokens_and_cas(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The snapshot knows what was revoked, and that is all it knows."""
    _snapshot(kept, 0xABC)
    (kept / "authz.db").write_bytes(b"no database at all" * 100)
    for log in kept.glob("authz.db-*"):
        log.unlink()
    capsys.readouterr()

    assert _ends("db", "restore", "before.db", "--replace", "--yes", "--json") == 0

    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["compared"], said["database_compared"]) == (True, False)
    assert [one["serial_number"] for one in said["revoked_since"]] == ["0abc"]
    assert "which hosts were taken from a CA after the backup: all of them count again" in err
    assert "authz incident tokens" in err
    assert "such a certificate is accepted again" not in err


def test_what_was_put_aside_and_the_snapshot_count_both(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _ends("cert", "revoke", "--ca", "Acme", "--serial", "DEF")
    (tmp_path / "aside").mkdir()
    _snapshot(kept, 0xABC)
    for file in kept.glob("authz.db*"):
        file.rename(tmp_path / "aside" / file.name)
    capsys.readouterr()

    assert _ends("db", "restore", "before.db", "--later", "aside/authz.db", "--json") == 0

    said = json.loads(capsys.readouterr().out)
    assert sorted(one["serial_number"] for one in said["revoked_since"]) == ["0abc", "0def"]


def test_hosts_that_ask_again_are_named(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        _ends("host", "add", f"h{number:02}.example.com", "--ca", "Acme")
    _ends("db", "backup", "hosts.db")
    _ends("incident", "distrust", "Acme", "--yes", "--no-wait")
    for number in range(12):
        _ends("host", "remove", f"h{number:02}.example.com", "--ca", "Acme")
    capsys.readouterr()

    assert _ends("db", "restore", "hosts.db", "--replace", "--yes") == 0

    err = capsys.readouterr().err
    assert "hosts ask again for a CA that was taken from them since the backup: h00.exam" in err
    assert "h09.example.com for Acme and 2 more" in err
    assert (
        "the CA Acme trusts a certificate again that was removed since the backup: SHA-256 " in err
    )
    assert "authz ca show Acme says what it is; authz ca rotate and authz ca retire" in err
    assert "if its key leaked: authz incident distrust Acme" in err
    assert "nothing here knows" not in err


def test_a_store_of_another_installation_is_told_of(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many changes it has seen."""
    for number in range(9):
        _ends("cert", "revoke", "--ca", "Acme", "--serial", f"{number + 1:02X}")
    _ends("db", "migrate", "--data-dir", "elsewhere")
    with closing(open_store("sqlite", tmp_path / "elsewhere")) as store, store.write() as session:
        session.tokens.all()
    _ends("db", "backup", "other.db", "--data-dir", "elsewhere")
    capsys.readouterr()

    assert _ends("db", "restore", "other.db", "--replace", "--yes", "--json") == 0

    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["other_store"], said["compared"], said["database_compared"]) == (
        True,
        False,
        False,
    )
    assert said["revoked_since"] == []
    assert "what was replaced is of another store, or came from another backup" in err
    assert "such a certificate is accepted again" in err
    assert "which hosts were taken from a CA after the backup: all of them count again" in err


def test_a_move_to_another_database_says_what_its_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which database it is put into makes no difference to what is said (here: another file)."""
    page = DOCS / "how-to" / "use-postgresql.md"
    (shown,) = [one.output for one in commands_on(page) if "db restore before.db" in one.text]
    monkeypatch.chdir(tmp_path)
    assert _ends("ca", "create", "--name", "Acme", "--data-dir", "old") == 0
    assert _ends("db", "backup", "before.db", "--data-dir", "old") == 0
    capsys.readouterr()

    assert _ends("db", "restore", "before.db", "--data-dir", "new") == 0
    said = capsys.readouterr()
    assert same(said.err + said.out) == same(shown)
