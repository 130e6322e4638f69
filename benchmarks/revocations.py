# SPDX-License-Identifier: Apache-2.0
"""From the commit of a revocation to the first check that is answered by it, on one node.

    python benchmarks/revocations.py [--check] [--count N] [--quick]

Starts the real command over a store, on SQLite and on PostgreSQL (where one is installed), with one
worker and with two, and revokes and restores a certificate N times. The clock starts when the
commit has returned; checks are asked for over gRPC without a pause, of one worker after the other,
and it stops when each has answered anew. The host has `REVOKED` other revoked certificates.

With --check, exit status 1 when the 99th percentile of a form is beyond the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.factories.populated import check_of
from tests.factories.postgres import binaries, running_server
from tests.integration.stores import ALLOWED, DENIED, Asker, StoreNode, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS = 0.5
COUNT = 200
#: Serial numbers that are revoked before: more than stay unpacked.
REVOKED = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Seconds: of every change from commit to enforcement, and of every publication within."""

    form: str
    seconds: list[float]
    publishing: list[float]

    def percentile(self, share: float) -> float:
        """Of the changes."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextlib.contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Addresses of the databases to measure, by what to call them."""
    if binaries() is None:
        print("PostgreSQL: not installed, not measured")
        yield {"SQLite": "sqlite"}
        return
    with running_server() as server:
        yield {"SQLite": "sqlite", "PostgreSQL": server.address(server.new_database())}


def measure(database: str, form: str, workers: int, count: int) -> Result:
    """Revoke and restore, `count` changes in all."""
    with tempfile.TemporaryDirectory() as directory:
        return _measure(Path(directory), database, form, workers, count)


def _measure(directory: Path, database: str, form: str, workers: int, count: int) -> Result:
    world = world_of(database, directory / "data")
    with world.store.read() as session:
        known = session.authorities.all()[0]
    for serial in range(1, REVOKED + 1):
        if serial > count * 10:
            break
        world.revoke_serial(serial << 64, known.name)
    issued = world.issue(form)
    check = check_of(issued)
    options = ("--workers", str(workers), *(("--port-per-worker",) if workers > 1 else ()))
    node = StoreNode(directory, *options, database=database)
    try:
        node.until_serving()
        askers = [Asker(address) for address in node.addresses]
        for one in askers:
            one.seconds_until(check, ALLOWED)
        seconds = []
        for number in range(count):
            if number % 2 == 0:
                world.revoke(issued)
            else:
                world.restore(issued)
            began = time.monotonic()
            for one in askers:
                one.seconds_until(check, ALLOWED if number % 2 else DENIED)
            seconds.append(time.monotonic() - began)
        publishing = [line["seconds"] for line in node.events("published")[1:]]
        for one in askers:
            one.close()
    finally:
        node.destroy()
        world.store.close()
    return Result(form=form, seconds=seconds, publishing=publishing)


def main() -> int:
    """Measure every form, print a table, and say whether the limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail beyond the limit")
    parser.add_argument("--count", type=int, default=COUNT, help=f"changes (default {COUNT})")
    parser.add_argument("--quick", action="store_true", help="a few changes: shows that it works")
    given = parser.parse_args()
    count = 4 if given.quick else given.count
    results = []
    with databases() as some:
        print(f"commit to enforcement, {count} changes each, milliseconds")
        print(f"{'':24}{'p50':>8}{'p99':>8}{'worst':>8}{'publishing p50':>18}")
        for name, database in some.items():
            for workers in (1, 2):
                form = f"{name}, {workers} worker{'s' if workers > 1 else ''}"
                result = measure(database, form, workers, count)
                results.append(result)
                times = (result.percentile(0.5), result.percentile(0.99), max(result.seconds))
                shown = "".join(f"{1000 * one:8.1f}" for one in times)
                publishing = 1000 * statistics.median(result.publishing or [0.0])
                print(f"{form:24}{shown}{publishing:18.1f}", flush=True)
    slow = [one.form for one in results if one.percentile(0.99) > LIMIT_SECONDS]
    print(f"limit: p99 at most {1000 * LIMIT_SECONDS:g} ms: {', '.join(slow) or 'kept'}")
    return 1 if given.check and slow else 0


if __name__ == "__main__":
    sys.exit(main())
