# SPDX-License-Identifier: Apache-2.0
"""Who does something for all nodes: one row for each such task, by the database's clock.

A lease is held until it expires, and by its term it is known whether a holder is late: the term is
one more with each holder. What is written under a lease is written in a transaction that asks
`holds` or `next_version`, which keep the row until it ends; so a holder that was stopped for a
while and goes on changes nothing after the next one took over (ADR-0040).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Double, literal_column, or_, select, update

from authz.store.tables_nodes import leases
from authz.store.upsert import inserting

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_NOW: Final = {
    # Not the transaction's beginning: whoever waited for the row has to see how late it is.
    "postgresql": "extract(epoch from clock_timestamp())::double precision",
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
}


def now_of(connection: Connection) -> ColumnElement[float]:
    """The database's clock, in Unix seconds."""
    return literal_column(f"({_NOW[connection.dialect.name]})", Double())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it was when it was read, at `read_at` by the database's clock; `left` are the
    seconds until it expires, negative once it did."""

    holder: str
    term: int
    taken_at: float
    left: float
    version: int
    read_at: float


class Leases:
    """Leases, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now = now_of(connection)

    def get(self, name: str) -> Lease | None:
        """A lease, None when nobody has ever held it."""
        table = leases.c
        query = select(
            table.holder,
            table.term,
            table.taken_at,
            (table.expires_at - self._now).label("left"),
            table.version,
            self._now.label("read_at"),
        ).where(table.name == name)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Lease(**row._mapping)

    def take(
        self, name: str, holder: str, seconds: float, *, longest: float | None = None
    ) -> int | None:
        """Hold a lease that nobody holds; its term, None when somebody does.

        Args:
            longest: no lease has more seconds left than these, by the database's clock, unless that
                was put back since: then nobody is waited for, who may be gone. Whoever holds it all
                the same finds another term.
        """
        table = leases.c
        is_free = table.expires_at <= self._now
        if longest is not None:
            is_free = or_(is_free, table.expires_at > self._now + longest)
        statement = inserting(self._connection, leases).values(
            name=name,
            holder=holder,
            term=1,
            taken_at=self._now,
            expires_at=self._now + seconds,
            version=0,
        )
        statement = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "holder": holder,
                "term": leases.c.term + 1,
                "taken_at": self._now,
                "expires_at": self._now + seconds,
            },
            where=is_free,
        ).returning(leases.c.term)
        term = self._connection.execute(statement).scalar_one_or_none()
        return None if term is None else int(term)

    def renew(self, name: str, holder: str, term: int, seconds: float) -> bool:
        """Hold it `seconds` from now on; False when it is held no more."""
        changed = self._held(name, holder, term).values(expires_at=self._now + seconds)
        return self._connection.execute(changed).rowcount == 1

    def release(self, name: str, holder: str, term: int) -> None:
        """Hold it no more, if it is held still."""
        self._connection.execute(self._held(name, holder, term).values(expires_at=self._now))

    def holds(self, name: str, holder: str, term: int) -> bool:
        """Whether it is held, and will be until the transaction ends: nobody else can take it."""
        table = leases.c
        query = (
            select(table.term)
            .where(
                table.name == name,
                table.holder == holder,
                table.term == term,
                table.expires_at > self._now,
            )
            # SQLite has one writer anyway, and leaves the lock out.
            .with_for_update(read=True)
        )
        return self._connection.execute(query).one_or_none() is not None

    def next_version(self, name: str, holder: str, term: int) -> int | None:
        """The version of what is about to be written under it, None when it is held no more."""
        changed = self._held(name, holder, term).values(version=leases.c.version + 1)
        version = self._connection.execute(changed.returning(leases.c.version)).scalar_one_or_none()
        return None if version is None else int(version)

    def _held(self, name: str, holder: str, term: int) -> Any:
        table = leases.c
        return update(leases).where(
            table.name == name,
            table.holder == holder,
            table.term == term,
            table.expires_at > self._now,
        )
