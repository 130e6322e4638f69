# SPDX-License-Identifier: Apache-2.0
"""Reading the audit log: who did what, to which object, and when. Every use case adds to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.services.times import rfc3339

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import AuditEntry


def latest_entries(
    store: Store, *, of: str | None = None, before: int | None = None, most: int = 50
) -> list[AuditEntry]:
    """Entries, the latest first.

    Args:
        of: only those about the object with this identifier (or hostname, or serial number).
        before: only those before the one of this number.
    """
    with store.read() as session:
        return session.audit.latest(most=most, before=before, object_id=of)


def entry_object(entry: AuditEntry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "id": entry.id,
        "number": entry.number,
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "object": {"type": entry.object_type, "id": entry.object_id},
        "zone_id": entry.zone_id,
        "before": entry.before,
        "after": entry.after,
    }
