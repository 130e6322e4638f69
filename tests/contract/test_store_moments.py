# SPDX-License-Identifier: Apache-2.0
"""Revisions of two stores cannot be compared: what a restore knows of the other one, and says."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.services.permissions import EVERYTHING
from authz.services.restoring import Enforced
from authz.services.tokens import create_token, list_tokens, revoke_token, roll_token
from authz.store.backup import backup
from authz.store.checking import check
from authz.store.engine import open_store
from authz.store.moments import Moment
from tests.contract.conftest import Place as Directory
from tests.factories.populated import World
from tests.factories.restoring import restored, revoked_serials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.conftest import Place


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    with closing(place.open()) as store:
        made = World(store)
        made.protect()
        yield made


def moment(world: World) -> Moment:
    with world.store.read() as session:
        return session.moment


def test_a_store_of_another_installation_knows_nothing_however_high_its_revision(
    place: Place, world: World, tmp_path: Path
) -> None:
    with closing(open_store("sqlite", tmp_path / "elsewhere")) as store:
        elsewhere = World(store)
        elsewhere.protect("www.example.com", "Other")
        backup(store, tmp_path / "other.db")
        of_backup = moment(elsewhere)
    for number in range(20):
        world.revoke_serial(number + 1)
    assert moment(world).revision > of_backup.revision

    done = restored(place, tmp_path / "other.db")

    assert done.is_other
    assert (done.is_compared, done.is_database_compared) == (False, False)
    assert (done.revoked, done.trusted_again, done.asked_again) == ([], [], [])
    now = moment(world)
    assert now.ancestors == {
        of_backup.store_id: of_backup.revision,
        now.store_id: now.revision,  # it is as the backup was
    }


def test_a_database_that_nobody_has_used_is_no_other_store(world: World, tmp_path: Path) -> None:
    backup(world.store, tmp_path / "b.db")

    done = restored(Directory("sqlite", tmp_path / "new"), tmp_path / "b.db")

    assert (done.is_other, done.is_compared) == (False, False)


def test_a_restored_store_knows_what_came_after_its_own_backup_and_no_other(
    place: Place, world: World, tmp_path: Path
) -> None:
    """Monday's backup, then Tuesday's: what ended on Wednesday, and Monday's had, stays ended."""

    def token(name: str) -> str:
        made = create_token(world.store, name, EVERYTHING, actor="tester", at=time.time())
        return made.token.id

    first = moment(world).store_id
    alice, ended, rolled = world.issue("alice"), token("ended"), token("rolled")
    monday = backup(world.store, tmp_path / "monday.db")
    world.ca("Later")
    tuesday = backup(world.store, tmp_path / "tuesday.db")
    world.revoke(alice)
    revoke_token(world.store, ended, actor="tester", at=time.time())
    roll_token(world.store, rolled, actor="tester", at=time.time())
    world.revoke_serial(0xABC, "Later")

    # By the database that has it all.
    assert restored(place, tmp_path / "monday.db").is_database_compared
    assert moment(world).ancestors == {first: monday}
    # Once more: it came after that backup, too.
    again = restored(place, tmp_path / "monday.db")
    assert (again.is_database_compared, again.is_other) == (True, False)
    done = restored(place, tmp_path / "tuesday.db")

    # What it knows of counts: but it never knew the CA of Tuesday, so it says so.
    assert (done.is_other, done.is_compared, done.is_database_compared) == (True, False, False)
    assert done.revoked == [("Acme", alice.certificate.serial)]
    # Rolled or changed may be what was before Tuesday's backup, or laxer: only an end counts.
    assert done.tokens == ["ended"]
    assert revoked_serials(world.store) == {alice.certificate.serial}
    assert moment(world).ancestors == {first: tuesday}
    assert check(world.store) == []


