# SPDX-License-Identifier: Apache-2.0
"""INSERT … ON CONFLICT DO UPDATE, which both databases have and SQLAlchemy words for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Table


def inserting(connection: Connection, table: Table) -> Any:
    """INSERT of the database's dialect, which has `on_conflict_do_update` and `excluded`."""
    return (sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert)(table)


def upsert(
    connection: Connection,
    table: Table,
    key: Mapping[str, Any],
    *,
    insert: Mapping[str, Any],
    update: Mapping[str, Any] | None = None,
) -> None:
    """Make sure that there is a row of this key.

    Args:
        key: the primary key.
        insert: its other values when it is new.
        update: what changes when it is there; `insert` when left out.
    """
    changed = dict(insert if update is None else update)
    connection.execute(
        inserting(connection, table)
        .values({**key, **insert})
        .on_conflict_do_update(index_elements=list(key), set_=changed)
    )
