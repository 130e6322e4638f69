# SPDX-License-Identifier: Apache-2.0
"""The audit log: added to in the transaction that it tells of, never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, literal, select

from authz.store.access_tables import audit_log
from authz.store.records import AuditEntry
from authz.store.rows import Readers, columns_of, record_of, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection

#: What an authority was distrusted by, and trusted again: its state, so it is never forgotten.
DISTRUST: Final = "authority.distrust"
TRUST_AGAIN: Final = "authority.trust_again"

_READERS: Final[Readers] = {"before": json.loads, "after": json.loads}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries are wanted.

    Args:
        only: by column, the values of which an entry must have one; of `id`, `zone_id`, `actor`,
            `action`, `object_type` and `object_id`.
        but: the values of which it must have none. An entry without a zone has no value there.
        since, until: Unix seconds, the first included and the second not.
    """

    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    but: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since: float | None = None
    until: float | None = None


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

    def find(
        self,
        query: AuditQuery,
        *,
        most: int,
        oldest_first: bool = False,
        skip: int = 0,
        behind: tuple[float, int] | None = None,
        size: int | None = None,
    ) -> list[AuditEntry]:
        """Entries in the order of their moments.

        Each column of a query has an index in that order; of several, one is used.

        Args:
            skip: how many to leave out.
            behind: only those behind the one of this moment and number (a cursor).
            size: of what they have before and after, together, in characters; those that have no
                room any more are not read. There is always room for the first.
        """
        at, number = audit_log.c.at, audit_log.c.number
        conditions: list[ColumnElement[bool]] = [
            audit_log.c[name].in_(values) for name, values in query.only.items()
        ]
        for name, values in query.but.items():
            column = audit_log.c[name]
            conditions.append(column.not_in(values) | column.is_(None))
        if query.since is not None:
            conditions.append(at >= query.since)
        if query.until is not None:
            conditions.append(at < query.until)
        if behind is not None:
            moment, last = behind
            # The first condition is what an index is good for.
            if oldest_first:
                conditions += [at >= moment, (at > moment) | (number > last)]
            else:
                conditions += [at <= moment, (at < moment) | (number < last)]
        order = (at, number) if oldest_first else (at.desc(), number.desc())
        # Numbers first: what is left out is not read.
        length = sum(
            (func.coalesce(func.length(audit_log.c[name]), 0) for name in ("before", "after")),
            start=literal(0),
        )
        wanted = select(number, length).where(*conditions).order_by(*order).limit(most).offset(skip)
        numbers: list[int] = []
        for one, taken in self._connection.execute(wanted).all():
            if size is not None:
                size -= taken
                if size < 0 and numbers:
                    break
            numbers.append(one)
        found = (
            select(*columns_of(AuditEntry, audit_log)).where(number.in_(numbers)).order_by(*order)
        )
        return [record_of(AuditEntry, row, _READERS) for row in self._connection.execute(found)]

    def distrusted(self) -> dict[str, float]:
        """When each authority that is distrusted was, by its identifier."""
        # By their numbers and not by when they came: the clocks of two nodes may differ.
        query = (
            select(audit_log.c.object_id, audit_log.c.action, audit_log.c.at)
            .where(audit_log.c.action.in_((DISTRUST, TRUST_AGAIN)))
            .order_by(audit_log.c.number)
        )
        found: dict[str, float] = {}
        for authority_id, action, at in self._connection.execute(query):
            if action == DISTRUST:
                found[authority_id] = at
            else:
                found.pop(authority_id, None)
        return found

    def distrusts(self) -> list[AuditEntry]:
        """Every entry that says that an authority was distrusted, in their order."""
        query = (
            select(*columns_of(AuditEntry, audit_log))
            .where(audit_log.c.action == DISTRUST)
            .order_by(audit_log.c.number)
        )
        return [record_of(AuditEntry, row, _READERS) for row in self._connection.execute(query)]

    def actions(self) -> list[str]:
        """Every action that an entry tells of: as many look-ups by index as there are."""
        return self.distinct("action")

    def distinct(self, name: str, *, most: int | None = None) -> list[str]:
        """What there is in a column that has an index (as `AuditQuery.only`), the first `most`."""
        column = audit_log.c[name]
        found: list[str] = []
        query = select(func.min(column))
        one = self._connection.execute(query).scalar_one()
        while one is not None and (most is None or len(found) < most):
            found.append(one)
            one = self._connection.execute(query.where(column > one)).scalar_one()
        return found

    def forget(self, before: float) -> int:
        """Remove entries from before a Unix time; how many there were.

        What says that an authority is distrusted stays.
        """
        query = delete(audit_log).where(
            audit_log.c.at < before, audit_log.c.action.not_in((DISTRUST, TRUST_AGAIN))
        )
        return self._connection.execute(query).rowcount
