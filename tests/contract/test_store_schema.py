# SPDX-License-Identifier: Apache-2.0
"""Tables of this release, of the one before and of a later one, in both databases."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text, update

from authz.errors import StoreUnavailableError
from authz.store import migration, schema
from authz.store.backup import backup, restore
from authz.store.engine import database_of, migrate_store, open_store
from authz.store.metadata import metadata
from authz.store.migration import SCRIPTS, migrate
from authz.store.tables import state
from tests.contract.test_store_backup import everything, fill
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from authz.store.engine import Store
    from tests.contract.conftest import Place

#: What is not among the tables of the program: what only one database has (migration 0003), the
#: words and what SQLite keeps for them; and an index of a part of a column (0005).
_OF_SEARCH = {"lexemes", "ix_client_certificates_lexemes", "ix_list_items_value"}

_LATER = '''
"""A later release's: a column and a table more."""

import sqlalchemy as sa
from alembic import op

revision = "{number:04}"
down_revision = "{before:04}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("zones", sa.Column("colour", sa.String(16), nullable=True))
    op.add_column(
        "client_certificates", sa.Column("rank", sa.Integer, nullable=False, server_default="0")
    )
    op.create_table("moons", sa.Column("id", sa.String(32), primary_key=True))
    {more}
'''


def _later(tmp_path: Path, more: str = "") -> Path:
    """The migrations of a release with one more."""
    scripts = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, scripts)
    text_ = _LATER.format(number=schema.SCHEMA + 1, before=schema.SCHEMA, more=more or "pass")
    (scripts / "versions" / "later.py").write_text(text_)
    return scripts


def _migrate(place: Place, scripts: Path) -> tuple[str, str]:
    database = database_of(place.database, place.data_dir)
    try:
        return migrate(database, scripts)
    finally:
        database.close()


def _version(store: Store, version: str) -> None:
    with store.write() as session:
        session._connection.execute(
            text("UPDATE alembic_version SET version_num = :version"), {"version": version}
        )


# SQLAlchemy looks at no such index of SQLite's.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_make_the_tables_that_the_program_knows(store: Store) -> None:
    def known(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (kind == "table" and str(name).startswith("client_certificate_words")) and (
            name not in _OF_SEARCH
        )

    with store.read() as session:
        context = MigrationContext.configure(
            session._connection, opts={"compare_type": True, "include_object": known}
        )
        assert compare_metadata(context, metadata) == []


def test_every_table_has_the_columns_in_the_order_of_the_program(store: Store) -> None:
    """What alembic does not compare: keys."""
    with store.read() as session:
        found = inspect(session._connection)
        for table in metadata.sorted_tables:
            key = found.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key.columns], table.name


def test_the_number_of_the_tables_is_that_of_the_last_migration() -> None:
    names = sorted(path.name[:4] for path in (SCRIPTS / "versions").glob("0*.py"))

    assert names == [f"{number:04}" for number in range(1, schema.SCHEMA + 1)]


def test_an_empty_database_is_made_ready_only_when_it_may_be(empty: Place) -> None:
    with pytest.raises(StoreUnavailableError, match=r"no (tables|database)") as error:
        empty.open(create=False)
    assert "authz db migrate" in str(error.value.hint)
    assert not empty.file.exists()

    assert migrate_store(empty.database, empty.data_dir) == ("", f"{schema.SCHEMA:04}")
    empty.open(create=False).close()


def test_migrating_again_changes_nothing(place: Place, store: Store) -> None:
    fill(store)
    before = everything(store)
    with store.read() as session:
        store_id = session.store_id
    head = f"{schema.SCHEMA:04}"

    assert migrate_store(place.database, place.data_dir) == (head, head)

    assert everything(store) == before
    with store.read() as session:
        assert session.store_id == store_id


def test_this_program_works_while_and_after_a_later_one_adds_to_the_tables(
    place: Place, store: Store, tmp_path: Path
) -> None:
    """`store` was opened before, another after."""
    scripts = _later(tmp_path)
    fill(store)
    before = everything(store)

    head = f"{schema.SCHEMA + 1:04}"
    assert _migrate(place, scripts) == (f"{schema.SCHEMA:04}", head)

    with closing(place.open(create=False)) as other:
        assert everything(other) == everything(store) == before
        for one in (store, other):
            with one.write() as session:
                zone = session.zones.all()[0]
                session.zones.update(zone)
    with pytest.raises(StoreUnavailableError, match="later release"):
        migrate_store(place.database, place.data_dir)


def test_tables_of_a_later_release_are_accepted_where_this_one_works_with_them(
    place: Place, store: Store, tmp_path: Path
) -> None:
    """As after a rollback, by a pipeline that migrates each time."""
    _migrate(place, _later(tmp_path))
    fill(store)
    before, head = everything(store), f"{schema.SCHEMA + 1:04}"

    assert migrate_store(place.database, place.data_dir, accept_later=True) == (head, head)
    assert everything(store) == before

    with store.write() as session:
        session._connection.execute(update(state).values(schema_minimum=schema.SCHEMA + 1))
    with pytest.raises(StoreUnavailableError, match="later release"):
        migrate_store(place.database, place.data_dir, accept_later=True)


def test_a_backup_of_a_later_database_is_not_restored_by_this_program(
    place: Place, store: Store, tmp_path: Path
) -> None:
    _migrate(place, _later(tmp_path))
    if place.is_sqlite:
        backup(store, tmp_path / "backup")
        with pytest.raises(Exception, match="later release"):
            restore(
                place.database,
                place.data_dir,
                tmp_path / "backup",
                replace=True,
                actor="tester",
                at=AT,
            )
    else:
        # What this program does not know is not in its backup.
        backup(store, tmp_path / "backup")
        with pytest.raises(StoreUnavailableError, match="later release"):
            restore(
                place.database,
                place.data_dir,
                tmp_path / "backup",
                replace=True,
                actor="tester",
                at=AT,
            )


def test_a_database_that_needs_a_later_program_says_so(place: Place, store: Store) -> None:
    with store.write() as session:
        session._connection.execute(update(state).values(schema_minimum=schema.SCHEMA + 1))
    _version(store, f"{schema.SCHEMA + 1:04}")

    with pytest.raises(StoreUnavailableError, match="needs a later release"):
        place.open()


def test_a_database_of_an_earlier_release_says_what_to_do(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "SCHEMA", schema.SCHEMA + 1)

    with pytest.raises(StoreUnavailableError, match="earlier release") as error:
        place.open()
    assert "authz db migrate" in str(error.value.hint)


def test_a_backup_of_an_earlier_release_is_migrated(
    place: Place, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = everything(store)
    file = tmp_path / "backup"
    backup(store, file)
    content = file.read_bytes()
    scripts = _later(tmp_path)
    _migrate(place, scripts)
    from authz.store import backup as module

    for one in (schema, migration, module):
        monkeypatch.setattr(one, "SCHEMA", schema.SCHEMA if one is not schema else one.SCHEMA + 1)
    monkeypatch.setattr(module, "migrate", lambda database: migrate(database, scripts))

    restore(place.database, place.data_dir, file, replace=True, actor="tester", at=AT)

    assert everything(store) == before
    assert file.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(place: Place, store: Store) -> None:
    _version(store, "ae1027a6acf")

    for use in (place.open, lambda: migrate_store(place.database, place.data_dir)):
        with pytest.raises(StoreUnavailableError, match="not of this program"):
            use()


def test_a_migration_that_fails_leaves_the_tables_as_they_were(
    place: Place, store: Store, tmp_path: Path
) -> None:
    fill(store)
    before = everything(store)
    scripts = _later(tmp_path, more="raise ZeroDivisionError")

    with pytest.raises(ZeroDivisionError):
        _migrate(place, scripts)

    assert everything(store) == before
    with store.read() as session:
        assert "moons" not in inspect(session._connection).get_table_names()
        assert schema.schema_of(session._connection) == schema.SCHEMA


def test_tables_without_content_are_filled(place: Place, store: Store) -> None:
    """Alembic's own table is there, and empty."""
    with store.write() as session:
        session._connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(StoreUnavailableError, match="no tables"):
        place.open(create=False)


def test_opening_a_store_does_not_import_what_only_migrations_need(tmp_path: Path) -> None:
    open_store("sqlite", tmp_path).close()
    program = (
        "import sys; from pathlib import Path; from authz.store.engine import open_store; "
        f"open_store('sqlite', Path({str(tmp_path)!r})); "
        "sys.exit(any(name in sys.modules for name in ('alembic', 'psycopg', 'mako')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.returncode == 0


def test_another_sqlite_database_is_not_overwritten(tmp_path: Path) -> None:
    """One without Alembic's table, but with tables of our names."""
    with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
        connection.execute("CREATE TABLE zones (id TEXT)")
        connection.execute("INSERT INTO zones VALUES ('mine')")
        connection.commit()
    with pytest.raises(StoreUnavailableError, match="already exists"):
        open_store("sqlite", tmp_path)
    with closing(sqlite3.connect(tmp_path / "authz.db")) as connection:
        assert connection.execute("SELECT id FROM zones").fetchall() == [("mine",)]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        assert tables == (1,)


def test_certificates_of_before_the_index_of_words_are_found_by_it(tmp_path: Path) -> None:
    """SQLite; PostgreSQL makes the words of all rows, old and new."""
    early = tmp_path / "early"
    shutil.copytree(SCRIPTS, early)
    for script in (early / "versions").glob("0*.py"):
        if script.name[:4] > "0002":
            script.unlink()
    data_dir = tmp_path / "data"
    database = database_of("sqlite", data_dir)
    try:
        assert migrate(database, early) == ("", "0002")
        with closing(sqlite3.connect(data_dir / "authz.db")) as connection:
            described = connection.execute("PRAGMA table_info(client_certificates)").fetchall()
            values = {
                name: "tablet" if "CHAR" in kind or kind == "TEXT" else 1
                for _, name, kind, *_ in described
                if name != "number"
            }
            columns, marks = ", ".join(values), ", ".join("?" * len(values))
            connection.execute(
                f"INSERT INTO client_certificates ({columns}) VALUES ({marks})",
                list(values.values()),
            )
            connection.commit()

        migrate(database)

        with closing(sqlite3.connect(data_dir / "authz.db")) as connection:
            found = connection.execute(
                "SELECT rowid FROM client_certificate_words "
                "WHERE client_certificate_words MATCH 'tablet'"
            ).fetchall()
        assert found == [(1,)]
    finally:
        database.close()
