# SPDX-License-Identifier: Apache-2.0
"""`authz incident` acts first: what cannot be asked or opened stands in nobody's way."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.pem import write_pem
from authz.cli.main import main
from authz.demo.pki import make_root
from authz.store.engine import open_store
from tests.factories.pki import root

if TYPE_CHECKING:
    from pathlib import Path

HOST = "api.example.com"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a store in which a host asks for Acme, which issued to alice."""
    monkeypatch.chdir(tmp_path)
    run("ca", "create", "--name", "Acme")
    run("host", "add", HOST, "--ca", "Acme")
    run("cert", "issue", "--label", "alice", "--out", "alice")
    return tmp_path


def run(*command: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(list(command))
    return exit_.value.code


def asked(place: Path) -> list[str]:
    with closing(open_store("sqlite", place / "authz-data")) as store, store.read() as session:
        return [one.hostname for one in session.hosts.all()]


def acme(place: Path) -> bytes:
    with closing(open_store("sqlite", place / "authz-data")) as store, store.read() as session:
        (certificate,) = session.authorities.certificates()
        return certificate.der


def answer(capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    out, err = capsys.readouterr()
    return json.loads(out), err


@pytest.mark.parametrize(
    "command", [("revoke", "alice/client.pem"), ("distrust", "Acme")], ids=["revoke", "distrust"]
)
def test_it_is_done_where_nobody_says_whether_it_is_in_force(
    place: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, str]
) -> None:
    (place / "authz.yaml").write_text("metrics: {listen: off}\n")
    before = acme(place)
    capsys.readouterr()

    assert run("incident", *command, "--yes") == 2

    out, err = capsys.readouterr()
    assert "the change is committed (revision " in err
    assert "not seen to be in force: no node says here that it runs" in err
    assert "--no-wait" in err
    if command[0] == "revoke":
        assert out.startswith("revoked: ")
        run("cert", "list", "--json")
        assert '"revoked"' in capsys.readouterr().out
    else:
        assert "trusted no more: Acme" in out
        assert acme(place) != before


def test_serial_numbers_are_written_as_everywhere(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In lower case and whole bytes, as `authz cert` has them."""
    partner = root("Partner")
    (place / "partner.pem").write_bytes(partner.pem)
    (place / "mallory.pem").write_bytes(partner.client("mallory", serial=0xABC).pem)
    run("ca", "upload", "partner.pem", "--name", "Partner")
    capsys.readouterr()

    assert run("incident", "revoke", "mallory.pem", "--yes", "--no-wait", "--json") == 0

    said, _ = answer(capsys)
    assert said["revoked"] == [
        {"certificate_authority": "Partner", "serial_number": "0abc", "changed": True}
    ]


def test_where_no_node_runs_it_is_said_at_once(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        (place / "authz.yaml").write_text(f"metrics: {{listen: '127.0.0.1:{port}'}}\n")
        capsys.readouterr()
        assert run("incident", "revoke", "alice", "--yes") == 2
    out, err = capsys.readouterr()
    assert out.startswith("revoked: ")
    assert "and not seen to be in force: no node runs on this machine" in err


@pytest.mark.parametrize(
    ("what", "is_path"),
    [("alice/client.kee", True), ("client.PEM", True), ("./a", True), ("malory", False)],
)
def test_a_file_that_is_not_there_is_said_to_be_none(
    place: Path, capsys: pytest.CaptureFixture[str], what: str, is_path: bool
) -> None:
    capsys.readouterr()
    assert run("incident", "revoke", what, "--yes", "--no-wait") == 2
    assert (f'there is no file "{what}"' in capsys.readouterr().err) is is_path


def test_a_name_with_a_slash_is_a_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("cert", "issue", "--label", "team/alice.key", "--out", "other")
    capsys.readouterr()
    assert run("incident", "revoke", "team/alice.key", "--yes", "--no-wait") == 0
    assert "found by its name" in capsys.readouterr().err


def test_a_secret_that_is_gone_keeps_nobody_in(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "authz-data" / "ca.key").unlink()
    capsys.readouterr()

    assert run("incident", "distrust", "Acme", "--yes", "--no-wait", "--json") == 0

    said, err = answer(capsys)
    assert (said["successor"], asked(place)) == (None, [])
    assert said["taken_from_hosts"].startswith("no successor can be made: ")
    assert "warning: no successor can be made, so it is taken from its hosts" in err
    assert f"no authority is left for {HOST}" in err


def test_a_root_whose_key_is_here_is_told_of(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("ca", "create", "--name", "Tiered", "--intermediate")
    run("host", "add", "two.example.com", "--ca", "Tiered")
    capsys.readouterr()

    assert run("incident", "distrust", "Tiered", "--keep-root", "--yes", "--no-wait", "--json") == 0
    said, err = answer(capsys)
    assert (said["taken_from_hosts"], len(said["distrusted"])) == ("", 1)
    assert "is taken from its hosts" not in err

    assert run("incident", "distrust", "Tiered", "--yes", "--no-wait", "--json") == 0
    said, err = answer(capsys)
    assert "root is here as well" in said["taken_from_hosts"]
    assert "warning: Tiered is taken from its hosts, and issues no more: the key of its root" in err
    assert asked(place) == [HOST]


def test_copies_of_the_key_are_told_of(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "acme.pem").write_text(write_pem(acme(place), "CERTIFICATE"))
    (place / "policy.yaml").write_text(
        "sites:\n"
        "  - name: other\n"
        "    hosts: [other.example.com]\n"
        "    trust: [{name: old-friend, certificates: [acme.pem]}]\n"
    )
    (place / "authz.yaml").write_text("policy: policy.yaml\n")
    run("ca", "upload", "acme.pem", "--name", "Copy")
    run("host", "add", "copy.example.com", "--ca", "Copy")
    capsys.readouterr()

    assert run("incident", "distrust", "Acme", "--yes", "--no-wait", "--json") == 0

    said, err = answer(capsys)
    assert (said["same_key"], said["hosts"]) == (["Copy"], [HOST, "copy.example.com"])
    assert asked(place) == [HOST]
    assert "warning: of the same key, and distrusted too: Copy" in err
    assert "policy.yaml trusts this key, and does so still: old-friend" in err


def test_a_distrusted_ca_is_not_brought_back_by_accident(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("ca", "create", "--name", "Tiered", "--intermediate", "--zone", "default")
    run("ca", "status", "Acme", "retired")
    assert run("incident", "distrust", "Tiered", "--yes", "--no-wait") == 0
    capsys.readouterr()

    assert run("ca", "status", "Tiered", "active") == 2
    _, err = capsys.readouterr()
    assert "the authority Tiered was distrusted on " in err
    assert "because of an incident" in err
    assert "hint: make another: authz ca create --name NEW" in err
    assert run("host", "add", "two.example.com", "--ca", "Tiered") == 2
    assert "was distrusted on " in capsys.readouterr().err
    assert run("cert", "issue", "--label", "bob", "--ca", "Tiered", "--out", "bob") == 2
    _, err = capsys.readouterr()
    assert "was distrusted on " in err
    assert "make another" in err
    assert "authz ca status" not in err
    for command in ("list", "show"):
        assert run("ca", command, *(["Tiered"] if command == "show" else [])) == 0
        assert "distrusted" in capsys.readouterr().out
    assert run("ca", "list", "--json") == 0
    assert [one["status"] for one in answer(capsys)[0]] == ["retired", "distrusted"]

    assert run("ca", "status", "Tiered", "active", "--force") == 0
    assert "managed, active" in capsys.readouterr().out
    assert run("host", "add", "two.example.com", "--ca", "Tiered") == 0
    assert run("audit", "--most", "3") == 0
    assert "authority.trust_again" in capsys.readouterr().out


def test_a_ca_below_the_root_of_another_is_told_of(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    above = make_root("Corp Root", at=time.time())
    below = above.intermediate("Corp Issuing")
    alice = below.client("alice", at=time.time())
    (place / "corp.pem").write_bytes(above.pem)
    (place / "below.pem").write_bytes(below.pem)
    (place / "alone.pem").write_bytes(alice.pem)
    (place / "chain.pem").write_bytes(alice.pem + below.pem)
    run("ca", "upload", "corp.pem", "--name", "Corp")
    capsys.readouterr()

    assert run("incident", "revoke", "alone.pem", "--yes", "--no-wait") == 2
    _, err = capsys.readouterr()
    assert "the file has no chain that leads to one" in err
    assert run("incident", "revoke", "chain.pem", "--yes", "--no-wait", "--json") == 0
    said, _ = answer(capsys)
    assert [one["certificate_authority"] for one in said["revoked"]] == ["Corp"]

    run("ca", "upload", "below.pem", "--name", "Below")
    capsys.readouterr()
    assert run("incident", "distrust", "Below", "--yes", "--no-wait", "--json") == 0
    said, err = answer(capsys)
    assert said["below"] == ["Corp"]
    assert "it stands below these as well, which refuse what it signed from then on: Corp" in err

    assert run("ca", "delete", "Below", "--yes") == 2
    _, err = capsys.readouterr()
    assert "the authority Below was distrusted on " in err
    assert "hint: keep it until its certificates expire" in err


def test_what_else_a_distrust_may_shut_out_is_told_before(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    above = root("Corp Root")
    (place / "corp.pem").write_bytes(above.pem)
    leaked = above.intermediate("Issuing", serial=2)
    (place / "int.pem").write_bytes(leaked.pem)
    (place / "mallory.pem").write_bytes(leaked.client("mallory").pem)
    for name in ("corp", "int"):
        run("ca", "upload", f"{name}.pem", "--name", name)
    with closing(open_store("sqlite", place / "authz-data")) as store, store.write() as session:
        session._connection.exec_driver_sql(
            "UPDATE authority_certificates SET der = x'3000' WHERE authority_id = "
            "(SELECT id FROM authorities WHERE name = 'Acme')"
        )
    unread = (
        "warning: a certificate of Acme cannot be read: what leads to other authorities through it "
        "is not put on their lists"
    )
    capsys.readouterr()

    assert run("incident", "revoke", "mallory.pem", "--yes", "--no-wait", "--json") == 0
    said, err = answer(capsys)
    assert [one["certificate_authority"] for one in said["revoked"]] == ["corp", "int"]
    assert unread in err
    assert "hint: authz db check says which" in err

    assert run("incident", "distrust", "int", "--yes", "--no-wait", "--json") == 0
    said, err = answer(capsys)
    assert (said["below"], said["small_serials"], said["unread"]) == (["corp"], ["02"], ["Acme"])
    assert unread in err
    assert "its serial number (02) is put on their lists, and is so small that other" in err
    assert "hint: give clients with such a serial number, or below such a CA, new ones" in err
