# SPDX-License-Identifier: Apache-2.0
"""Transactions: whole or not at all, revisions in their order, one moment for readers, watchers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from authz.errors import ConflictError, StoreUnavailableError
from authz.store import bounded
from authz.store.engine import Store, open_store
from tests.factories.stored import account, default_zone, identifier, zone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Place
    from tests.factories.postgres import Server

#: A commit is noticed within 0.1 s; these machines are shared, and so it may be this many times.
NOTICED_SECONDS = 0.1
PATIENCE = 20


def test_a_new_store_has_an_account_and_a_zone_for_every_host(store: Store) -> None:
    with store.read() as session:
        here = default_zone(session)

        assert here.name == "default"
        assert [one.id for one in session.zones.accounts()] == [here.account_id]
        assert session.revision == 1
        assert len(session.store_id) == 32


def test_a_write_takes_the_next_revision_and_a_note_does_not(store: Store) -> None:
    with store.write() as session:
        first = session.revision
    with store.note() as session:
        noted = session.revision
    with store.write() as session:
        second = session.revision
    with store.read() as session:
        read = session.revision

    assert (noted, second, read) == (first, first + 1, first + 1)


def test_what_raised_changed_nothing(store: Store) -> None:
    with store.read() as session:
        before = session.revision

    with pytest.raises(ZeroDivisionError), store.write() as session:
        session.zones.add_account(account())
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), store.note() as session:
        session.zones.add_account(account())
        raise ZeroDivisionError

    with store.read() as session:
        assert len(session.zones.accounts()) == 1
        assert session.revision == before


def test_a_conflict_in_the_middle_takes_back_what_was_before_it(store: Store) -> None:
    with pytest.raises(ConflictError), store.write() as session:
        here = default_zone(session)
        session.zones.add(zone(here.account_id, "one"))
        session.zones.add(zone(here.account_id, "one", id=identifier("two")))

    with store.read() as session:
        assert [one.name for one in session.zones.all()] == ["default"]


def test_a_reference_to_nothing_is_a_conflict(store: Store) -> None:
    with pytest.raises(ConflictError), store.write() as session:
        session.zones.add(zone(identifier("nobody")))


def test_a_reader_sees_one_moment(store: Store) -> None:
    with store.read() as reader:
        before = reader.revision
        assert len(reader.zones.all()) == 1
        with store.write() as writer:
            writer.zones.add(zone(default_zone(writer).account_id))
        assert len(reader.zones.all()) == 1
        assert len(reader.zones.accounts()) == 1

    with store.read() as reader:
        assert len(reader.zones.all()) == 2
        assert reader.revision == before + 1


def test_a_reader_does_not_see_what_is_not_committed(store: Store) -> None:
    with store.write() as writer:
        writer.zones.add(zone(default_zone(writer).account_id))
        with store.read() as reader:
            assert len(reader.zones.all()) == 1


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailableError), store.read() as session:
        session.zones.add_account(account())


def test_threads_that_write_take_revisions_one_after_the_other(store: Store) -> None:
    taken: list[int] = []
    errors: list[BaseException] = []

    def write(name: int) -> None:
        try:
            for number in range(10):
                with store.write() as session:
                    session.zones.add_account(account(f"{name}-{number}"))
                    revision = session.revision
                taken.append(revision)
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors
    assert sorted(taken) == list(range(2, 62))
    with store.read() as session:
        assert len(session.zones.accounts()) == 61


_WRITER = """
import sys
from pathlib import Path
from authz.store.engine import open_store
from tests.factories.stored import account

store = open_store(sys.argv[1], Path(sys.argv[2]))
for number in range(20):
    with store.write() as session:
        session.zones.add_account(account(f"{sys.argv[3]}-{number}"))
    print(session.revision)
"""


def test_processes_that_write_take_revisions_one_after_the_other(
    empty: Place, tmp_path: Path
) -> None:
    """Also while they make the tables, all at once."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, empty.database, str(tmp_path), name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in ("a", "b", "c")
    ]
    said = [writer.communicate(timeout=60) for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0, 0], [err for _, err in said]
    taken = sorted(int(line) for out, _ in said for line in out.split())
    assert taken == list(range(2, 62))
    for out, _ in said:
        own = [int(line) for line in out.split()]
        assert own == sorted(own)


