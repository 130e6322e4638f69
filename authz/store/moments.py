# SPDX-License-Identifier: Apache-2.0
"""Which moment of which store a database, a backup or a snapshot is of, and what it came from.

Revisions of two stores cannot be compared: the higher one says nothing. A restored store is another
one (`store_id`), which remembers the moments that it was restored from. So it can be told whether
somebody knows everything that a backup has, and what came after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select

from authz.store.tables import state, store_ancestors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

#: The same for SQLite files of any release, without the tables of this one.
STATE: Final = "SELECT store_id, revision FROM state"
ANCESTORS: Final = "SELECT store_id, revision FROM store_ancestors"
HAS_ANCESTORS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'store_ancestors'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment.

    Attributes:
        store_id: of the store.
        revision: of its last change.
        ancestors: stores that this one was restored from, directly or not, and until which of their
            revisions they are a part of its history. Its own identifier is among them when what
            it was restored to is what its backup had and no more, with the revision of that.
            Stores that were restored by a release that did not write it down have none.
    """

    store_id: str
    revision: int
    ancestors: Mapping[str, int] = field(default_factory=dict)

    def follows(self, other: Moment) -> bool:
        """Whether the other one is this one, or in the history of this one."""
        return self._has(other.store_id, other.revision)

    def supersedes(self, other: Moment) -> bool:
        """Whether nothing is in the other one that was not undone on the way to this one.

        So it is when it follows it, and when the other one is as it was restored, of what this one
        follows: a spare machine that gets backups and is not used.
        """
        if self.follows(other):
            return True
        is_copy = other.ancestors.get(other.store_id) == other.revision
        return is_copy and all(
            self._has(store_id, revision)
            for store_id, revision in other.ancestors.items()
            if store_id != other.store_id
        )

    def _has(self, store_id: str, revision: int) -> bool:
        reached = self.revision if store_id == self.store_id else self.ancestors.get(store_id, -1)
        return reached >= revision


def moment_of(connection: Connection) -> Moment:
    """The moment that a transaction sees."""
    of = connection.execute(select(state.c.store_id, state.c.revision)).one()
    return Moment(store_id=of.store_id, revision=of.revision, ancestors=_ancestors_of(connection))


def descend(connection: Connection, moment: Moment) -> None:
    """Write down that everything in a database is of another store's moment."""
    connection.execute(delete(store_ancestors))
    rows = {**moment.ancestors, moment.store_id: moment.revision}
    connection.execute(
        insert(store_ancestors),
        [{"store_id": store_id, "revision": revision} for store_id, revision in rows.items()],
    )


def unchanged(connection: Connection) -> None:
    """Write down that a database is as its ancestor was, until its revision rises."""
    own = moment_of(connection)
    connection.execute(insert(store_ancestors).values(store_id=own.store_id, revision=own.revision))


def _ancestors_of(connection: Connection) -> dict[str, int]:
    query = select(store_ancestors.c.store_id, store_ancestors.c.revision)
    return {row.store_id: row.revision for row in connection.execute(query)}
