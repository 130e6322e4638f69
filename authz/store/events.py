# SPDX-License-Identifier: Apache-2.0
"""Checks that are worth telling, the latest of them: bounded by number and age."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, select

from authz.store.observed_tables import events
from authz.store.records import StoredEvent
from authz.store.rows import Readers, columns_of, record_of, values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_READERS: Final[Readers] = {"event": json.loads}


class Events:
    """Events in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, some: Sequence[StoredEvent]) -> None:
        """Keep events."""
        if some:
            rows = [values_of(one, but=("number",)) for one in some]
            self._connection.execute(insert(events), rows)

    def latest(
        self,
        *,
        most: int,
        before: int | None = None,
        zone_id: str | None = None,
        site: str | None = None,
        verdict: str | None = None,
        reason: str | None = None,
        rule: str | None = None,
        host: str | None = None,
        fingerprint_sha256: str | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> list[StoredEvent]:
        """Events, the latest first; those before the one of number `before`.

        There are only so many (`forget`): what has no index is gone through.
        """
        query = (
            select(*columns_of(StoredEvent, events)).order_by(events.c.number.desc()).limit(most)
        )
        wanted = {
            "zone_id": zone_id,
            "site": site,
            "verdict": verdict,
            "reason": reason,
            "rule": rule,
            "host": host,
            "fingerprint_sha256": fingerprint_sha256,
        }
        for name, value in wanted.items():
            if value is not None:
                query = query.where(events.c[name] == value)
        if before is not None:
            query = query.where(events.c.number < before)
        if since is not None:
            query = query.where(events.c.at >= since)
        if until is not None:
            query = query.where(events.c.at < until)
        return [record_of(StoredEvent, row, _READERS) for row in self._connection.execute(query)]

    def get(self, event_id: str) -> StoredEvent | None:
        """The event of a decision."""
        query = select(*columns_of(StoredEvent, events)).where(events.c.id == event_id)
        row = self._connection.execute(query).first()
        return None if row is None else record_of(StoredEvent, row, _READERS)

    def forget(self, *, before: float, keep: int) -> int:
        """Remove events from before a Unix time, and all but the latest `keep`; how many."""
        last = self._connection.execute(select(func.max(events.c.number))).scalar_one()
        query = delete(events).where(
            (events.c.at < before) | (events.c.number <= (last or 0) - keep)
        )
        return self._connection.execute(query).rowcount
