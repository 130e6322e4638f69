# SPDX-License-Identifier: Apache-2.0
"""authz ca: what the sessions of tests/cli cannot show, because it needs keys and other times."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pytest

from authz.ca.authority import create_root
from authz.ca.names import Subject
from authz.cli.main import main
from tests.factories.issuing import write_certificates

if TYPE_CHECKING:
    from pathlib import Path


def _authz(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def _private(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_ca_is_imported_with_its_passphrase(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = create_root(Subject.of("Brought"), at=time.time())
    write_certificates(here / "ca.pem", made.certificate)
    (here / "ca.key").write_bytes(made.signer.to_pem("a passphrase"))
    _private(here / "passphrase", b"a passphrase\n")
    words = ("ca", "import", "--certificate", "ca.pem", "--key", "ca.key")

    assert _authz(*words) == 2
    err = capsys.readouterr().err
    assert ": the private key is encrypted" in err
    assert "--passphrase-file F" in err
    assert _authz(*words, "--passphrase-file", "passphrase") == 0
    assert "issuing     CN=Brought, P-256" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["key", "passphrase"])
def test_keys_are_encrypted_by_another_secret(
    here: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    assert _authz("ca", "create", "--name", "Acme") == 0
    _private(here / "new", b"a passphrase that is long enough for a key file\n")
    option = "--key-file" if kind == "key" else "--passphrase-file"
    capsys.readouterr()

    assert _authz("ca", "rekey", option, "new", "--json") == 0
    said = capsys.readouterr()
    assert said.out == '{\n  "keys": 1\n}\n'
    setting = "key_file" if kind == "key" else "passphrase_file"
    assert f"hint: set keys.{setting}: new in the settings" in said.err
    issue = ("cert", "issue", "--label", "alice", "--out", "alice")
    assert _authz(*issue) == 2
    (here / "authz.yaml").write_text(f"keys: {{{setting}: new}}\n")
    assert _authz(*issue) == 0
    assert _authz("ca", "rekey", "--key-file", str(here / "authz-data" / "ca.key")) == 0
    assert "1 key encrypted by the new secret" in capsys.readouterr().out


def test_a_passphrase_over_standard_input_takes_the_place_of_the_one_in_the_settings(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: the settings stay, what they name is replaced."""
    (here / "authz.yaml").write_text("keys: {passphrase_file: passphrase}\n")
    secret = here / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("the old one\n")
    assert _authz("ca", "create", "--name", "Acme") == 0
    issue = ("cert", "issue", "--label", "alice", "--out", "alice")

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    assert _authz("ca", "rekey", "--passphrase-file", "-") == 2
    assert 'the first line of "-" is empty' in capsys.readouterr().err
    for cut_short in (b"the new", b"x" * 70_000 + b"\n"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(cut_short)))
        assert _authz("ca", "rekey", "--passphrase-file", "-") == 2
        assert "does not end" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the new one\nmore")))
    assert _authz("ca", "rekey", "--passphrase-file", "-") == 0
    assert "put it where keys.passphrase_file reads it" in capsys.readouterr().err

    assert _authz(*issue) == 2
    secret.write_text("the new one\n")
    assert _authz(*issue) == 0


def test_a_passphrase_is_not_typed_where_it_is_shown(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    assert _authz("ca", "create", "--name", "Acme") == 0
    monkeypatch.setattr("sys.stdin", Terminal(io.BytesIO(b"shown to everybody\n")))
    assert _authz("ca", "rekey", "--passphrase-file", "-") == 2
    said = capsys.readouterr().err
    assert "a passphrase is not read from a terminal" in said
    assert "--passphrase-file - < F" in said


def test_authorities_that_expire_soon_are_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = create_root(Subject.of("Soon"), at=time.time(), days=20)
    write_certificates(here / "ca.pem", made.certificate)
    assert _authz("ca", "upload", "ca.pem") == 0
    capsys.readouterr()

    assert _authz("ca", "list") == 0
    assert "authz: warning: Soon: its certificate " in capsys.readouterr().err


def test_what_may_not_be_retired_is_said_before_anybody_is_asked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _authz("ca", "create", "--name", "Acme") == 0
    assert _authz("cert", "issue", "--label", "alice", "--days", "30", "--out", "alice") == 0
    assert _authz("ca", "rotate", "Acme") == 0
    capsys.readouterr()

    # Nobody is at a terminal.
    assert _authz("ca", "retire", "Acme") == 2
    err = capsys.readouterr().err
    assert "1 certificate that it issued before " in err
    assert " has not expired, the last expires on " in err
    assert "--yes" not in err

    assert _authz("ca", "retire", "Acme", "--force") == 2
    assert "had before its rotations: not without a confirmation" in capsys.readouterr().err
    assert _authz("ca", "retire", "Acme", "--force", "--yes") == 0
    assert capsys.readouterr().out.startswith("removed ")


def test_a_policy_file_that_loses_a_list_is_told_of_before_a_ca_is_deleted(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = create_root(Subject.of("Partner"), at=time.time())
    write_certificates(here / "partner.pem", made.certificate)
    (here / "policy.yaml").write_text(
        "sites:\n"
        "  - name: other\n"
        "    hosts: [other.example.com]\n"
        "    trust: [{name: friend, certificates: [partner.pem]}]\n"
    )
    (here / "authz.yaml").write_text("policy: policy.yaml\n")

    def deleted(name: str) -> str:
        assert _authz("ca", "upload", "partner.pem", "--name", name) == 0
        assert _authz("cert", "revoke", "--ca", name, "--serial", "ABC") == 0
        capsys.readouterr()
        assert _authz("ca", "delete", name, "--yes") == 0
        return capsys.readouterr().err

    assert _authz("ca", "upload", "partner.pem", "--name", "Copy") == 0
    assert "warning" not in deleted("Again"), "Copy has its list, and its key"
    assert _authz("ca", "delete", "Copy", "--yes") == 0
    err = deleted("Partner")
    assert "policy.yaml trusts the key of Partner (friend): what is revoked under Partner" in err
    assert "put what authz ca revoked Partner shows into revoked_serials there first" in err
    (here / "policy.yaml").write_text("sites: 7\n")
    assert "whether the policy file trusts this key is not known" in deleted("Unknown")
