# SPDX-License-Identifier: Apache-2.0
"""Revoked serial numbers, and every change of them in order.

The list is what counts; the changes are how a reader that knows the list as it was keeps up without
reading a million numbers again (`changes_after`). Only committed in order of their revisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from authz.store.records import Revocation, RevocationChange
from authz.store.rows import columns_of, record_of, values_of
from authz.store.tables import revocation_changes, revocations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

_CHANGES = revocation_changes


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
            self._change(authority_id, serial, revoked=False, at=at)
        return bool(removed)

    def get(self, authority_id: str, serial: str) -> Revocation | None:
        """Whether and why a serial number is revoked."""
        query = select(*columns_of(Revocation, revocations)).where(
            revocations.c.authority_id == authority_id, revocations.c.serial == serial
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else record_of(Revocation, row)

    def count(self, authority_id: str) -> int:
        """How many serial numbers an authority has revoked."""
        query = select(func.count()).where(revocations.c.authority_id == authority_id)
        return int(self._connection.execute(query).scalar_one())

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
        """Every revoked serial number of an authority, as they come."""
        query = select(revocations.c.serial).where(revocations.c.authority_id == authority_id)
        for part in self._connection.execute(query).partitions(10_000):
            yield from (int(row.serial, 16) for row in part)

    def changes_after(self, revision: int) -> list[RevocationChange] | None:
        """What changed in transactions after `revision`, in order; None when that is not kept any
        more, so that the list itself must be read."""
        query = (
            select(*columns_of(RevocationChange, _CHANGES))
            .where(_CHANGES.c.revision > revision)
            .order_by(_CHANGES.c.number)
        )
        if revision < self._forgotten():
            return None
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
        """Remove changes of revisions up to and with `before`; how many there were.

        The last change stays whatever its age: it says how far the memory goes back.
        """
        last = select(func.max(_CHANGES.c.number)).scalar_subquery()
        return self._connection.execute(
            delete(_CHANGES).where(_CHANGES.c.revision <= before, _CHANGES.c.number < last)
        ).rowcount

    def _forgotten(self) -> int:
        """The revision up to which changes may have been removed."""
        oldest = self._connection.execute(
            select(_CHANGES.c.number, _CHANGES.c.revision).order_by(_CHANGES.c.number).limit(1)
        ).one_or_none()
        # The first change of all is number 1: before it there was nothing to forget.
        return 0 if oldest is None or oldest.number == 1 else int(oldest.revision)

    def _change(self, authority_id: str, serial: str, *, revoked: bool, at: float) -> None:
        change = RevocationChange(
            revision=self._revision,
            authority_id=authority_id,
            serial=serial,
            revoked=revoked,
            at=at,
        )
        self._connection.execute(insert(_CHANGES).values(values_of(change)))