def test_whoever_reads_after_a_revision_sees_all_before_it(store: Store) -> None:
    """A later revision is never seen without the earlier ones."""
    stop = threading.Event()
    wrong: list[tuple[int, int]] = []

    def look() -> None:
        while not stop.is_set():
            with store.read() as session:
                accounts = len(session.zones.accounts())
                if accounts != session.revision:
                    wrong.append((session.revision, accounts))

    def write(name: int) -> None:
        for number in range(15):
            with store.write() as session:
                session.zones.add_account(account(f"{name}-{number}"))

    reader = threading.Thread(target=look)
    writers = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    reader.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()

    assert not wrong


def test_a_commit_is_noticed_at_once(place: Place, store: Store) -> None:
    with closing(place.open()) as other, closing(store.watcher()) as watcher:
        assert watcher.wait(0.0) is False
        delays = []
        for number in range(5):
            committed: list[float] = []

            def commit(number: int = number, committed: list[float] = committed) -> None:
                with other.write() as session:
                    session.zones.add_account(account(f"new {number}"))
                committed.append(time.monotonic())

            thread = threading.Thread(target=commit)
            thread.start()
            assert watcher.wait(10.0) is True
            noticed = time.monotonic()
            thread.join()
            delays.append(noticed - committed[0])

        assert min(delays) < NOTICED_SECONDS
        assert max(delays) < NOTICED_SECONDS * PATIENCE


def test_a_commit_before_the_wait_is_noticed(store: Store) -> None:
    with closing(store.watcher()) as watcher:
        with store.write():
            pass

        assert watcher.wait(5.0) is True


def test_nothing_is_noticed_where_nothing_was_committed(store: Store) -> None:
    with closing(store.watcher()) as watcher:
        with store.read() as session:
            session.zones.all()

        assert watcher.wait(0.1) is False


@pytest.mark.postgres
def test_a_watcher_that_lost_its_connection_says_so_and_comes_back(
    postgres: Server, tmp_path: Path
) -> None:
    name = postgres.new_database()
    with (
        closing(open_store(postgres.address(name), tmp_path)) as store,
        closing(store.watcher()) as watcher,
    ):
        with psycopg.connect(postgres.address(name), autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'authz watcher' AND datname = current_database()"
            )
        with pytest.raises(StoreUnavailableError):
            watcher.wait(10.0)

        # Whatever was committed meanwhile, nobody was told.
        assert watcher.wait(10.0) is True
        assert watcher.wait(0.0) is False
        with store.write():
            pass
        assert watcher.wait(10.0) is True
    postgres.drop(name)


def test_a_watcher_notices_another_file_in_the_place_of_the_first(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    open_store("sqlite", other).close()
    with (
        closing(open_store("sqlite", data)) as store,
        closing(store.watcher()) as watcher,
    ):
        (other / "authz.db").replace(data / "authz.db")

        assert watcher.wait(5.0) is True
        assert watcher.wait(0.0) is False


def test_a_watcher_of_a_file_that_is_gone_says_so_and_comes_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        closing(open_store("sqlite", data)) as store,
        closing(store.watcher()) as watcher,
    ):
        (data / "authz.db").rename(data / "away.db")
        with pytest.raises(StoreUnavailableError):
            watcher.wait(5.0)
        (data / "away.db").rename(data / "authz.db")

        assert watcher.wait(5.0) is True
        assert watcher.wait(0.0) is False


@pytest.mark.postgres
def test_waiting_longer_than_for_an_answer_is_no_fault(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = postgres.new_database()
    with closing(open_store(postgres.address(name), tmp_path)) as store:
        monkeypatch.setattr(bounded.BoundedConnection, "seconds", 2.0)
        with closing(store.watcher()) as watcher:
            assert watcher.wait(3.0) is False
    postgres.drop(name)
