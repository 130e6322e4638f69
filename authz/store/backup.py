# SPDX-License-Identifier: Apache-2.0
"""Backup and restore: one file with everything, from either database and into either.

A backup is an SQLite database of its own: what was committed at one moment, while others go on
writing. Restoring is one transaction: whoever reads meanwhile sees the store as it was, or as it
is afterwards. Private keys are in a backup as they are in the store, encrypted; the secret that
they are encrypted with is not.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import uuid
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sqlalchemy import create_engine, exc, insert, select, update
from sqlalchemy.pool import NullPool

from authz.errors import (
    ConflictError,
    InvalidInputError,
    StoreDamagedError,
    StoreUnavailableError,
)
from authz.store.audit import Audit
from authz.store.copying import OWN, clear, copy, count_anew, words_at_the_end
from authz.store.damaged import file_errors, is_cut_short, last_revision_in, set_aside
from authz.store.engine import FILE_NAME, database_of, translated
from authz.store.metadata import metadata
from authz.store.migration import migrate
from authz.store.moments import descend
from authz.store.records import AuditEntry
from authz.store.schema import SCHEMA, check_schema, schema_of
from authz.store.session import Session, last_revision, next_revision
from authz.store.since_backup import Since, since_backup
from authz.store.sqlite import Sqlite, identity, read_only
from authz.store.tables import accounts, lists, published_crls, revocation_changes, state, zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from authz.store.engine import Database, Store

#: What a store that was just made has.
_FIRST: Final = frozenset({state, accounts, zones})

_FIRST_REVISION: Final = 1

#: Ends of the names of files that SQLite keeps beside a database.
_BESIDE: Final = ("-journal", "-wal", "-shm")


def backup(store: Store, file: Path, *, force: bool = False) -> int:
    """Write everything of a store into a file that appears whole or not at all, mode 0600.

    Args:
        force: also in the place of a file that is there.

    Returns:
        The revision that it has everything of.

    Raises:
        InvalidInputError: the file is the store's own.
        ConflictError: there is such a file.
        StoreUnavailableError: the store cannot be read, or the file not written.
    """
    database = store._database
    if isinstance(database, Sqlite) and _is_own(file, Path(database.name)):
        raise InvalidInputError(
            "this file is one of the database itself", where=str(file), hint="name another file"
        )
    if file.is_symlink() or file.exists():
        _check_replaceable(file, force=force)
    with file_errors(file), _whole(file) as temporary, translated(store.name):
        if isinstance(database, Sqlite):
            _copy_file(Path(database.name), temporary)
        else:
            _copy_rows(database, temporary)
        # Not a log beside it: a backup is one file.
        with closing(sqlite3.connect(temporary)) as written:
            written.execute("PRAGMA journal_mode = DELETE")
            (revision,) = written.execute("SELECT revision FROM state").fetchone()
    return int(revision)


def restore(
    database: str,
    data_dir: Path,
    file: Path,
    *,
    replace: bool = False,
    moved: Callable[[Path], None] = lambda _: None,
    later: Callable[[Session, Since], None] = lambda _session, _since: None,
    actor: str,
    at: float,
) -> int:
    """Put a backup into a database, which is made ready when it is empty.

    The store is then another one (`store_id`) of a later revision: whoever publishes from it reads
    everything anew. Its audit log is that of the backup, and says that it was restored.

    Args:
        database: as `open_store` takes it, with `data_dir`.
        replace: also when something is in it, all of which goes. An SQLite file that is too damaged
            to be read is kept beside the new one.
        moved: told of that file.
        later: called last, in the same transaction, with what was made stricter since the backup.
        actor, at: who restores, and when (Unix seconds), for the audit log.

    Returns:
        The revision that the store has afterwards.

    Raises:
        InvalidInputError: the file is no backup, is damaged, or is of a later release.
        ConflictError: something is in the database; nothing was changed.
        StoreUnavailableError: the file or the database cannot be used; nothing was changed.
    """
    done = _Restoring(file=file, later=later, actor=actor, at=at)
    with _opened(file) as source:
        try:
            return _put(source, database_of(database, data_dir), done, replace=replace)
        except StoreDamagedError as error:
            if not replace or error.where == str(file):
                raise
        # Before the file goes, for whoever has published of it: revisions only rise.
        before = last_revision_in(data_dir / FILE_NAME)
        moved(set_aside(data_dir / FILE_NAME))
        return _put(source, database_of(database, data_dir), done, replace=replace, before=before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Restoring:
    """What the audit log says of it, and what is to be done in its transaction."""

    file: Path
    later: Callable[[Session, Since], None]
    actor: str
    at: float


def _put(
    source: Connection,
    target: Database,
    done: _Restoring,
    *,
    replace: bool,
    before: int = 0,
) -> int:
    try:
        with translated(target.name):
            check_schema(target, create=True)
            with target.writing.begin() as connection:
                least = before + 1
                revision, since = _restore(source, target, connection, replace=replace, least=least)
                _audit(connection, source, done.file, revision, actor=done.actor, at=done.at)
                done.later(Session(connection, revision), since)
                target.committing(connection, revision)
                return revision
    finally:
        target.close()


def _restore(
    source: Connection, target: Database, connection: Connection, *, replace: bool, least: int
) -> tuple[int, Since]:
    target.patient(connection)
    # Nobody else writes from here on.
    before = last_revision(connection)
    revision = max(next_revision(connection), last_revision(source) + 1, least)
    if schema_of(connection) != SCHEMA:
        raise StoreUnavailableError(
            "the database's tables are of a later release",
            hint="restore with that release",
            where=target.name,
        )
    is_new = before <= _FIRST_REVISION and not _has_rows(connection)
    if not replace and not is_new:
        raise ConflictError(
            "the database is in use",
            hint="restore into an empty one, or replace everything with --replace",
            where=target.name,
        )
    since = since_backup(connection, source, is_new=is_new)
    crls = select(published_crls.c.certificate_id, published_crls.c.kind, published_crls.c.number)
    numbers = connection.execute(crls).all()
    with words_at_the_end(connection):
        clear(connection)
        copy(source, connection)
    count_anew(connection)
    for certificate_id, kind, number in numbers:
        # RFC 5280 §5.2.3: the numbers of an authority's CRLs only rise, also over this.
        connection.execute(
            update(published_crls)
            .where(
                published_crls.c.certificate_id == certificate_id,
                published_crls.c.kind == kind,
                published_crls.c.number < number,
            )
            .values(number=number)
        )
    descend(connection, since.backup)
    connection.execute(update(lists).values(revision=revision))
    connection.execute(
        update(state).values(store_id=uuid.uuid4().hex, revision=revision, changes_after=revision)
    )
    return revision, since


def _audit(
    connection: Connection, source: Connection, file: Path, revision: int, *, actor: str, at: float
) -> None:
    Audit(connection).add(
        AuditEntry(
            id=uuid.uuid4().hex,
            at=at,
            actor=actor,
            action="store.restore",
            object_type="store",
            object_id=str(connection.execute(select(state.c.store_id)).scalar_one()),
            after={
                "file": str(file).encode(errors="replace").decode(),
                "revision": revision,
                "backup_revision": last_revision(source),
            },
        )
    )


def _check_replaceable(file: Path, *, force: bool) -> None:
    if not force:
        raise ConflictError(
            "there is such a file already",
            where=str(file),
            hint="name another file, or replace it with --force",
        )
    if file.exists() and not file.is_file():
        raise InvalidInputError(
            "this is no file that could be replaced", where=str(file), hint="name another file"
        )


def _is_own(file: Path, database: Path) -> bool:
    """Whether a file is the database or one that SQLite keeps beside it, there or not."""
    own = str(database.resolve())
    return str(file.resolve()) in {own + end for end in ("", *_BESIDE)}


def _has_rows(connection: Connection) -> bool:
    return any(
        connection.execute(select(table).limit(1)).first() is not None
        for table in metadata.sorted_tables
        if table not in _FIRST
    )


def _copy_file(file: Path, target: Path) -> None:
    # All pages in one step: one moment, for which the log beside the file is kept; writers go on.
    with (
        closing(read_only(file)) as source,
        closing(sqlite3.connect(target)) as written,
    ):
        before = identity(file, immutable=source.immutable)
        source.backup(written, pages=-1)
        if before != identity(file, immutable=source.immutable):
            raise StoreUnavailableError(
                "the database was written to while it was read without a lock",
                hint="try again, as a user that may write to its directory",
                where=str(file),
            )


def _copy_rows(database: Database, file: Path) -> None:
    target = Sqlite(file)
    try:
        migrate(target)
        with (
            database.reading.connect() as source,
            source.begin(),
            target.writing.begin() as connection,
        ):
            database.patient(source)
            target.patient(connection)
            with words_at_the_end(connection):
                clear(connection)
                copy(source, connection, but=OWN - {revocation_changes})
            connection.execute(state.delete())
            connection.execute(
                insert(state), [dict(row) for row in source.execute(select(state)).mappings()]
            )
    finally:
        target.close()


@contextmanager
def _opened(file: Path) -> Iterator[Connection]:
    """A backup, with this program's tables whatever it was made by."""
    if _schema(file) == SCHEMA:
        with _reading(file) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory() as directory:
        copied = Path(directory) / "older.db"
        with file_errors(file), translated(str(file)):
            _copy_file(file, copied)
            older = Sqlite(copied)
            try:
                migrate(older)
            finally:
                older.close()
        with _reading(copied) as connection:
            yield connection


def _schema(file: Path) -> int:
    """The number of a backup's tables, which this program can work with."""
    no_backup = InvalidInputError(
        "this is no backup, or a damaged one", where=str(file), hint="name another file"
    )
    with file_errors(file):
        # First, for what the system says of it: SQLite says "unable to open".
        if is_cut_short(file):
            raise no_backup
    try:
        with _reading(file) as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check").scalar()
            schema = schema_of(connection)
    except exc.DatabaseError as error:
        raise no_backup from error
    if found != "ok" or schema is None:
        raise no_backup
    if schema > SCHEMA:
        raise InvalidInputError(
            f"the backup is of a later release (schema {schema}, this is {SCHEMA})",
            where=str(file),
            hint="install that release",
        )
    return schema


@contextmanager
def _reading(file: Path) -> Iterator[Connection]:
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True),
        poolclass=NullPool,
    )
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """A temporary file beside `file` that takes its name when all went well."""
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=file.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.rename(file)
        _sync(file.parent)
    finally:
        for end in ("", *_BESIDE):
            Path(name + end).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
