# SPDX-License-Identifier: Apache-2.0
"""When a store was backed up last, and by whom: kept in its audit log.

A copy of everything is worth a line there anyway. Making one is store.backup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.services.context import audit
from authz.store.audit import AuditQuery

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.engine import Store
    from authz.store.session import Session

ACTION: Final = "store.backup"

#: A store that was just restored is in the file that it was restored from.
_SAFE: Final = (ACTION, "store.restore")


def note_backup(store: Store, file: Path, revision: int, *, actor: str, at: float) -> None:
    """Keep that a backup was made.

    Raises:
        StoreUnavailableError: nothing can be written.
    """
    with store.note() as session:
        audit(
            session,
            ACTION,
            actor=actor,
            at=at,
            of=("store", session.store_id),
            after={"file": str(file).encode(errors="replace").decode(), "revision": revision},
        )


def last_backup(session: Session) -> float | None:
    """When the last one was made, Unix seconds; None when none is known."""
    found = session.audit.find(AuditQuery(only={"action": _SAFE}), most=1)
    return found[0].at if found else None
