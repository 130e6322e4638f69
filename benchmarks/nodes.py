# SPDX-License-Identifier: Apache-2.0
"""Several nodes on one PostgreSQL: from a commit to the last node's enforcement, and what a node
costs the database.

    python benchmarks/nodes.py [--check] [--count N] [--nodes 2,4] [--quick] [--output FILE]

Starts real nodes on loopback, each with a worker and a data directory of its own, and revokes and
restores a certificate N times. The clock starts when the commit has returned and stops when the
last node has answered anew; nodes are asked without a pause, one after the other. Then nobody
changes anything for some seconds, and what the nodes ask the database meanwhile is counted by it.

With --check, exit status 1 when the 99th percentile of a number of nodes is beyond the limit. With
--output, the figures are written for docs/explanation/scale.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
import psycopg

from authz.store.engine import open_store
from benchmarks import store as certificates
from benchmarks.machine import describe, one_line
from tests.factories.populated import check_of
from tests.factories.postgres import Server, running_server
from tests.integration.stores import ALLOWED, DENIED, Asker, StoreNode, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT_SECONDS: Final = 2.0
COUNT: Final = 200
NODES: Final = (2, 4)
#: For how long nobody changes anything.
IDLE_SECONDS: Final = 10.0
#: Certificates whose room in the database is measured.
CERTIFICATES: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured with so many nodes; times in milliseconds.

    Of one node: `idle_statements` transactions a second while nothing changes, `idle_database_ms`
    of processor time of PostgreSQL for them, each second; `connections`; `control_mb` what its
    control process holds; `change_ms` processor time of its control process for each change,
    `change_statements` and `change_database_ms` the database's for it, with those of who changes.
    """

    nodes: int
    changes: int
    p50: float
    p99: float
    worst: float
    idle_statements: float
    idle_database_ms: float
    connections: float
    control_mb: float
    change_ms: float
    change_statements: float
    change_database_ms: float
    snapshot_bytes: int


