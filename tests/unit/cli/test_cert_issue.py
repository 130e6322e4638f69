# SPDX-License-Identifier: Apache-2.0
"""authz cert issue: files, and what is said when they cannot be written."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.cli import cert_issue
from authz.cli.main import main
from authz.errors import InvalidInputError
from tests.factories.issuing import csr, openssl

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = InvalidInputError("the file cannot be written: disk full", where="client")


def _authz(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bob.csr").write_bytes(csr("bob"))
    assert _authz("ca", "create", "--name", "Acme", "--intermediate") == 0
    capsys.readouterr()
    return tmp_path


def test_the_files(here: Path) -> None:
    (here / "password").write_text("a password\n")
    (here / "password").chmod(0o600)
    words = ("--label", "alice", "--out", "out", "--pkcs12", "--password-file", "password")

    assert _authz("cert", "issue", *words) == 0
    for name, mode in (("client.pem", 0o644), ("client.key", 0o600), ("client.p12", 0o600)):
        assert stat.S_IMODE((here / "out" / name).stat().st_mode) == mode, name
    assert (here / "out" / "client.pem").read_text().count("BEGIN CERTIFICATE") == 2
    assert "ASN1 OID: prime256v1" in openssl(
        "pkey", "-in", here / "out" / "client.key", "-noout", "-text"
    )
    shown = openssl(
        "pkcs12", "-in", here / "out" / "client.p12", "-passin", "pass:a password", "-nodes"
    )
    assert "friendlyName: alice" in shown


def _failing(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    write = cert_issue.write_output

    def fail(path: Path, data: bytes, **options: Any) -> None:
        if path.name in names:
            raise InvalidInputError(REFUSED.message, where=str(path), hint="x")
        write(path, data, **options)

    monkeypatch.setattr(cert_issue, "write_output", fail)


def test_a_certificate_that_cannot_be_written_can_be_had_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _failing(monkeypatch, "client.pem")

    assert _authz("cert", "issue", "--label", "bob", "--csr", "bob.csr") == 2
    errors = capsys.readouterr().err
    assert "was issued, but the file cannot be written: disk full" in errors
    one = errors.split("the certificate ")[1].split(" ")[0]
    assert f"hint: authz cert show {one} --pem prints it with its chain" in errors
    assert _authz("cert", "show", one, "--pem") == 0
    assert "BEGIN CERTIFICATE" in capsys.readouterr().out


def test_a_certificate_whose_key_was_written_can_be_had_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _failing(monkeypatch, "client.pem")

    assert _authz("cert", "issue", "--label", "alice", "--out", "out") == 2
    assert "--pem prints it with its chain" in capsys.readouterr().err


def test_a_key_that_cannot_be_written_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _failing(monkeypatch, "client.key")

    assert _authz("cert", "issue", "--label", "alice", "--out", "out") == 2
    assert "its private key is lost: revoke it (authz cert revoke " in capsys.readouterr().err


def test_the_key_of_a_repeated_request_was_handed_out(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("cert", "issue", "--label", "alice", "--request-key", "k")
    assert _authz(*words, "--out", "one") == 0
    capsys.readouterr()

    assert _authz(*words, "--out", "two") == 1
    assert "two/client.key was not written: the private key was handed out with" in (
        capsys.readouterr().err
    )
    assert [one.name for one in (here / "two").iterdir()] == ["client.pem"]


@pytest.mark.parametrize("more", [("--days", "9999"), ("--ca", "nobody"), ("--csr", "broken")])
def test_what_is_refused_leaves_no_directory(here: Path, more: tuple[str, str]) -> None:
    (here / "broken").write_text("-----BEGIN CERTIFICATE REQUEST-----\n")

    assert _authz("cert", "issue", "--label", "alice", "--out", "a/b", *more) == 2
    assert not (here / "a").exists()


def test_a_request_that_cannot_be_read_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "broken").write_text("nothing")

    assert _authz("cert", "issue", "--label", "alice", "--csr", "broken") == 2
    assert capsys.readouterr().err.startswith("authz: error: broken: ")


def test_the_retired_authority_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _authz("ca", "status", "Acme", "retired") == 0
    assert _authz("cert", "issue", "--label", "alice") == 2

    err = capsys.readouterr().err
    assert "has no embedded CA that issues: Acme is retired" in err
    assert "authz ca status Acme active" in err


def test_another_zone_s_ca_that_was_distrusted_is_not_advised(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even where a program of before, which knows of none, made it active."""
    assert _authz("ca", "status", "Acme", "retired") == 0
    assert _authz("zone", "create", "localhost") == 0
    for name in ("Leaked", "Sound"):
        assert _authz("ca", "create", "--name", name, "--zone", "localhost", "--intermediate") == 0
    assert _authz("incident", "distrust", "Leaked", "--yes", "--no-wait") == 0
    with closing(sqlite3.connect(here / "authz-data" / "authz.db")) as database, database:
        database.execute("UPDATE authorities SET status = 'active' WHERE name = 'Leaked'")
    capsys.readouterr()

    assert _authz("cert", "issue", "--label", "x", "--out", "out") == 2

    said = capsys.readouterr().err
    assert "name one of another zone (--ca): Sound of the zone localhost; or" in said
    assert "Leaked" not in said
