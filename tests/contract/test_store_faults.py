# SPDX-License-Identifier: Apache-2.0
"""What happens when a database cannot be used: an error of ours, soon, and nothing changed."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from authz.errors import StoreDamagedError, StoreError, StoreUnavailableError
from authz.store import bounded, postgresql, sqlite
from authz.store.engine import Store, database_name, open_store
from tests.factories.postgres import Server, running_server
from tests.factories.stored import account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _accounts(store: Store) -> int:
    with store.read() as session:
        return len(session.zones.accounts())


def _says_unavailable(store: Store) -> StoreUnavailableError:
    with pytest.raises(StoreUnavailableError) as error, store.write() as session:
        session.zones.add_account(account())
    assert error.value.where == store.name
    return error.value


# SQLite


@pytest.fixture
def file_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)
    with closing(open_store("sqlite", tmp_path / "data")) as store:
        yield store


def test_a_database_that_another_writer_keeps(file_store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "authz.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        error = _says_unavailable(file_store)
        assert time.monotonic() - begun < 5.0
        assert "locked" in error.message
        # Readers wait for nobody.
        assert _accounts(file_store) == 1
    with file_store.write() as session:
        session.zones.add_account(account())


def test_files_that_only_their_owner_reads(file_store: Store, tmp_path: Path) -> None:
    with file_store.write() as session:
        session.zones.add_account(account())
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    for file in (tmp_path / "data").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "authz.db").write_bytes(b"something else" * 1000)
    with pytest.raises(StoreDamagedError, match="not a database") as error:
        open_store("sqlite", tmp_path)
    assert "authz db restore FILE --replace" in (error.value.hint or "")


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be opened") as error:
        open_store("sqlite", tmp_path / "file")
    assert error.value.hint


_AS_NOBODY = """
import os, sys
from pathlib import Path
from authz.errors import StoreUnavailableError
from authz.store import backup, checking, sqlite  # before it cannot be read any more
from authz.store.engine import open_store

directory = Path(sys.argv[1])
os.setgid(65534), os.setuid(65534)
try:
    store = open_store("sqlite", directory)
    with store.read() as session:
        print([one.name for one in session.zones.accounts()])
    print(checking.check(store), backup.backup(store, Path(sys.argv[2])))
    print(store.watcher().wait(0))
    with store.write():
        print("written")
except StoreUnavailableError as error:
    print(error.message, "|", error.hint)
"""


def _as_nobody(data: int, file: int, *, log: bytes = b"") -> str:
    """What somebody can do who is another user than root, with these modes."""
    import tempfile
    from pathlib import Path

    nobody = pwd.getpwnam("nobody")
    # Not below pytest's own directory, into which nobody else may go.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "data"
        open_store("sqlite", directory).close()
        if log:
            (directory / "authz.db-wal").write_bytes(log)
        Path(name).chmod(0o777)
        for path in (directory, *directory.iterdir()):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        (directory / "authz.db").chmod(file)
        directory.chmod(data)
        return _run(_AS_NOBODY, str(directory), f"{name}/copy.db")


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@as_root
@pytest.mark.parametrize(("data", "file"), [(0o500, 0o400), (0o500, 0o600), (0o700, 0o400)])
def test_where_nothing_can_be_written_everything_can_be_read(data: int, file: int) -> None:
    accounts, checked, watched, written = _as_nobody(data, file).splitlines()

    assert accounts == "['default']"
    assert checked == "[] 1"
    assert watched == "False"
    assert written.startswith("the database cannot be used: attempt to write a readonly database |")
    assert "only reading is possible" in written


@as_root
def test_a_directory_that_cannot_be_looked_into() -> None:
    assert "cannot be opened: permission denied" in _as_nobody(0o000, 0o400)


@as_root
def test_a_file_that_may_not_be_read() -> None:
    assert "cannot be opened: permission denied" in _as_nobody(0o500, 0o000)


@as_root
def test_a_log_that_cannot_be_read_is_not_left_out() -> None:
    """What was committed last is in it: less than everything is nothing."""
    done = _as_nobody(0o500, 0o400, log=b"not empty")

    assert done.startswith("the database cannot be used: ")


_FULL = """
import resource, sys
from pathlib import Path
from authz.errors import StoreUnavailableError
from authz.store.engine import open_store
from tests.factories.stored import account

directory = Path(sys.argv[1])
store = open_store("sqlite", directory)
size = max(file.stat().st_size for file in directory.iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 300_000, resource.RLIM_INFINITY))
written = 0
try:
    for number in range(10_000):
        with store.write() as session:
            for part in range(20):
                session.zones.add_account(account(f"{number}-{part}-" + "x" * 200))
        written += 1
except StoreUnavailableError as error:
    print(error.message, "|", error.hint)
with store.read() as session:
    assert len(session.zones.accounts()) == 1 + 20 * written, written
    assert session.revision == 1 + written
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with store.write() as session:
    session.zones.add_account(account("room again"))
print("written", written > 0)
"""


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """As a limit of the file's size, which the system reports to SQLite in the same way."""
    first, last = _run(_FULL, str(tmp_path)).splitlines()

    assert first.startswith("the database cannot be used: ")
    assert "authz db check" not in first
    assert "room" in first.split("|")[1]
    assert last == "written True"


