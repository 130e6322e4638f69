# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments: what was acknowledged is there, all else is whole or not at all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from authz.errors import StoreUnavailableError
from authz.store.checking import check
from authz.store.engine import Store, open_store
from tests.factories.postgres import Server, running_server
from tests.factories.stored import authority_certificate, default_zone, with_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.conftest import Place

#: Parts of a write: all of them are there, or none.
PARTS = 4

_WRITER = """
import sys
from pathlib import Path
from authz.store.engine import open_store
from authz.store.records import CertificateStatus, Revocation
from tests.contract.test_store_killed import write

store = open_store(sys.argv[1], Path(sys.argv[2]), create=False)
number = int(sys.argv[3])
print("ready", flush=True)
while True:
    write(store, number)
    print(number, flush=True)
    number += 1
"""


def write(store: Store, number: int) -> None:
    """A transaction of several tables: PARTS certificates, the first of them revoked."""
    from authz.store.records import CertificateStatus, Revocation
    from tests.factories.pki import AT
    from tests.factories.stored import certificate

    with store.write() as session:
        zone = default_zone(session)
        of = session.authorities.all()[0]
        for part in range(PARTS):
            session.certificates.add(certificate(of, zone.id, number * PARTS + part + 1))
        first = session.certificates.by_serial(of.id, f"{number * PARTS + 1:X}")
        assert first is not None
        session.certificates.set_status(
            first, CertificateStatus.REVOKED, revoked_at=AT, reason="superseded"
        )
        session.revocations.add(
            Revocation(authority_id=of.id, serial=first.serial, revoked_at=AT, reason="superseded")
        )


def _prepare(store: Store) -> None:
    with store.write() as session:
        _, of = with_authority(session)
        session.authorities.add_certificate(authority_certificate(of.id, role="trusted"))


class Writer:
    """A process that writes until it is killed."""

    def __init__(self, database: str, data_dir: Path, first: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, database, str(data_dir), str(first)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self.process.stdout is not None
        self._out = self.process.stdout
        assert self._out.readline() == "ready\n"

    def acknowledged(self, many: int) -> list[int]:
        """The next numbers that it says it has written."""
        return [int(self._out.readline()) for _ in range(many)]

    def rest(self) -> list[int]:
        """What it said before its end."""
        out, _ = self.process.communicate(timeout=60)
        return [int(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]


def _written(store: Store) -> set[int]:
    """The numbers of the writes that are there; each is whole."""
    with store.read() as session:
        of = session.authorities.all()[0]
        serials = [int(row.serial, 16) - 1 for row in session._connection.execute(_serials())]
        revoked = {serial - 1 for serial in session.revocations.serials(of.id)}
        changes = session.revocations.changes_after(0) or []
        numbers = {serial // PARTS for serial in serials}
        assert sorted(serials) == sorted(
            number * PARTS + part for number in numbers for part in range(PARTS)
        )
        assert revoked == {number * PARTS for number in numbers}
        assert [int(one.serial, 16) - 1 for one in changes] == sorted(revoked)
        # The first two revisions made the store and its authority.
        assert session.revision == 2 + len(numbers)
    return numbers


def _serials() -> object:
    from sqlalchemy import select

    from authz.store.tables import client_certificates

    return select(client_certificates.c.serial)


def _kill_writers(place: Place, writes: int, dice: random.Random) -> None:
    acknowledged: list[int] = []
    kills = 0
    with closing(place.open()) as store:
        _prepare(store)
        while len(acknowledged) < writes:
            writer = Writer(place.database, place.data_dir, _next(store))
            said = writer.acknowledged(dice.randrange(1, 15))
            # In the middle of whatever it does now.
            end = time.monotonic() + dice.random() * 0.01
            while time.monotonic() < end:
                pass
            writer.process.kill()
            acknowledged += said + writer.rest()

            there = _written(store)
            assert set(acknowledged) <= there
            # One that was committed while nobody could be told any more, for each kill.
            kills += 1
            assert len(there - set(acknowledged)) <= kills
        assert check(store) == []


def _next(store: Store) -> int:
    return max(_written(store), default=-1) + 1


def test_a_writer_that_is_killed(place: Place) -> None:
    _kill_writers(place, 25, random.Random(11))


@pytest.mark.acceptance
def test_a_writer_that_is_killed_a_thousand_writes(place: Place) -> None:
    _kill_writers(place, 1_000, random.Random(12))


@pytest.fixture
def durable() -> Iterator[Server]:
    """A server that writes to disk before it says so."""
    with running_server() as server:
        yield server


def _kill_server(server: Server, tmp_path: Path, writes: int, dice: random.Random) -> None:
    name = server.new_database()
    address = server.address(name)
    acknowledged: list[int] = []
    with closing(open_store(address, tmp_path)) as store:
        _prepare(store)
        while len(acknowledged) < writes:
            writer = Writer(address, tmp_path, _next(store))
            said = writer.acknowledged(
                dice.randrange(3, 30) if writes > 100 else dice.randrange(2, 9)
            )
            if dice.random() < 0.5:
                server.kill()
            else:
                server.stop()
            acknowledged += said + writer.rest()
            assert writer.process.returncode == 1
            with pytest.raises(StoreUnavailableError):
                _written(store)

            server.restart_killed()
            there = _written(store)
            assert set(acknowledged) <= there
        assert check(store) == []


@pytest.mark.postgres
def test_a_server_that_is_killed(postgres: Server, durable: Server, tmp_path: Path) -> None:
    _kill_server(durable, tmp_path, 20, random.Random(13))


@pytest.mark.postgres
@pytest.mark.acceptance
def test_a_server_that_is_killed_a_thousand_writes(
    postgres: Server, durable: Server, tmp_path: Path
) -> None:
    _kill_server(durable, tmp_path, 1_000, random.Random(14))


def test_a_writer_that_is_stopped_for_good_keeps_nobody(place: Place) -> None:
    """Killed while it holds the transaction open."""
    program = _WRITER.replace(
        "while True:",
        "with store.write() as session:\n"
        "    print('holding', flush=True)\n"
        "    sys.stdin.read()\n"
        "while True:",
    )
    with closing(place.open()) as store:
        _prepare(store)
        holder = subprocess.Popen(
            [sys.executable, "-c", program, place.database, str(place.data_dir), "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        with holder:
            assert holder.stdout is not None
            assert [holder.stdout.readline() for _ in range(2)] == ["ready\n", "holding\n"]
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            write(store, 0)
        assert _written(store) == {0}
