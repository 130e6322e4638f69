# SPDX-License-Identifier: Apache-2.0
"""A restored backup lets nobody in again who was shut out since; in both databases."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import InvalidInputError, NotFoundError
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import (
    delete_authority,
    retire_previous,
    rotate_authority,
)
from authz.services.distrust import distrust_authority
from authz.services.hosts import add_host
from authz.services.permissions import EVERYTHING
from authz.services.restoring import Enforced
from authz.services.tokens import create_token, list_tokens, revoke_token, roll_token
from authz.store.backup import backup
from authz.store.checking import check
from authz.store.engine import open_store
from authz.store.moments import Moment
from authz.store.since_backup import revoked_in
from tests.factories.pki import root
from tests.factories.populated import World
from tests.factories.restoring import restored, revoked_serials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.store.engine import Store
    from tests.contract.conftest import Place


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    with closing(place.open()) as store:
        made = World(store)
        made.protect()
        yield made


def later(moment: Moment, revisions: int) -> Moment:
    return replace(moment, revision=moment.revision + revisions)


def status(store: Store, certificate_id: str) -> str:
    with store.read() as session:
        found = session.certificates.get(certificate_id)
    assert found is not None
    return str(found.status)


def test_what_was_revoked_since_stays_revoked(place: Place, world: World, tmp_path: Path) -> None:
    before, since, restored_since = (world.issue(name) for name in ("bob", "alice", "carol"))
    world.revoke(before)
    world.revoke(restored_since)
    backup(world.store, tmp_path / "b.db")
    world.revoke(since)
    world.revoke_serial(0xABC)
    world.restore(restored_since)

    done = restored(place, tmp_path / "b.db")

    serials = {one.certificate.serial for one in (before, since, restored_since)}
    assert revoked_serials(world.store) == serials | {"ABC"}
    assert status(world.store, since.certificate.id) == "revoked"
    assert done.is_compared
    assert sorted(done.revoked) == sorted([("Acme", since.certificate.serial), ("Acme", "ABC")])
    assert check(world.store) == []


def test_a_backup_that_is_later_is_not_made_stricter_by_what_was_before(
    place: Place, world: World, tmp_path: Path
) -> None:
    """What is revoked here and not there was restored before that backup was made."""
    alice = world.issue()
    world.revoke(alice)
    backup(world.store, tmp_path / "early.db")
    world.restore(alice)
    for name in ("x", "y", "z"):
        world.issue(name)
    backup(world.store, tmp_path / "late.db")
    with closing(world.store):
        pass
    # A spare machine, which is still at the first one.
    from tests.contract.conftest import Place as Directory

    other = Directory("sqlite", tmp_path / "other")
    restored(other, tmp_path / "early.db")

    done = restored(other, tmp_path / "late.db")

    with closing(other.open()) as store:
        assert revoked_serials(store) == set()
    assert (done.is_compared, done.is_other, done.revoked) == (False, False, [])


def test_what_belongs_to_an_authority_that_the_backup_has_not_is_left(
    place: Place, world: World, tmp_path: Path
) -> None:
    backup(world.store, tmp_path / "b.db")
    world.ca("Later")
    world.revoke_serial(0xABC, "Later")

    assert restored(place, tmp_path / "b.db").revoked == []


def test_tokens_that_were_ended_or_rolled_since_do_not_come_back(
    place: Place, world: World, tmp_path: Path
) -> None:
    def token(name: str) -> str:
        made = create_token(world.store, name, EVERYTHING, actor="tester", at=time.time())
        return made.token.id

    stays, ended, rolled = token("stays"), token("ended"), token("rolled")
    backup(world.store, tmp_path / "b.db")
    revoke_token(world.store, ended, actor="tester", at=time.time())
    now = roll_token(world.store, rolled, actor="tester", at=time.time()).token

    done = restored(place, tmp_path / "b.db")

    assert sorted(done.tokens) == ["ended", "rolled"]
    assert {one.id for one in list_tokens(world.store)} == {stays, rolled}
    assert {one.sha256 for one in list_tokens(world.store) if one.id == rolled} == {now.sha256}
    with world.store.read() as session:
        assert len([one for one in session.audit.latest(most=9) if one.action == "token.kept"]) == 2


def test_an_authoritys_certificate_that_was_removed_since_is_told_of(
    place: Place, world: World, tmp_path: Path
) -> None:
    backup(world.store, tmp_path / "b.db")
    rotate_authority(
        world.store, "Acme", encryption=world.encryption, actor="tester", at=time.time()
    )
    (gone,) = retire_previous(world.store, "Acme", force=True, actor="tester", at=time.time())

    assert restored(place, tmp_path / "b.db").trusted_again == [("Acme", gone.fingerprint_sha256)]


def test_an_authority_that_was_taken_from_its_hosts_or_deleted_is_told_of(
    place: Place, world: World, tmp_path: Path
) -> None:
    """As after `distrust_authority` of one that was uploaded."""
    for name in ("Partner", "Friend"):
        upload_authority(world.store, root(name).pem, name=name, actor="t", at=time.time())
    for host in ("a.example.com", "b.example.com"):
        add_host(world.store, host, authority="Partner", actor="t", at=time.time())
    backup(world.store, tmp_path / "b.db")
    distrust_authority(world.store, "Partner", encryption=None, actor="t", at=time.time())
    (gone,) = delete_authority(world.store, "Friend", actor="t", at=time.time()).certificates

    done = restored(place, tmp_path / "b.db")

    assert sorted(done.asked_again) == [("a.example.com", "Partner"), ("b.example.com", "Partner")]
    assert done.trusted_again == [("Friend", gone.fingerprint_sha256)]
    assert done.is_database_compared
    # They are there again, and now nothing is different.
    assert restored(place, tmp_path / "b.db").asked_again == []


def test_where_the_database_is_gone_the_snapshot_still_knows(
    place: Place, world: World, tmp_path: Path
) -> None:
    alice, bob = world.issue("alice"), world.issue("bob")
    world.revoke(bob)
    backup(world.store, tmp_path / "b.db")
    with world.store.read() as session:
        (authority,) = session.authorities.all()
        moment = session.moment
    serials = {
        authority.id: [int(one.certificate.serial, 16) for one in (alice, bob)],
        "f" * 32: [1],
    }
    from tests.contract.conftest import Place as Directory

    new = Directory("sqlite", tmp_path / "new")
    older = Enforced(moment=moment, serials=serials)
    assert restored(new, tmp_path / "b.db", older).revoked == []

    snapshot = Enforced(moment=later(moment, 1), serials=serials)
    aside = Enforced(moment=later(moment, 2), serials={authority.id: [0xABC]})
    new = Directory("sqlite", tmp_path / "newer")
    done = restored(new, tmp_path / "b.db", snapshot, aside, older)

    assert done.is_compared
    # Of tokens, CAs and hosts a snapshot knows nothing.
    assert not done.is_database_compared
    assert done.revoked == [("Acme", alice.certificate.serial), ("Acme", "ABC")]
    with closing(new.open()) as store:
        assert status(store, alice.certificate.id) == "revoked"


def test_nothing_is_taken_over_when_nothing_could_be_restored(
    place: Place, world: World, tmp_path: Path
) -> None:
    alice = world.issue()
    backup(world.store, tmp_path / "b.db")
    world.revoke(alice)
    serials = {"f" * 32: [1]}

    class Broken(dict[str, list[int]]):
        def keys(self) -> Any:
            raise NotFoundError("on the way")

    broken = Enforced(moment=Moment(store_id="another", revision=10**6), serials=Broken(serials))
    with pytest.raises(NotFoundError, match="on the way"):
        restored(place, tmp_path / "b.db", broken)

    assert status(world.store, alice.certificate.id) == "revoked"
    with world.store.read() as session:
        assert "store.restore" not in session.audit.actions()


def test_a_database_that_was_put_aside_says_what_was_revoked(tmp_path: Path) -> None:
    with closing(open_store("sqlite", tmp_path)) as store:
        world = World(store)
        world.protect()
        world.revoke_serial(0xABC)
        with store.read() as session:
            moment = session.moment
            (authority,) = session.authorities.all()

        assert revoked_in(tmp_path / "authz.db") == (moment, {authority.id: [0xABC]})

    (tmp_path / "other").write_bytes(b"no database at all" * 100)
    for file in (tmp_path / "other", tmp_path / "nothing"):
        with pytest.raises(InvalidInputError, match="no revocations can be read"):
            revoked_in(file)


def test_a_database_of_a_release_that_knew_no_ancestors_says_it_too(tmp_path: Path) -> None:
    with closing(open_store("sqlite", tmp_path)) as store:
        World(store).protect()
        with store.read() as session:
            moment = session.moment
    with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
        connection.execute("DROP TABLE store_ancestors")

    assert revoked_in(tmp_path / "authz.db") == (moment, {})
