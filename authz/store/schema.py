# SPDX-License-Identifier: Apache-2.0
"""Which tables a database has, and bringing them up to date (Alembic; `migrations/`).

A migration only adds, so that programs of the release before go on working while and after it
runs; the day one must take away, it raises `state.schema_minimum` above the programs that would
miss it. A program that meets tables of a later release works with them unless that says no.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import insert, inspect, select

from authz.errors import StoreUnavailableError
from authz.store.records import Account, Zone
from authz.store.tables import metadata, state
from authz.store.zones import Zones

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from authz.store.engine import Database

#: The number of this program's tables; one more with each migration.
SCHEMA: Final = 1

#: The name of the account and of the zone that a new store has.
DEFAULT_NAME: Final = "default"

_MIGRATE = "run authz db migrate; it can be run while older programs use the database"


def check_schema(database: Database, *, create: bool) -> None:
    """Make sure that the tables are such that this program can use them.

    Raises:
        StoreUnavailableError: they are not, and what to do about it.
    """
    with database.reading.connect() as connection, connection.begin():
        current = _current(connection)
        ready = current is not None and inspect(connection).has_table(state.name)
        minimum = connection.execute(select(state.c.schema_minimum)).scalar() if ready else None
    if current is None or minimum is None:
        if not create:
            raise StoreUnavailableError(
                "the database has no tables yet", hint=_MIGRATE, where=database.name
            )
        migrate(database)
        return
    if minimum > SCHEMA:
        raise StoreUnavailableError(
            f"the database needs a later release of authz (schema {minimum}, this is {SCHEMA})",
            hint="install that release, or restore a backup of before its migration",
            where=database.name,
        )
    scripts = _scripts()
    if current != scripts.get_current_head() and _is_known(scripts, current):
        raise StoreUnavailableError(
            f"the database's tables are of an earlier release ({current})",
            hint=_MIGRATE,
            where=database.name,
        )


def migrate(database: Database) -> tuple[str, str]:
    """Bring the tables up to date, in one transaction; which version they were of and are.

    Raises:
        StoreUnavailableError: they are of a later release.
    """
    scripts = _scripts()
    head = scripts.get_current_head() or ""
    with database.writing.begin() as connection:
        database.lock_schema(connection)
        before = _current(connection) or ""
        if before and not _is_known(scripts, before):
            raise StoreUnavailableError(
                f"the database's tables are of a later release ({before})",
                hint="nothing was changed; use that release's authz db migrate",
                where=database.name,
            )
        if before != head:
            _upgrade(scripts, connection)
        _fill(connection)
    return before, head


def _upgrade(scripts: ScriptDirectory, connection: Connection) -> None:
    with EnvironmentContext(
        Config(),
        scripts,
        fn=lambda revision, _: scripts._upgrade_revs("head", revision),
    ) as context:
        context.configure(connection=connection, target_metadata=metadata)
        context.run_migrations()


def _fill(connection: Connection) -> None:
    """What a new store has: a number of its own, an account, and a zone for every host."""
    if connection.execute(select(state.c.id)).first() is not None:
        return
    now = time.time()
    connection.execute(
        insert(state).values(id=1, store_id=uuid.uuid4().hex, revision=1, schema_minimum=1)
    )
    zones = Zones(connection)
    account = Account(id=uuid.uuid4().hex, name=DEFAULT_NAME, created_at=now)
    zones.add_account(account)
    zones.add(
        Zone(
            id=uuid.uuid4().hex,
            account_id=account.id,
            name=DEFAULT_NAME,
            created_at=now,
            modified_at=now,
        )
    )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _is_known(scripts: ScriptDirectory, version: str) -> bool:
    try:
        return scripts.get_revision(version) is not None
    except CommandError:
        return False
