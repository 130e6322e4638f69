# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL through psycopg 3: transactions in their order, and NOTIFY for whoever publishes.

A transaction that changes what is enforced holds the row of `state`, so that revisions are
committed in their order; readers use REPEATABLE READ, one moment of the database.
https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, create_engine, event, text

from authz.errors import StoreUnavailableError
from authz.store.addresses import SCHEME, without_password
from authz.store.bounded import SECONDS, BoundedConnection

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine

CHANNEL: Final = "authz"

#: How long connecting may take.
CONNECT_SECONDS: Final = 5

#: Connections that are kept for the next one. Beyond them, there are as many as threads at work.
KEPT_CONNECTIONS: Final = 8

#: What the server gives up by itself, in milliseconds: a statement that takes too long, waiting for
#: somebody else's transaction, and a transaction whose program says nothing any more (it would keep
#: everybody else from writing).
_LIMITS: Final = {
    "statement_timeout": int(SECONDS * 1000) - 5_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 60_000,
}

#: Dead connections are noticed in seconds, not in hours.
_ALIVE: Final = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

#: Of the lock that migrations take: any number that nobody else uses.
_SCHEMA_LOCK: Final = 0x61757468


class Postgresql:
    """A database at a `postgresql://` address."""

    def __init__(self, address: str) -> None:
        unreadable = StoreUnavailableError(
            "the address of the database cannot be read",
            hint="write postgresql://user@host/name",
            where="database",
        )
        if not address.startswith(SCHEME):
            raise unreadable
        try:
            parameters = conninfo_to_dict(address)
        except psycopg.Error as error:
            # Not told: it has the address in it, and so the password.
            raise unreadable from error
        self.name = without_password(address)
        limits = " ".join(f"-c {name}={value}" for name, value in _LIMITS.items())
        self._parameters: dict[str, Any] = {
            **_ALIVE,
            "application_name": "authz",
            **parameters,
            "options": f"{limits} {parameters.get('options') or ''}".strip(),
        }
        self.writing: Engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: BoundedConnection.connect(**self._parameters),
            # A connection that was lost while nobody used it is replaced without a word.
            pool_pre_ping=True,
            pool_size=KEPT_CONNECTIONS,
            # Whoever serves many has a bound on its threads; here they would wait, and then fail.
            max_overflow=-1,
        )
        self.reading: Engine = self.writing.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

        @event.listens_for(self.writing, "checkin")
        def _returned(connection: BoundedConnection | None, _record: Any) -> None:
            if connection is not None:
                connection.seconds = BoundedConnection.seconds

    def watcher(self) -> _Watcher:
        """Waits for NOTIFY."""
        return _Watcher(self._parameters, self.name)

    def turn(self) -> AbstractContextManager[None]:
        """Nothing: whoever takes a revision stands in line for its row, in the server."""
        return nullcontext()

    def committing(self, connection: Connection, revision: int) -> None:
        """Tell whoever listens, when the transaction is committed."""
        connection.execute(
            text("SELECT pg_notify(:channel, :revision)"),
            {"channel": CHANNEL, "revision": str(revision)},
        )

    def lock_schema(self, connection: Connection) -> None:
        """Wait for other migrations."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SCHEMA_LOCK})

    def patient(self, connection: Connection) -> None:
        """Wait as long as it takes, in this transaction."""
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {name} = 0"))
        driver = connection.connection.driver_connection
        if isinstance(driver, BoundedConnection):
            driver.seconds = None

    def close(self) -> None:
        """Close every connection."""
        self.writing.dispose()


class _Watcher:
    def __init__(self, parameters: dict[str, Any], name: str) -> None:
        self._parameters = {**parameters, "application_name": "authz watcher"}
        self._name = name
        self._connection: BoundedConnection | None = self._connect()

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
            raise self._lost(error) from error
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> BoundedConnection:
        try:
            connection = BoundedConnection.connect(**self._parameters, autocommit=True)
            connection.execute(f"LISTEN {CHANNEL}")
            # From here on nothing is asked: that no word comes is as it should be.
            connection.seconds = None
        except psycopg.Error as error:
            raise self._lost(error) from error
        return connection

    def _lost(self, error: psycopg.Error) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"the database cannot be watched: {str(error).strip().lower()}", where=self._name
        )
