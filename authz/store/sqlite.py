# SPDX-License-Identifier: Apache-2.0
"""SQLite: one file, write-ahead log, every commit on disk before it returns.

Where the file may not be written, it can be read all the same (`read_only`).
Readers see one moment and never wait; writers take turns (`BEGIN IMMEDIATE`): the threads of this
process in their order (`turns`), the first of them with other processes. Each of the two waits
takes BUSY_SECONDS at most. https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.pool import QueuePool

from authz.errors import StoreUnavailableError
from authz.store.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long a writer waits for another.
BUSY_SECONDS: Final = 10.0

#: Connections that are kept for the next one. Beyond them, there are as many as threads at work.
KEPT_CONNECTIONS: Final = 8

#: How often a watcher looks. The question costs some microseconds (PRAGMA data_version).
LOOK_SECONDS: Final = 0.02

#: What SQLite says where it cannot make the index of a log.
_WITHOUT_INDEX: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})


class Sqlite:
    """A database in a file."""

    def __init__(self, file: Path, *, create: bool = True) -> None:
        self.name = str(file)
        self._file = file
        try:
            if not file.exists():
                self._make(create=create)
            elif not os.access(file, os.R_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise StoreUnavailableError(
                f"the database file cannot be opened: {(error.strerror or str(error)).lower()}",
                hint="give the user that runs authz a data_dir where it may write",
                where=self.name,
            ) from error
        self._turns = Turns()
        self.reading = _engine(file, "BEGIN")
        self.writing = _engine(file, "BEGIN IMMEDIATE")

    def _make(self, *, create: bool) -> None:
        file = self._file
        if not create:
            raise StoreUnavailableError(
                "there is no database yet",
                hint="where a service has one, name its settings (--config F) or its data_dir, or "
                "run this in its directory; authz db migrate makes a new one",
                where=self.name,
            )
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Names of clients are nobody else's business; SQLite's other files take its mode. Not
        # opened when it is there: closing it would let go of the locks that every connection of
        # this process has on it (https://www.sqlite.org/howtocorrupt.html, 2.2).
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def watcher(self) -> _Watcher:
        """Looks every LOOK_SECONDS."""
        return _Watcher(self._file)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """In the order in which threads come."""
        if not self._turns.take(BUSY_SECONDS):
            raise StoreUnavailableError(
                f"others have written for {BUSY_SECONDS:g} seconds",
                hint="try again",
                where=self.name,
            )
        try:
            yield
        finally:
            self._turns.leave()

    def committing(self, connection: Connection, revision: int) -> None:
        """Nothing: who watches looks for itself."""

    def lock_schema(self, connection: Connection) -> None:
        """Nothing: there is one writer at a time."""

    def patient(self, connection: Connection) -> None:
        """A statement takes as long as it does; more memory (128 MB) makes it less."""
        connection.exec_driver_sql("PRAGMA cache_size = -131072")

    def close(self) -> None:
        """Close every connection."""
        self.reading.dispose()
        self.writing.dispose()


def _engine(file: Path, begin: str) -> Engine:
    # Never made here: a store that is gone is not one that is empty. Not as a URL of SQLAlchemy's,
    # which would read the name of a directory once more.
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(file),
        poolclass=QueuePool,
        pool_size=KEPT_CONNECTIONS,
        # Whoever serves many has a bound on its threads; here they would wait, and then fail.
        max_overflow=-1,
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: _Connection, record: Any) -> None:
        record.info["file"] = identity(file, immutable=connection.immutable)
        # Its own transactions would begin late and read-only; ours begin as `begin` says.
        connection.isolation_level = None
        pragmas = [
            "foreign_keys = ON",
            "cache_size = -16384",
            f"query_only = {'ON' if begin == 'BEGIN' else 'OFF'}",
        ]
        if connection.writable:
            pragmas += [
                "journal_mode = WAL",
                # FULL: what was acknowledged outlives a power cut, not only a killed process.
                "synchronous = FULL",
                # What a large transaction made of the log is given back.
                "journal_size_limit = 67108864",
            ]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "checkout")
    def _checked_out(connection: _Connection, record: Any, _proxy: Any) -> None:
        if record.info["file"] != identity(file, immutable=connection.immutable):
            # Moved away, or another one is in its place: what this one says counts no more.
            raise exc.DisconnectionError

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _Connection(sqlite3.Connection):
    """Knows how the file was opened."""

    writable = False
    immutable = False


def _connect(file: Path) -> _Connection:
    log = Path(f"{file}-wal")
    # Where it may not be written, or its log not be made (WAL), it can still be read.
    if os.access(file, os.W_OK) and (log.exists() or os.access(file.parent, os.W_OK)):
        connection = _opened(file, "mode=rw")
        connection.writable = True
        return connection
    return read_only(file)


def read_only(file: Path) -> _Connection:
    """A connection for reading, also on a disk where nothing can be written.

    SQLite reads a file with a log only where it can make the log's index, or finds it. Without a
    log there is nothing that it would have, and the file is read as it is ("immutable").
    https://www.sqlite.org/wal.html#read_only_databases

    Raises:
        sqlite3.Error: it cannot be read.
    """
    connection = _opened(file, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in _WITHOUT_INDEX or _size(Path(f"{file}-wal")):
            raise
        connection = _opened(file, "mode=ro&immutable=1")
        connection.immutable = True
    return connection


def _opened(file: Path, how: str) -> _Connection:
    return sqlite3.connect(
        f"file:{quote(str(file))}?{how}",
        uri=True,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
        factory=_Connection,
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def identity(file: Path, *, immutable: bool) -> tuple[int, ...] | None:
    """Which file it is; where nobody was to change it, also what tells that somebody did."""
    try:
        status = file.stat()
    except OSError:
        return None
    if immutable:
        log = _size(Path(f"{file}-wal"))
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, log
    return status.st_dev, status.st_ino


class _Watcher:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[int, int] | None = None
        self._look()

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._look():
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(LOOK_SECONDS, left))
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self) -> bool:
        """Whether another connection has committed since the last look."""
        first = self._seen is None
        try:
            inode = self._file.stat().st_ino
            if self._connection is None or self._seen is None or self._seen[0] != inode:
                # Also when another file was put in its place, and after it could not be read:
                # whatever was committed meanwhile, nobody looked.
                self.close()
                self._seen = None
                self._connection = read_only(self._file)
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except (OSError, sqlite3.Error) as error:
            with suppress(sqlite3.Error):
                self.close()
            raise StoreUnavailableError(
                f"the database cannot be watched: {str(error).lower()}", where=str(self._file)
            ) from error
        before, self._seen = self._seen, (inode, version)
        return not first and before != self._seen
