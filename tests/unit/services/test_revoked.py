# SPDX-License-Identifier: Apache-2.0
"""Lists of revoked serial numbers, followed from one transaction to the next."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.services.context import authority_of
from authz.services.revoked import Listed, RevokedSerials
from authz.store.engine import open_store
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(open_store("sqlite", tmp_path)) as store:
        made = World(store)
        made.ca()
        yield made


def _listed(world: World, revoked: RevokedSerials) -> set[int]:
    with world.store.read() as session:
        revoked.follow(session)
        return set(revoked.of(session, authority_of(session, "Acme").id).added)


def test_changes_are_followed(world: World) -> None:
    revoked = RevokedSerials()
    world.revoke_serial(7)
    assert _listed(world, revoked) == {7}

    world.revoke_serial(8)
    world.revoke_serial(9)
    world.restore_serial(8)
    world.restore_serial(7)
    world.revoke_serial(7)
    assert _listed(world, revoked) == {7, 9}
    assert _listed(world, revoked) == {7, 9}


def test_only_changes_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    revoked = RevokedSerials()
    _listed(world, revoked)
    monkeypatch.setattr("authz.store.revocations.Revocations.serials", None)

    world.revoke_serial(7)

    assert _listed(world, revoked) == {7}


def test_an_authority_that_nobody_asked_for_is_read_when_somebody_does(world: World) -> None:
    revoked = RevokedSerials()
    world.revoke_serial(7)
    with world.store.read() as session:
        revoked.follow(session)
    world.revoke_serial(8)

    assert _listed(world, revoked) == {7, 8}


def _state(world: World) -> tuple[str, int, str, str]:
    with world.store.read() as session:
        mark = session.revocations.mark(session.revision)
        return session.store_id, session.revision, mark, authority_of(session, "Acme").id


def test_what_an_earlier_process_knew_is_gone_on_from(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.revoke_serial(7)
    store_id, revision, mark, authority = _state(world)
    revoked = RevokedSerials(
        store_id=store_id, revision=revision, mark=mark, listed={authority: Listed(added=(7,))}
    )
    world.revoke_serial(8)
    monkeypatch.setattr("authz.store.revocations.Revocations.serials", None)

    assert _listed(world, revoked) == {7, 8}
    assert revoked.mark == _state(world)[2] != mark


@pytest.mark.parametrize("wrong", ["store", "later", "mark"])
def test_what_is_not_of_this_store_is_read_anew(world: World, wrong: str) -> None:
    world.revoke_serial(7)
    store_id, revision, mark, authority = _state(world)
    revoked = RevokedSerials(
        store_id="another" if wrong == "store" else store_id,
        revision=revision + 1 if wrong == "later" else revision,
        mark="1 of another history" if wrong == "mark" else mark,
        listed={authority: Listed(added=(1, 2, 3))},
    )

    assert _listed(world, revoked) == {7}


def test_the_mark_is_the_last_change_up_to_a_revision(world: World) -> None:
    with world.store.read() as session:
        assert session.revocations.mark(session.revision) == ""
    world.revoke_serial(7)
    first = _state(world)
    world.revoke_serial(8)
    second = _state(world)

    with world.store.read() as session:
        assert session.revocations.mark(first[1]) == first[2]
        assert session.revocations.mark(second[1] + 5) == second[2]
    assert first[2] != second[2]
