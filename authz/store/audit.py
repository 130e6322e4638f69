# SPDX-License-Identifier: Apache-2.0
"""The audit log: added to in the transaction that it tells of, never changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select

from authz.store.records import AuditEntry
from authz.store.rows import Readers, columns_of, record_of, values_of
from authz.store.tables import audit_log

if TYPE_CHECKING:
    from sqlalchemy import Connection

_READERS: Final[Readers] = {"before": json.loads, "after": json.loads}


class Audit:
    """The audit log in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: AuditEntry) -> None:
        """Keep an entry."""
        self._connection.execute(insert(audit_log).values(values_of(entry, but=("number",))))

    def latest(
        self,
        *,
        most: int,
        before: int | None = None,
        zone_id: str | None = None,
        object_id: str | None = None,
    ) -> list[AuditEntry]:
        """Entries, the latest first; those before the one of number `before`."""
        query = (
            select(*columns_of(AuditEntry, audit_log))
            .order_by(audit_log.c.number.desc())
            .limit(most)
        )
        if before is not None:
            query = query.where(audit_log.c.number < before)
        if zone_id is not None:
            query = query.where(audit_log.c.zone_id == zone_id)
        if object_id is not None:
            query = query.where(audit_log.c.object_id == object_id)
        return [record_of(AuditEntry, row, _READERS) for row in self._connection.execute(query)]

    def forget(self, before: float) -> int:
        """Remove entries from before a Unix time; how many there were."""
        return self._connection.execute(delete(audit_log).where(audit_log.c.at < before)).rowcount
