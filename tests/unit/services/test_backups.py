# SPDX-License-Identifier: Apache-2.0
"""The audit log knows of backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from authz.services.backups import last_backup, note_backup
from authz.services.context import audit
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_the_last_backup_is_the_one_that_was_noted_last(world: World) -> None:
    with world.store.read() as session:
        assert last_backup(session) is None
        revision = session.revision

    note_backup(world.store, Path("/b/1.db"), revision, actor="tester", at=AT)
    note_backup(world.store, Path("/b/2.db"), revision, actor="tester", at=AT + 60)

    with world.store.read() as session:
        assert last_backup(session) == AT + 60
        # Nobody has to publish anything because of it.
        assert session.revision == revision
    assert world.last().after == {"file": "/b/2.db", "revision": revision}


def test_a_store_that_was_restored_is_in_a_backup(world: World) -> None:
    with world.store.note() as session:
        audit(session, "store.restore", actor="tester", at=AT + 5, of=("store", session.store_id))

    with world.store.read() as session:
        assert last_backup(session) == AT + 5
