# SPDX-License-Identifier: Apache-2.0
"""A node over a million client certificates and a million revoked serial numbers.

    python benchmarks/million_node.py [--check] [--certificates N]

Fills a store (benchmarks/store.py), starts the real command over it for the first time, then again,
and revokes and restores a certificate meanwhile. Prints how long it takes until the node is ready,
from commit to enforcement, and how large its processes are. With --check, exit status 1 beyond a
limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.store import fill_authority
from tests.factories.populated import check_of
from tests.integration.stores import ALLOWED, DENIED, Asker, StoreNode, world_of

#: From the start of the command to readiness, with a snapshot of before.
READY_SECONDS: Final = 5.0
#: From a commit to its enforcement, 99th percentile.
ENFORCED_SECONDS: Final = 0.5

CHANGES: Final = 100


def main() -> int:
    """Measure, print, and say whether the limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail beyond a limit")
    parser.add_argument("--certificates", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        kept = measure(Path(directory), given.certificates)
    return 1 if given.check and not kept else 0


def measure(directory: Path, certificates: int) -> bool:
    """Print the figures; whether they are within the limits."""
    world = world_of("sqlite", directory / "data")
    with world.store.read() as session:
        authority = session.authorities.all()[0]
    began = time.perf_counter()
    fill_authority(world.store, authority, certificates)
    print(f"{certificates:,} certificates and revocations, filled in {_since(began):.0f} s")
    issued = world.issue("one of them")
    check = check_of(issued)

    node, first = _started(directory)
    print(f"first start to ready: {first:.2f} s (everything is read)")
    asker = Asker(node.addresses[0])
    asker.seconds_until(check, ALLOWED)
    seconds: list[float] = []
    for number in range(CHANGES):
        change = world.restore if number % 2 else world.revoke
        change(issued)
        began = time.perf_counter()
        asker.seconds_until(check, ALLOWED if number % 2 else DENIED)
        seconds.append(_since(began))
    seconds.sort()
    publishing = sorted(line["seconds"] for line in node.events("published")[1:])
    print(
        f"commit to enforcement, {CHANGES} changes: p50 {1000 * seconds[CHANGES // 2]:.1f}, "
        f"p99 {1000 * seconds[int(CHANGES * 0.99)]:.1f} ms "
        f"(publishing p50 {1000 * publishing[len(publishing) // 2]:.1f} ms)"
    )
    for process in psutil.Process(node.process.pid).children(recursive=True):
        size = process.memory_info().rss / 2**20
        print(f"{process.cmdline()[-2].rpartition('.')[2]}: {size:.0f} MB resident")
    world.revoke(issued)
    asker.close()
    node.destroy()
    node, again = _started(directory)
    print(f"restart to ready: {again:.2f} s")
    asker = Asker(node.addresses[0])
    refused = asker.ask(check) == DENIED
    print(f"revoked before the restart: {'refused' if refused else 'ALLOWED'}")
    asker.close()
    node.destroy()
    world.store.close()
    kept = again <= READY_SECONDS and seconds[int(CHANGES * 0.99)] <= ENFORCED_SECONDS and refused
    print(
        f"limits: {READY_SECONDS:g} s, {1000 * ENFORCED_SECONDS:g} ms: {'kept' if kept else 'NOT'}"
    )
    return kept


def _started(directory: Path) -> tuple[StoreNode, float]:
    """A node that serves, and how long that took."""
    began = time.perf_counter()
    node = StoreNode(directory)
    node.until_serving()
    return node, _since(began)


def _since(began: float) -> float:
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
