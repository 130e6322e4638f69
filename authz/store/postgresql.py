# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL through psycopg 3: transactions in their order, and NOTIFY for whoever publishes.

A transaction that changes what is enforced holds the row of `state`, so that revisions are
committed in their order; readers use REPEATABLE READ, one moment of the database.
https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from authz.errors import StoreUnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Engine

CHANNEL: Final = "authz"

#: How long connecting may take, and how long a statement: a store that hangs is a store that is
#: down, and whoever waits for it has better things to do.
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 60

#: Of the lock that migrations take: any number that nobody else uses.
_SCHEMA_LOCK: Final = 0x61757468


class Postgresql:
    """A database at a `postgresql://` address."""

    def __init__(self, address: str) -> None:
        try:
            url = make_url(address)
        except ArgumentError as error:
            raise StoreUnavailableError(
                "the address of the database cannot be read",
                hint="write postgresql://user@host/name",
                where="database",
            ) from error
        self.name = url.render_as_string(hide_password=True)
        self._conninfo = url.render_as_string(hide_password=False)
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "authz",
                "options": f"-c statement_timeout={STATEMENT_SECONDS * 1000}",
                # Dead connections are noticed in seconds, not in hours.
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 15_000,
            },
        )
        self.writing: Engine = engine
        self.reading: Engine = engine.execution_options(isolation_level="REPEATABLE READ")

    def watcher(self) -> _Watcher:
        """Waits for NOTIFY."""
        return _Watcher(self._conninfo, self.name)

    def committing(self, connection: Connection, revision: int) -> None:
        """Tell whoever listens, when the transaction is committed."""
        connection.execute(
            text("SELECT pg_notify(:channel, :revision)"),
            {"channel": CHANNEL, "revision": str(revision)},
        )

    def lock_schema(self, connection: Connection) -> None:
        """Wait for other migrations."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})

    def close(self) -> None:
        """Close every connection."""
        self.writing.dispose()


class _Watcher:
    def __init__(self, conninfo: str, name: str) -> None:
        self._conninfo = conninfo
        self._name = name
        self._connection: psycopg.Connection | None = self._connect()

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._connection = self._connect()
                return True  # whatever was committed meanwhile, nobody was told
            for _ in self._connection.notifies(
                timeout=max(0.0, until - time.monotonic()), stop_after=1
            ):
                return True
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailableError(
                f"the database cannot be watched: {str(error).strip().lower()}", where=self._name
            ) from error
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection:
        try:
            connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                application_name="authz watcher",
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
            )
            connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            raise StoreUnavailableError(
                f"the database cannot be watched: {str(error).strip().lower()}", where=self._name
            ) from error
        return connection
