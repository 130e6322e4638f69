# SPDX-License-Identifier: Apache-2.0
"""A CA whose key leaked and that is trusted all the same is told of."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.certs.pem import write_pem
from authz.cli.doctor.distrusted import look
from authz.cli.main import main
from authz.settings import load_settings
from authz.store.engine import open_store
from authz.store.records import HostAssociation

if TYPE_CHECKING:
    from pathlib import Path


def _authz(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert not ended.value.code


def _found(place: Path) -> list[tuple[str, str]]:
    found = [*look(load_settings(place / "authz.yaml"))]
    assert {one.id for one in found} <= {"distrusted-ca"}
    return [(one.where, one.what) for one in found]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose store distrusts Tiered, root and intermediate, and has Other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "authz.yaml").write_text("data_dir: authz-data\n")
    _authz("ca", "create", "--name", "Tiered", "--intermediate")
    _authz("ca", "create", "--name", "Other")
    _authz("host", "add", "one.example.com", "--ca", "Tiered")
    _authz("host", "add", "other.example.com", "--ca", "Other")
    _authz("incident", "distrust", "Tiered", "--yes", "--no-wait")
    return tmp_path


def test_it_says_nothing_where_nobody_trusts_it(place: Path) -> None:
    assert _found(place) == []


def test_no_store_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "authz.yaml").write_text("data_dir: .\n")
    assert _found(tmp_path) == []
    (tmp_path / "authz.db").write_bytes(b"nothing" * 9_000)
    assert _found(tmp_path) == []


def test_a_host_that_asks_for_it(place: Path) -> None:
    """A program of the release before knows of no distrusted ones."""
    with closing(open_store("sqlite", place / "authz-data")) as store, store.write() as session:
        (tiered,) = [one for one in session.authorities.all() if one.name == "Tiered"]
        for host in ("two.example.com", "three.example.com"):
            session.hosts.add(
                HostAssociation(
                    zone_id=tiered.zone_id or "",
                    hostname=host,
                    authority_id=tiered.id,
                    position=9,
                    created_at=0.0,
                )
            )

    ((where, what),) = _found(place)
    assert where == "authority Tiered"
    assert "example.com and 1 more asks for certificates of Tiered: it was distrusted" in what

    _authz("incident", "distrust", "Tiered", "--yes", "--no-wait")
    assert _found(place) == []


def test_its_key_under_another_name_and_in_a_policy_file(place: Path) -> None:
    with closing(open_store("sqlite", place / "authz-data")) as store, store.read() as session:
        (tiered,) = [one for one in session.authorities.all() if one.name == "Tiered"]
        (root,) = [one for one in session.authorities.certificates(tiered.id) if one.position]
    (place / "root.pem").write_text(write_pem(root.der, "CERTIFICATE"))
    _authz("ca", "upload", "root.pem", "--name", "Copy")
    assert _found(place) == []
    # As a program of the release before lets a host ask for it.
    with closing(open_store("sqlite", place / "authz-data")) as store, store.write() as session:
        (copied,) = [one for one in session.authorities.all() if one.name == "Copy"]
        (zone,) = session.zones.all()
        session.hosts.add(
            HostAssociation(
                zone_id=zone.id,
                hostname="copy.example.com",
                authority_id=copied.id,
                position=0,
                created_at=0.0,
            )
        )
    (place / "policy.yaml").write_text(
        "sites:\n"
        "  - name: one\n"
        "    hosts: [file.example.com]\n"
        "    trust: [{name: old-friend, certificates: [root.pem]}]\n"
    )
    settings = "data_dir: authz-data\npolicy: policy.yaml\n"
    (place / "authz.yaml").write_text(settings)
    # The file alone answers.
    assert [where.rpartition(": ")[2] for where, _ in _found(place)] == ["authority old-friend"]
    (place / "authz.yaml").write_text(settings + "store: on\n")

    copy, file = _found(place)
    assert copy[0] == "authority Copy"
    assert "copy.example.com asks for certificates of Copy, which has the key of Tiered" in copy[1]
    assert file[0].endswith("policy.yaml: authority old-friend")
    assert 'site "one" trusts the key of Tiered' in file[1]
    # What the settings say of the file, `files` says.
    (place / "policy.yaml").write_text("sites: 7\n")
    assert len(_found(place)) == 1
