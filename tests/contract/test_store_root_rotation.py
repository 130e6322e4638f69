# SPDX-License-Identifier: Apache-2.0
"""The rotation of a root is one transaction, comes back out of a backup, and leaves nothing when it
is over; in both databases."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.ca.keys import KeyEncryption
from authz.errors import ConflictError
from authz.services.authorities import get_authority
from authz.services.keys import opened
from authz.services.root_rotation import retire_previous_root, rotate_root
from authz.store.backup import backup
from authz.store.checking import check
from authz.store.records import CertificateRole
from tests.factories.populated import World
from tests.factories.restoring import restored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.services.authorities import KnownAuthority
    from authz.store.engine import Store
    from tests.contract.conftest import Place

ROTATED = [
    CertificateRole.PREVIOUS,
    CertificateRole.PREVIOUS_ROOT,
    CertificateRole.ISSUING,
    CertificateRole.TRUSTED,
]


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    with closing(place.open()) as store:
        made = World(store)
        made.ca(intermediate=True)
        yield made


def _rotate(world: World) -> KnownAuthority:
    given = {"encryption": world.encryption, "actor": "tester", "at": time.time()}
    return rotate_root(world.store, "Acme", **given)


def _roles(store: Store) -> list[CertificateRole]:
    return [one.role for one in get_authority(store, "Acme").certificates]


def test_it_is_one_transaction_with_one_row(world: World) -> None:
    with world.store.read() as session:
        before, rows = session.revision, len(session.audit.latest(most=100))
    known = _rotate(world)

    assert _roles(world.store) == ROTATED
    with world.store.read() as session:
        assert session.revision == before + 1
        written = session.audit.latest(most=100)
        assert len(written) == rows + 1
        every = session.authorities.keys()
    keys = {one.id: one for one in every}
    assert written[0].action == "authority.rotate_root"
    for one in known.certificates:
        assert one.key_id is not None
        assert opened(keys[one.key_id], world.encryption).spki in one.der
    assert list(check(world.store)) == []


def test_one_that_fails_halfway_leaves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from authz.services import root_rotation

    def broken(*_: object, **__: object) -> None:
        raise OSError("gone just now")

    with monkeypatch.context() as patched:
        patched.setattr(root_rotation, "audit", broken)
        with pytest.raises(OSError, match="gone just now"):
            _rotate(world)

    assert _roles(world.store) == [CertificateRole.ISSUING, CertificateRole.TRUSTED]
    with world.store.read() as session:
        assert len(session.authorities.keys()) == 2
    assert list(check(world.store)) == []


def test_it_is_over_when_nothing_below_the_old_root_counts(world: World) -> None:
    issued = world.issue("alice")
    _rotate(world)
    with pytest.raises(ConflictError, match="1 certificate below the root of before"):
        retire_previous_root(world.store, "Acme", actor="tester", at=time.time())
    assert _roles(world.store) == ROTATED

    world.revoke(issued)
    retire_previous_root(world.store, "Acme", actor="tester", at=time.time())

    assert _roles(world.store) == [CertificateRole.ISSUING, CertificateRole.TRUSTED]
    with world.store.read() as session:
        assert len(session.authorities.keys()) == 2
    assert list(check(world.store)) == []


def test_a_backup_of_the_overlap_is_restored_and_says_what_is_trusted_again(
    place: Place, world: World, tmp_path: Path
) -> None:
    _rotate(world)
    backup(world.store, tmp_path / "b.db")
    gone = retire_previous_root(world.store, "Acme", force=True, actor="tester", at=time.time())

    done = restored(place, tmp_path / "b.db")

    assert sorted(done.trusted_again) == sorted(("Acme", one.fingerprint_sha256) for one in gone)
    assert _roles(world.store) == ROTATED
    assert isinstance(world.encryption, KeyEncryption)
    assert world.issue("bob")
