# SPDX-License-Identifier: Apache-2.0
"""Opening the store, its transactions, and what a database's errors mean to everybody else.

    store = open_store("sqlite", data_dir)
    with store.read() as session: …         one moment of the database, whatever others write
    with store.write() as session: …        changes what is enforced, and takes the next revision
    with store.note() as session: …         keeps what nobody enforces (last seen, events)

A write that returned is on disk. One that raised changed nothing. Writers come one after the other;
readers wait for nobody. No driver's exception leaves this package.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from sqlalchemy import exc

from authz.errors import ConflictError, InvalidInputError, StoreError
from authz.store.addresses import without_password
from authz.store.causes import unavailable
from authz.store.schema import check_schema
from authz.store.session import Session, last_revision, next_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection, Engine


#: The database's file in `data_dir`.
FILE_NAME: Final = "authz.db"


class Watcher(Protocol):
    """Notices commits of others."""

    def wait(self, seconds: float) -> bool:
        """Wait until something was committed, `seconds` at most.

        True: maybe something was. Also after the connection was lost and is back.

        Raises:
            StoreUnavailableError: the database cannot be asked.
        """

    def close(self) -> None:
        """Let go of the connection."""


class Database(Protocol):
    """What differs between the two databases."""

    name: str
    reading: Engine
    writing: Engine

    def watcher(self) -> Watcher:
        """A new watcher.

        Raises:
            StoreUnavailableError: the database cannot be asked.
        """

    def turn(self) -> AbstractContextManager[None]:
        """Wait until it is this thread's turn to write, and keep it until the end of the block.

        Raises:
            StoreUnavailableError: it did not come.
        """

    def committing(self, connection: Connection, revision: int) -> None:
        """Called last in a transaction that took a revision."""

    def lock_schema(self, connection: Connection) -> None:
        """Keep other migrations away until the transaction ends."""

    def patient(self, connection: Connection) -> None:
        """Let the statements of this transaction take as long as they do."""

    def close(self) -> None:
        """Close every connection."""


class Store:
    """A database that was opened and has the tables this program knows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def name(self) -> str:
        """Which database it is, for people; without its password."""
        return self._database.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One moment of the database.

        Raises:
            StoreUnavailableError: the database cannot be read.
        """
        with (
            translated(self.name),
            self._database.reading.connect() as connection,
            connection.begin(),
        ):
            yield Session(connection, last_revision(connection))

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that changes what is enforced; whoever publishes is told.

        Raises:
            ConflictError: something is there already that this would repeat.
            StoreUnavailableError: the database cannot be written to; nothing was changed, or,
                where only the answer to the commit was lost, everything.
        """
        with (
            translated(self.name),
            self._database.turn(),
            self._database.writing.begin() as connection,
        ):
            revision = next_revision(connection)
            yield Session(connection, revision)
            self._database.committing(connection, revision)

    @contextmanager
    def note(self) -> Iterator[Session]:
        """A transaction that changes nothing that is enforced; raises what `write` does."""
        with (
            translated(self.name),
            self._database.turn(),
            self._database.writing.begin() as connection,
        ):
            yield Session(connection, last_revision(connection))

    def rehearsal(self) -> Store:
        """The same database, where every transaction is undone at its end: nothing is kept, and
        nobody is told. What a change would do is found by doing it."""
        return _Rehearsal(self._database)

    def checked(self, check: Callable[[Session], None]) -> Store:
        """The same database, where every transaction that writes begins with a check.

        Args:
            check: raises what the transaction is to end with; then nothing was changed.
        """
        return _Checked(self._database, check)

    def watcher(self) -> Watcher:
        """Whoever wants to know of commits.

        Raises:
            StoreUnavailableError: the database cannot be asked.
        """
        with translated(self.name):
            return self._database.watcher()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()


class _Checked(Store):
    """A store whose writers are looked at once more when it is their turn. Closing it is the
    business of whoever opened it."""

    def __init__(self, database: Database, check: Callable[[Session], None]) -> None:
        super().__init__(database)
        self._check = check

    @contextmanager
    def write(self) -> Iterator[Session]:
        with super().write() as session:
            self._check(session)
            yield session

    @contextmanager
    def note(self) -> Iterator[Session]:
        with super().note() as session:
            # Before the check, which holds the caller's own: two that hold one each and then want
            # all, as changes of tokens do, would wait for each other.
            session.tokens.lock()
            self._check(session)
            yield session

    def close(self) -> None:
        """Nothing: the connections are another's."""


class _Rehearsal(Store):
    """A store for changes that are only tried. Closing it is the business of whoever opened it."""

    @contextmanager
    def write(self) -> Iterator[Session]:
        with (
            translated(self.name),
            self._database.turn(),
            self._database.writing.connect() as connection,
            connection.begin() as transaction,
        ):
            yield Session(connection, next_revision(connection))
            transaction.rollback()

    @contextmanager
    def note(self) -> Iterator[Session]:
        with self.write() as session:
            yield session

    def close(self) -> None:
        """Nothing: the connections are another's."""


def open_store(database: str, data_dir: Path, *, create: bool = True) -> Store:
    """Open the database of the settings; a new one gets its tables, and an account and zone.

    Args:
        database: `sqlite` (a file in `data_dir`) or a `postgresql://` address.
        create: whether an empty database is made ready, and a file that is not there made.

    Raises:
        StoreUnavailableError: it cannot be reached, or its tables are of another release.
    """
    adapter = database_of(database, data_dir, create=create)
    try:
        with translated(adapter.name):
            check_schema(adapter, create=create)
    except BaseException:
        adapter.close()
        raise
    return Store(adapter)


def migrate_store(database: str, data_dir: Path, *, accept_later: bool = False) -> tuple[str, str]:
    """Bring a database's tables to what this program knows; what they were and are.

    Args:
        accept_later: as `migrate` takes it.

    Raises:
        StoreUnavailableError: it cannot be reached, or is of a later release.
    """
    from authz.store.migration import migrate

    adapter = database_of(database, data_dir)
    try:
        with translated(adapter.name):
            return migrate(adapter, accept_later=accept_later)
    finally:
        adapter.close()


def database_of(database: str, data_dir: Path, *, create: bool = True) -> Database:
    """The database of the settings; nothing is asked of it yet.

    Args:
        create: whether a file that is not there is made.

    Raises:
        StoreUnavailableError: its address cannot be read, or its file not opened.
    """
    if database == "sqlite":
        from authz.store.sqlite import Sqlite

        return Sqlite(data_dir / FILE_NAME, create=create)
    from authz.store.postgresql import Postgresql

    return Postgresql(database)


def database_name(database: str, data_dir: Path) -> str:
    """Which database it is, for people; without its password."""
    if database == "sqlite":
        return str(data_dir / FILE_NAME)
    return without_password(database)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """What the driver says about the database `name`, as errors of ours."""
    try:
        yield
    except StoreError:
        raise
    except exc.IntegrityError as error:
        raise ConflictError(
            f"the store has something that this would clash with: {_first_line(error)}",
            hint="look at what is there, and try again",
        ) from error
    except exc.DataError as error:
        raise InvalidInputError(
            f"the store does not take this value: {_first_line(error)}"
        ) from error
    except exc.SQLAlchemyError as error:
        if isinstance(error, exc.StatementError) and isinstance(error.orig, StoreError):
            # What a column refused (store.columns), on its way through SQLAlchemy.
            raise error.orig from None
        raise unavailable(error, _first_line(error), name) from error


def _first_line(error: exc.SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
    return str(cause).strip().split("\n")[0].lower() or type(cause).__name__