def test_what_a_backup_came_after_is_not_taken_over_across_a_restore(
    world: World, tmp_path: Path
) -> None:
    """By the history that the backup has with it, out of either database."""
    alice = world.issue()
    world.revoke(alice)
    backup(world.store, tmp_path / "early.db")
    early, later = (Directory("sqlite", tmp_path / name) for name in ("early", "later"))
    for directory in (early, later):
        restored(directory, tmp_path / "early.db")
    with closing(later.open()) as store:
        one = World(store)
        one.restore(alice)
        backup(store, tmp_path / "later.db")

    # What was revoked at first, in the store that the backup's was restored from.
    first = Enforced(
        moment=moment(world),
        serials={alice.certificate.authority_id: [int(alice.certificate.serial, 16)]},
    )
    new = Directory("sqlite", tmp_path / "new")
    done = restored(new, tmp_path / "later.db", first)

    assert (done.is_compared, done.revoked) == (False, [])
    # Neither is what is as it was restored, until somebody changes it: then it has a history of
    # its own, and what it refuses counts.
    shutil.copytree(tmp_path / "early", tmp_path / "unchanged")
    unchanged = Directory("sqlite", tmp_path / "unchanged")
    assert restored(unchanged, tmp_path / "later.db").revoked == []
    with closing(early.open()) as store:
        World(store).ca("Sister")
    sister = restored(early, tmp_path / "later.db")
    assert (sister.is_other, sister.revoked) == (True, [("Acme", alice.certificate.serial)])


def test_a_token_that_ended_where_nothing_else_changed_does_not_come_back(
    world: World, tmp_path: Path
) -> None:
    """Tokens change without a revision, and nobody gives one back that ended."""
    made = create_token(world.store, "leaked", EVERYTHING, actor="tester", at=time.time())
    backup(world.store, tmp_path / "early.db")
    spare = Directory("sqlite", tmp_path / "spare")
    restored(spare, tmp_path / "early.db")
    with closing(spare.open()) as store:
        revoke_token(store, made.token.id, actor="tester", at=time.time())
    world.ca("Later")
    backup(world.store, tmp_path / "late.db")

    assert restored(spare, tmp_path / "late.db").tokens == ["leaked"]


@pytest.mark.parametrize("clock", [1.0, -3600.0])
def test_a_token_that_ended_before_a_backup_does_not_come_back_from_a_copy_of_before(
    world: World, tmp_path: Path, clock: float
) -> None:
    """A spare machine that gets every backup, between two of which nothing but tokens changed."""
    at = time.time()
    made = [
        create_token(world.store, name, EVERYTHING, actor="tester", at=at).token.id
        for name in ("ended", "rolled", "stays")
    ]
    backup(world.store, tmp_path / "b1.db")
    revoke_token(world.store, made[0], actor="tester", at=at + clock)
    rolled = roll_token(world.store, made[1], actor="tester", at=at + clock).token
    backup(world.store, tmp_path / "b2.db")
    spare = Directory("sqlite", tmp_path / "spare")
    restored(spare, tmp_path / "b1.db")

    done = restored(spare, tmp_path / "b2.db")

    assert (done.is_compared, done.tokens) == (True, [])
    with closing(spare.open()) as store:
        there = {one.id: one for one in list_tokens(store)}
    assert set(there) == set(made[1:])
    assert there[made[1]].sha256 == rolled.sha256


def test_a_snapshot_of_a_store_that_was_restored_since_knows_what_came_after(
    world: World, tmp_path: Path
) -> None:
    alice = world.issue()
    backup(world.store, tmp_path / "b.db")
    of_backup = moment(world)
    serials = {alice.certificate.authority_id: [int(alice.certificate.serial, 16)]}

    def compared(name: str, **ancestors: int) -> bool:
        snapshot = Moment(store_id="restored", revision=10**6, ancestors=ancestors)
        done = restored(
            Directory("sqlite", tmp_path / name),
            tmp_path / "b.db",
            Enforced(moment=snapshot, serials=serials),
        )
        # It is refused in any case.
        assert done.revoked == [("Acme", alice.certificate.serial)]
        return done.is_compared

    assert compared("of-it", **{of_backup.store_id: of_backup.revision})
    assert not compared("of-before", **{of_backup.store_id: of_backup.revision - 1})
    assert not compared("of-another", elsewhere=10**6)
