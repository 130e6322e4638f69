# SPDX-License-Identifier: Apache-2.0
"""Which tables a database has, and whether this program can work with them.

A migration only adds, so that programs of the release before go on working while and after it
runs; the day one must take away, it raises `state.schema_minimum` above the programs that would
miss it. A program that meets tables of a later release works with them unless that says no.

Bringing the tables up to date is `migration`, which costs every command 0.3 s to import: here the
number that Alembic keeps is only read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import column, inspect, select, table

from authz.errors import StoreUnavailableError
from authz.store.tables import state

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from authz.store.engine import Database

#: The number of this program's tables, that of the last migration; one more with each.
SCHEMA: Final = 12

#: Where Alembic keeps the name of the last migration that was run.
_VERSIONS: Final = table("alembic_version", column("version_num"))

_MIGRATE: Final = "run authz db migrate; it can be run while older programs use the database"


def check_schema(database: Database, *, create: bool) -> None:
    """Make sure that the tables are such that this program can use them.

    Raises:
        StoreUnavailableError: they are not, and what to do about it.
    """
    with database.reading.connect() as connection, connection.begin():
        current = schema_of(connection)
        minimum = _minimum(connection) if current is not None else None
    if current is None or minimum is None:
        if not create:
            raise StoreUnavailableError(
                "the database has no tables yet", hint=_MIGRATE, where=database.name
            )
        from authz.store.migration import migrate

        migrate(database)
    elif minimum > SCHEMA:
        raise StoreUnavailableError(
            f"the database needs a later release of authz (schema {minimum}, this is {SCHEMA})",
            hint="install that release, or restore a backup of before its migration",
            where=database.name,
        )
    elif current < SCHEMA:
        raise StoreUnavailableError(
            f"the database's tables are of an earlier release ({current}, this is {SCHEMA})",
            hint=_MIGRATE,
            where=database.name,
        )


def works_with(connection: Connection) -> bool:
    """Whether this program can work with tables that are those of its release or of a later one."""
    minimum = _minimum(connection)
    return minimum is not None and minimum <= SCHEMA


def schema_of(connection: Connection) -> int | None:
    """The number of a database's tables; None when it has none.

    Raises:
        StoreUnavailableError: the database is somebody else's.
    """
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    version = connection.execute(select(_VERSIONS.c.version_num)).scalar()
    if version is None:
        return None
    if not re.fullmatch(r"[0-9]{4}", version):
        raise StoreUnavailableError(
            f'the tables are not of this program (version "{version}")',
            hint="give authz a database of its own",
        )
    return int(version)


def _minimum(connection: Connection) -> int | None:
    if not inspect(connection).has_table(state.name):
        return None
    return connection.execute(select(state.c.schema_minimum)).scalar()
