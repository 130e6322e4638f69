# SPDX-License-Identifier: Apache-2.0
"""Revoked serial numbers, and every change of them in order.

The list is what counts; the changes are how a reader that knows the list as it was keeps up without
reading a million numbers again (`changes_after`). Only committed in order of their revisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, literal, select, true, update

from authz.store.records import Revocation, RevocationChange
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import (
    client_certificates,
    revocation_changes,
    revocation_counts,
    revocations,
    state,
)
from authz.store.upsert import upsert

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sqlalchemy import ColumnElement, Connection, Table

_CHANGES = revocation_changes

#: Rows that are in memory at a time while a long list is read.
_AT_ONCE: Final = 10_000


def _issued(table: Table) -> ColumnElement[bool]:
    """Whether a row is about a client certificate that was issued here."""
    return (
        select(client_certificates.c.number)
        .where(
            client_certificates.c.authority_id == table.c.authority_id,
            client_certificates.c.serial == table.c.serial,
        )
        .exists()
    )


class Revocations:
    """The lists of revoked serial numbers, in one transaction."""

    def __init__(self, connection: Connection, revision: int) -> None:
        self._connection = connection
        self._revision = revision

    def add(self, revocation: Revocation) -> bool:
        """Put a serial number on its authority's list; False when it was there already."""
        if self.get(revocation.authority_id, revocation.serial) is not None:
            return False
        values = values_of(revocation) | {"revision": self._revision}
        self._connection.execute(insert(revocations).values(values))
        self._count(revocation.authority_id, 1)
        self._change(
            revocation.authority_id, revocation.serial, revoked=True, at=revocation.revoked_at
        )
        return True

    def remove(self, authority_id: str, serial: str, at: float) -> bool:
        """Take a serial number off the list; False when it was not there."""
        removed = self._connection.execute(
            delete(revocations).where(
                revocations.c.authority_id == authority_id, revocations.c.serial == serial
            )
        ).rowcount
        if removed:
            self._count(authority_id, -1)
            self._change(authority_id, serial, revoked=False, at=at)
        return bool(removed)

    def copy(self, source: str, target: str, at: float) -> int:
        """Put everything that is on the list of an authority on that of another one, too; how many
        were not there. In the database: nothing is read, however long it is."""
        there = revocations.alias()
        known = select(there.c.serial).where(
            there.c.authority_id == target, there.c.serial == revocations.c.serial
        )
        new = (revocations.c.authority_id == source) & ~known.exists()
        added = self._connection.execute(
            select(func.count()).select_from(revocations).where(new)
        ).scalar_one()
        if not added:
            return 0
        if added <= _AT_ONCE:
            changes = (
                select(
                    literal(self._revision).label("revision"),
                    literal(target).label("authority_id"),
                    revocations.c.serial,
                    true().label("revoked"),
                    literal(at).label("at"),
                )
                .where(new)
                .order_by(revocations.c.serial)
            )
            names = list(changes.selected_columns.keys())
            self._connection.execute(insert(_CHANGES).from_select(names, changes))
        else:
            # Whoever keeps up reads the list itself: that is quicker than so many changes.
            self.forget_changes(self._revision)
        rows = select(
            literal(target).label("authority_id"),
            revocations.c.serial,
            revocations.c.revoked_at,
            revocations.c.reason,
            literal(self._revision).label("revision"),
        ).where(new)
        self._connection.execute(
            insert(revocations).from_select(list(rows.selected_columns.keys()), rows)
        )
        self._count(target, added)
        return added

    def get(self, authority_id: str, serial: str) -> Revocation | None:
        """Whether and why a serial number is revoked."""
        query = select(*columns_of(Revocation, revocations)).where(
            revocations.c.authority_id == authority_id, revocations.c.serial == serial
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Revocation, row)

    def count(self, authority_id: str) -> int:
        """How many serial numbers an authority has revoked; kept, not counted."""
        query = select(revocation_counts.c.revocations).where(
            revocation_counts.c.authority_id == authority_id
        )
        return self._connection.execute(query).scalar_one_or_none() or 0

    def all(
        self, authority_id: str, *, after: str = "", most: int | None = None
    ) -> list[Revocation]:
        """Revocations by serial number as text, those behind `after`."""
        query = (
            select(*columns_of(Revocation, revocations))
            .where(revocations.c.authority_id == authority_id, revocations.c.serial > after)
            .order_by(revocations.c.serial)
            .limit(most)
        )
        return [record_of(Revocation, row) for row in self._connection.execute(query)]

    def serials(self, authority_id: str) -> Iterator[int]:
        """Every revoked serial number of an authority, as they come, some thousand at a time."""
        query = select(revocations.c.serial).where(revocations.c.authority_id == authority_id)
        # Closed also by whoever stops in the middle.
        with self._connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
            for part in found.scalars().partitions():
                yield from [int(serial, 16) for serial in part]

    def entries(
        self, authority_id: str, *, after: int | None = None, but_issued: bool = False
    ) -> Generator[tuple[int, float, str], None, None]:
        """Every revoked serial number of an authority with its time and reason, as they come.

        Args:
            after: only those that were revoked in transactions after this revision.
            but_issued: without those of client certificates that were issued here.
        """
        query = select(revocations.c.serial, revocations.c.revoked_at, revocations.c.reason).where(
            revocations.c.authority_id == authority_id
        )
        if after is not None:
            query = query.where(revocations.c.revision > after)
        if but_issued:
            query = query.where(~_issued(revocations))
        with self._connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as found:
            for part in found.partitions():
                yield from [(int(serial, 16), at, reason) for serial, at, reason in part]

    def changes_after(
        self,
        revision: int,
        *,
        authority_id: str | None = None,
        but_issued: bool = False,
        most: int | None = None,
    ) -> list[RevocationChange] | None:
        """What changed in transactions after `revision`, in order; None when that is not kept any
        more, so that the list itself must be read.

        Args:
            authority_id: only the changes of this authority.
            but_issued: without those of client certificates that were issued here.
            most: only so many, the first ones.
        """
        kept_after = self._connection.execute(select(state.c.changes_after)).scalar_one()
        if revision < kept_after:
            return None
        query = (
            select(*columns_of(RevocationChange, _CHANGES))
            .where(_CHANGES.c.revision > revision)
            .order_by(_CHANGES.c.number)
            .limit(most)
        )
        if authority_id is not None:
            query = query.where(_CHANGES.c.authority_id == authority_id)
        if but_issued:
            query = query.where(~_issued(_CHANGES))
        return [record_of(RevocationChange, row) for row in self._connection.execute(query)]

    def mark(self, revision: int) -> str:
        """What the last change up to and with `revision` was, `""` when none is kept.

        A copy of a database that was put back, and went on from there, comes to the same revisions
        by other changes.
        """
        query = (
            select(_CHANGES.c.number, *columns_of(RevocationChange, _CHANGES))
            .where(_CHANGES.c.revision <= revision)
            .order_by(_CHANGES.c.number.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        return "" if row is None else " ".join(map(str, row))

    def forget_changes(self, before: int) -> int:
        """Remove changes of revisions up to and with `before`; how many there were."""
        before = min(before, self._revision)
        self._connection.execute(
            update(state).where(state.c.changes_after < before).values(changes_after=before)
        )
        return self._connection.execute(
            delete(_CHANGES).where(_CHANGES.c.revision <= before)
        ).rowcount

    def trim_changes(self, *, before: float, keep: int) -> int:
        """Remove changes from before a Unix time, and all but about the latest `keep`; how many.

        The changes of a transaction stay or go together. Whoever publishes calls this now and
        then, in a `note` of its own: nobody who keeps up needs a change of an hour ago.
        """
        number = _CHANGES.c.number
        last = self._connection.execute(select(func.max(number))).scalar_one()
        if last is None:
            return 0
        # Along the numbers, which have an index; the times of changes are in their order, unless
        # a clock was set, and then a few more or less are kept.
        first = self._connection.execute(
            select(number)
            .where(number > last - keep, _CHANGES.c.at >= before)
            .order_by(number)
            .limit(1)
        ).scalar_one_or_none()
        latest = select(func.max(_CHANGES.c.revision))
        if first is not None:
            latest = latest.where(number < first)
        revision = self._connection.execute(latest).scalar_one()
        return 0 if revision is None else self.forget_changes(revision)

    def _count(self, authority_id: str, more: int) -> None:
        upsert(
            self._connection,
            revocation_counts,
            {"authority_id": authority_id},
            insert={"revocations": max(more, 0)},
            update={"revocations": revocation_counts.c.revocations + more},
        )

    def _change(self, authority_id: str, serial: str, *, revoked: bool, at: float) -> None:
        change = RevocationChange(
            revision=self._revision,
            authority_id=authority_id,
            serial=serial,
            revoked=revoked,
            at=at,
        )
        self._connection.execute(insert(_CHANGES).values(values_of(change)))