class _Database:
    """What PostgreSQL says of itself, over a connection that is not counted."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._connection = psycopg.connect(server.address("postgres"), autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def transactions(self) -> int:
        return int(
            self._ask("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s")
        )

    def connections(self) -> int:
        return int(self._ask("SELECT count(*) FROM pg_stat_activity WHERE datname = %s"))

    def size(self) -> int:
        return int(self._ask("SELECT pg_database_size(%s)"))

    def processor_seconds(self) -> float:
        """Of all of its processes that are there."""
        seconds = 0.0
        for one in psutil.Process(self._server.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                seconds += times.user + times.system
        return seconds

    def _ask(self, query: Any) -> Any:
        row = self._connection.execute(query, [self._name]).fetchone()
        assert row is not None
        return row[0]


@contextlib.contextmanager
def running(directory: Path, database: str, count: int) -> Iterator[list[StoreNode]]:
    """So many nodes, until the end of the block."""
    nodes: list[StoreNode] = []
    try:
        for number in range(count):
            nodes.append(StoreNode(directory / f"node{number}", database=database))
            nodes[-1].until_serving()
        yield nodes
    finally:
        for one in nodes:
            one.destroy()


def measure(server: Server, count: int, changes: int, idle_seconds: float) -> Result:
    """Start `count` nodes, change so often, and look at what it cost."""
    name = server.new_database()
    address = server.address(name)
    database = _Database(server, name)
    with tempfile.TemporaryDirectory() as directory:
        world = world_of(address, Path(directory) / "world")
        issued = world.issue("alice")
        check = check_of(issued)
        with running(Path(directory), address, count) as nodes:
            askers = [Asker(node.addresses[0]) for node in nodes]
            for asker in askers:
                asker.seconds_until(check, ALLOWED)
            before = _cost(database, nodes)
            seconds = []
            for number in range(changes):
                if number % 2 == 0:
                    world.revoke(issued)
                else:
                    world.restore(issued)
                began = time.monotonic()
                for asker in askers:
                    asker.seconds_until(check, ALLOWED if number % 2 else DENIED)
                seconds.append(time.monotonic() - began)
            after = _cost(database, nodes)
            # So that its connections are not counted as those of nodes.
            world.store.close()
            idle = _idle(database, nodes, idle_seconds)
            controls = [one for node in nodes if (one := node.control()) is not None]
            snapshot = max(
                (nodes[0].data / "snapshots").glob("*"), key=lambda one: one.stat().st_mtime
            )
            result = Result(
                nodes=count,
                changes=changes,
                p50=1000 * _percentile(seconds, 0.5),
                p99=1000 * _percentile(seconds, 0.99),
                worst=1000 * max(seconds),
                idle_statements=idle[0] / idle_seconds / count,
                idle_database_ms=1000 * idle[1] / idle_seconds / count,
                connections=database.connections() / count,
                control_mb=max(one.memory_info().rss for one in controls) / 1e6,
                change_ms=1000 * (after[2] - before[2]) / changes / count,
                change_statements=(after[0] - before[0]) / changes / count,
                change_database_ms=1000 * (after[1] - before[1]) / changes / count,
                snapshot_bytes=snapshot.stat().st_size,
            )
            for asker in askers:
                asker.close()
    database.close()
    server.drop(name)
    return result


def _cost(database: _Database, nodes: Sequence[StoreNode]) -> tuple[int, float, float]:
    """Transactions, processor seconds of the database, and of all control processes."""
    used = 0.0
    for node in nodes:
        control = node.control()
        assert control is not None
        times = control.cpu_times()
        used += times.user + times.system
    return database.transactions(), database.processor_seconds(), used


def _idle(database: _Database, nodes: Sequence[StoreNode], seconds: float) -> tuple[int, float]:
    before = _cost(database, nodes)
    time.sleep(seconds)
    after = _cost(database, nodes)
    return after[0] - before[0], after[1] - before[1]


def bytes_of_a_certificate(server: Server, count: int) -> float:
    """What a client certificate takes in PostgreSQL, its indexes and all."""
    name = server.new_database()
    database = _Database(server, name)
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(server.address(name), Path(directory))
        empty = database.size()
        certificates.fill(store, count)
        store.close()
        size = database.size()
    database.close()
    server.drop(name)
    return (size - empty) / count


def _percentile(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> int:
    """Measure, print a table, and say whether the limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="fail beyond the limit")
    parser.add_argument("--count", type=int, default=COUNT, help=f"changes (default {COUNT})")
    parser.add_argument("--nodes", default=",".join(map(str, NODES)), help="how many of them")
    parser.add_argument("--quick", action="store_true", help="a few changes: shows that it works")
    parser.add_argument("--output", type=Path, help="write the figures there")
    given = parser.parse_args()
    changes = 4 if given.quick else given.count
    # Before it begins: what others do.
    load = os.getloadavg()[0]
    idle = 1.0 if given.quick else IDLE_SECONDS
    results = []
    print(f"{one_line()}\ncommit to the last node's enforcement, {changes} changes each")
    print(
        f"{'nodes':>6}{'p50 ms':>9}{'p99 ms':>9}{'worst ms':>10}{'idle tx/s':>11}{'control ms':>12}"
    )
    with running_server() as server:
        for count in map(int, given.nodes.split(",")):
            one = measure(server, count, changes, idle)
            results.append(one)
            print(
                f"{one.nodes:6}{one.p50:9.1f}{one.p99:9.1f}{one.worst:10.1f}"
                f"{one.idle_statements:11.2f}{one.change_ms:12.1f}",
                flush=True,
            )
        size = bytes_of_a_certificate(server, 200 if given.quick else CERTIFICATES)
        print(f"{size:,.0f} bytes a certificate in PostgreSQL")
    if given.output:
        written = {
            **describe(),
            "load": round(load, 1),
            "certificate_bytes": size,
            "nodes": list(map(asdict, results)),
        }
        given.output.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    slow = [str(one.nodes) for one in results if one.p99 > 1000 * LIMIT_SECONDS]
    print(f"limit: p99 at most {LIMIT_SECONDS:g} s: {', '.join(slow) or 'kept'}")
    return 1 if given.check and slow else 0


if __name__ == "__main__":
    sys.exit(main())