def _run(program: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# PostgreSQL


@pytest.fixture
def server_store(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    name = postgres.new_database()
    with closing(open_store(postgres.address(name), tmp_path)) as store:
        # Making the tables may take its time; from here on the connection has less.
        monkeypatch.setattr(bounded.BoundedConnection, "seconds", 3.0)
        assert _accounts(store) == 1
        yield store
    postgres.drop(name)


@pytest.mark.postgres
def test_a_connection_that_was_lost_while_nobody_used_it(
    server_store: Store, postgres: Server
) -> None:
    assert _accounts(server_store) == 1
    _disconnect(postgres)

    assert _accounts(server_store) == 1
    with server_store.write() as session:
        session.zones.add_account(account())


def _disconnect(postgres: Server) -> None:
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'authz'"
    )


@pytest.mark.postgres
def test_a_server_that_goes_in_the_middle_of_a_transaction(
    server_store: Store, postgres: Server
) -> None:
    with pytest.raises(StoreUnavailableError), server_store.write() as session:
        session.zones.add_account(account("one"))
        _disconnect(postgres)
        session.zones.add_account(account("two"))
    assert _accounts(server_store) == 1

    with pytest.raises(StoreUnavailableError), server_store.write() as session:
        session.zones.add_account(account("one"))
        _disconnect(postgres)
    assert _accounts(server_store) == 1


@pytest.mark.postgres
def test_a_server_that_answers_nothing_any_more(server_store: Store, postgres: Server) -> None:
    """Its process is stopped: the connection is there, and no word comes over it."""
    pid = 0
    begun = time.monotonic()
    try:
        with (
            pytest.raises(StoreUnavailableError, match="not answered"),
            server_store.read() as session,
        ):
            pid = session._connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            os.kill(pid, signal.SIGSTOP)
            begun = time.monotonic()
            session.zones.accounts()
        assert time.monotonic() - begun < 20.0
    finally:
        os.kill(pid, signal.SIGCONT)
    assert _accounts(server_store) == 1


@pytest.mark.postgres
def test_a_writer_that_another_one_keeps_waiting(
    server_store: Store, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_LIMITS", postgresql._LIMITS | {"lock_timeout": 200})
    monkeypatch.setattr(bounded.BoundedConnection, "seconds", 30.0)
    database = server_store.name.rpartition("/")[2]
    with (
        server_store.write(),
        closing(open_store(postgres.address(database), tmp_path)) as other,
    ):
        assert "lock timeout" in _says_unavailable(other).message
        assert _accounts(other) == 1


@pytest.mark.postgres
def test_a_password_that_is_wrong_is_not_shown(postgres: Server, tmp_path: Path) -> None:
    postgres.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
    address = f"postgresql://guest:wr0ng@127.0.0.1:{postgres.port}/nothere"
    with pytest.raises(StoreUnavailableError, match="does not exist") as error:
        open_store(address, tmp_path)
    assert "wr0ng" not in error.value.render()
    assert "***" in str(error.value.where)
    postgres.execute("DROP ROLE guest")


def test_the_name_of_a_database_is_for_people(tmp_path: Path) -> None:
    assert database_name("sqlite", tmp_path) == str(tmp_path / "authz.db")
    assert database_name("postgresql://u:secret@h/d", tmp_path) == "postgresql://u:***@h/d"


@pytest.mark.postgres
def test_a_password_is_asked_for(tmp_path: Path) -> None:
    with running_server("-c fsync=off") as server:
        server.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
        (server.directory / "data" / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        server.execute("SELECT pg_reload_conf()")
        server.execute("CREATE DATABASE guests OWNER guest")
        address = f"postgresql://guest:{{}}@127.0.0.1:{server.port}/guests"
        with pytest.raises(StoreUnavailableError, match="password authentication failed") as error:
            open_store(address.format("wr0ng"), tmp_path)
        assert "wr0ng" not in error.value.render()
        open_store(address.format("right"), tmp_path).close()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StoreUnavailableError, match="connection failed"):
            open_store(f"postgresql://127.0.0.1:{port}/x", tmp_path)


def test_a_server_that_takes_connections_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # libpq takes no less than two seconds.
    monkeypatch.setattr(postgresql, "_ALIVE", postgresql._ALIVE | {"connect_timeout": 2})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="timeout"):
            open_store(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x", tmp_path)
        assert time.monotonic() - begun < 10.0


@pytest.mark.parametrize("address", ["postgresql://[::1/x", "nonsense", "host=h dbname=d"])
def test_an_address_that_cannot_be_read(address: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        open_store(address, tmp_path)


@pytest.mark.postgres
def test_options_of_an_address_are_kept(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database()
    address = f"{postgres.address(name)}?application_name=mine&options=-c%20work_mem%3D5MB"
    with closing(open_store(address, tmp_path)) as store, store.read() as session:
        for setting, value in (
            ("application_name", "mine"),
            ("work_mem", "5MB"),
            ("lock_timeout", "10s"),
            ("default_transaction_read_only", "off"),
        ):
            shown = session._connection.execute(text(f"SHOW {setting}")).scalar_one()
            assert shown == value
    postgres.drop(name)


@pytest.mark.postgres
def test_several_hosts_of_which_one_answers(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database()
    address = f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{postgres.port}/{name}"
    with closing(open_store(address, tmp_path)) as store, closing(store.watcher()) as watcher:
        assert store.name == address
        with store.write():
            pass
        assert watcher.wait(5.0) is True
    postgres.drop(name)


@pytest.mark.postgres
def test_a_unix_socket(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database()
    address = f"postgresql:///{name}?host={postgres.directory}&port={postgres.port}&user=postgres"
    with closing(open_store(address, tmp_path)) as store:
        assert _accounts(store) == 1
    postgres.drop(name)


@pytest.mark.postgres
def test_a_database_of_somebody_else_is_an_error_of_ours(postgres: Server, tmp_path: Path) -> None:
    name = postgres.new_database()
    with psycopg.connect(postgres.address(name)) as connection:
        connection.execute("CREATE TABLE zones (id text)")
    with pytest.raises(StoreError, match="already exists"):
        open_store(postgres.address(name), tmp_path)
    postgres.drop(name)
