# SPDX-License-Identifier: Apache-2.0
"""Bringing a database's tables up to date (Alembic; `migrations/`), and filling new ones."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select

from authz.errors import StoreUnavailableError
from authz.store.metadata import metadata
from authz.store.records import Account, Zone
from authz.store.schema import SCHEMA, schema_of, works_with
from authz.store.tables import state
from authz.store.zones import Zones

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from authz.store.engine import Database

#: The name of the account and of the zone that a new store has.
DEFAULT_NAME: Final = "default"

#: Where the migrations are.
SCRIPTS: Final = Path(__file__).parent / "migrations"


def migrate(
    database: Database, scripts: Path = SCRIPTS, *, accept_later: bool = False
) -> tuple[str, str]:
    """Bring the tables up to date, in one transaction; which version they were of and are.

    Args:
        accept_later: whether tables of a later release are left as they are and taken for well,
            when this program can work with them.

    Raises:
        StoreUnavailableError: they are of a later release.
    """
    directory = ScriptDirectory(str(scripts))
    head = directory.get_current_head() or ""
    with database.writing.begin() as connection:
        database.patient(connection)
        database.lock_schema(connection)
        before = schema_of(connection)
        if before is not None and before > int(head):
            if accept_later and works_with(connection):
                return f"{before:04}", f"{before:04}"
            raise StoreUnavailableError(
                f"the database's tables are of a later release ({before}, this is {SCHEMA})",
                hint="nothing was changed; use that release's authz db migrate",
                where=database.name,
            )
        if before != int(head):
            _upgrade(directory, connection)
        _fill(connection)
    return "" if before is None else f"{before:04}", head


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
        insert(state).values(
            id=1, store_id=uuid.uuid4().hex, revision=1, schema_minimum=SCHEMA, changes_after=0
        )
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
