# SPDX-License-Identifier: Apache-2.0
"""Everything of one database into another, whichever of the two kinds each of them is.

Rows go table by table, some thousand at a time, in the order in which they refer to each other.
Indexes of words keep up by themselves; what counts is counted anew.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, select, text

from authz.store.access_tables import sessions
from authz.store.columns import CheckedInteger
from authz.store.counts import recount
from authz.store.metadata import metadata
from authz.store.tables import revocation_changes, revocation_counts, revocations, state
from authz.store.tables_nodes import leases, shared_fetches, wanted_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

#: Rows that are in memory at a time.
_ROWS: Final = 2_000

#: What nodes share is of those that use the database, whatever is restored into it.
_OF_NODES: Final[frozenset[Table]] = frozenset({leases, shared_fetches, wanted_certificates})

#: What is not copied: the database's own number and revision; changes, which are changes of what
#: was there before; who is signed in: whoever signed out since must stay out; and what is of nodes.
OWN: Final[frozenset[Table]] = frozenset({state, revocation_changes, sessions}) | _OF_NODES


@contextmanager
def words_at_the_end(target: Connection) -> Iterator[None]:
    """Within, SQLite's index of words does not keep up; at the end, it is made anew.

    Removing and adding a million certificates one by one takes it ten times as long.
    """
    if target.dialect.name != "sqlite":
        yield
        return
    index = "client_certificate_words"
    triggers = target.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master "
        "WHERE type = 'trigger' AND tbl_name = 'client_certificates'"
    ).all()
    for name, _ in triggers:
        target.exec_driver_sql(f"DROP TRIGGER {name}")
    target.exec_driver_sql(f"INSERT INTO {index}({index}) VALUES ('delete-all')")  # noqa: S608 - a name of this function
    yield
    target.exec_driver_sql(f"INSERT INTO {index}({index}) VALUES ('rebuild')")  # noqa: S608 - the same
    for _, statement in triggers:
        target.exec_driver_sql(statement)


def clear(target: Connection) -> None:
    """Remove everything but what says which database it is, and what is of its nodes."""
    for table in reversed(metadata.sorted_tables):
        if table is not state and table not in _OF_NODES:
            target.execute(delete(table))


def copy(source: Connection, target: Connection, *, but: frozenset[Table] = OWN) -> None:
    """Write every row of `source` into `target`, whose tables are empty."""
    for table in metadata.sorted_tables:
        if table in but:
            continue
        options = {"yield_per": _ROWS}
        with source.execute(select(*table.columns), execution_options=options) as found:
            for rows in found.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in rows])
    if target.dialect.name == "postgresql":
        _count_on(target)


def count_anew(target: Connection) -> None:
    """Make the kept counts those of the rows."""
    recount(target)
    target.execute(delete(revocation_counts))
    found = select(revocations.c.authority_id, func.count().label("revocations")).group_by(
        revocations.c.authority_id
    )
    target.execute(insert(revocation_counts).from_select(["authority_id", "revocations"], found))


def _count_on(target: Connection) -> None:
    """Let PostgreSQL number new rows behind those that came with their numbers."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, CheckedInteger) and column.type.counted:
                last = target.execute(select(func.max(column))).scalar_one()
                if last is not None:
                    target.execute(
                        text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)"),
                        {"table": table.name, "column": column.name, "last": last},
                    )
