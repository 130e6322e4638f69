# SPDX-License-Identifier: Apache-2.0
"""A backup put in the place of what is in a database, and what is refused there afterwards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from authz.services.restoring import Enforced, Restored, restore_backup

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.engine import Store


class Database(Protocol):
    """A database as the settings name it (tests.contract.conftest.Place)."""

    @property
    def database(self) -> str: ...
    @property
    def data_dir(self) -> Path: ...


def restored(place: Database, file: Path, *enforced: Enforced) -> Restored:
    """Restore, replacing everything."""
    return restore_backup(
        place.database,
        place.data_dir,
        file,
        replace=True,
        enforced=enforced,
        actor="tester",
        at=time.time(),
    )


def revoked_serials(store: Store) -> set[str]:
    """The serial numbers on all lists."""
    with store.read() as session:
        return {
            one.serial
            for authority in session.authorities.all()
            for one in session.revocations.all(authority.id)
        }
