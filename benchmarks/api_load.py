# SPDX-License-Identifier: Apache-2.0
"""500 writers and readers of the management API for a minute, and checks at a fixed rate meanwhile.

    python benchmarks/api_load.py [--check] [--clients N] [--seconds S] [--quick]

Starts the real command over a store, on SQLite and on PostgreSQL (where one is installed), and has
half of the clients write (rules, hosts, lists, certificates, tokens) and half read, as fast as they
are answered. Checks are sent at CHECKS a second, and timed from the moment that each was due: one
that had to wait for another counts as slow.

With --check, exit status 1 on any answer of 500 or more, lost update, broken connection, or check
that was not answered as it should be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.api_clients import Outcome, Target, run_clients
from benchmarks.revocations import databases
from tests.factories.populated import check_of
from tests.integration.stores import ALLOWED, Asker, StoreNode, world_of

CLIENTS: Final = 500
SECONDS: Final = 60.0
#: A second.
CHECKS: Final = 200


@dataclass(slots=True, kw_only=True)
class Checks:
    """Checks that were asked at a fixed rate: seconds of each, and how many went wrong."""

    seconds: list[float] = field(default_factory=list)
    wrong: int = 0

    def percentile(self, share: float) -> float:
        """Of the seconds."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ask_steadily(address: str, check: bytes, ended: threading.Event) -> Checks:
    """Ask until it has ended."""
    asker, checks = Asker(address), Checks()
    asker.seconds_until(check, ALLOWED)
    began, number = time.monotonic(), 0
    while not ended.is_set():
        due = began + number / CHECKS
        time.sleep(max(0.0, due - time.monotonic()))
        if asker.ask(check) != ALLOWED:
            checks.wrong += 1
        checks.seconds.append(time.monotonic() - due)
        number += 1
    asker.close()
    return checks


def measure(database: str, clients: int, seconds: float) -> tuple[Outcome, Checks]:
    """One store."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        world = world_of(database, data)
        secret = data / "ca.key"
        # By which the authority was made.
        secret.write_bytes(bytes(range(32)))
        secret.chmod(0o600)
        check = check_of(world.issue("checked"))
        with world.store.read() as session:
            account = session.zones.accounts()[0].id
        node = StoreNode(Path(directory), "--admin", "127.0.0.1:0", database=database)
        try:
            node.until_serving()
            # Its path is logged when the first token is there.
            first = node.until_logged("the first token is in a file")["file"]
            host, _, port = node.events("serving")[0]["admin"].rpartition(":")
            token = Path(first).read_text(encoding="ascii").strip()
            target = Target(host=host, port=int(port), token=token)
            ended = threading.Event()
            found: list[Checks] = []
            asking = threading.Thread(
                target=lambda: found.append(ask_steadily(node.addresses[0], check, ended))
            )
            asking.start()
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                outcome = pool.apply(run_clients, (target, account, clients, seconds))
            ended.set()
            asking.join()
        finally:
            node.destroy()
            world.store.close()
    return outcome, found[0]


def told(name: str, outcome: Outcome, checks: Checks, seconds: float) -> bool:
    """Print what came of it; whether all was as it should be."""
    calls = sorted(outcome.seconds)
    failed = sum(n for key, n in outcome.answers.items() if int(key.rpartition(" ")[2]) >= 500)
    refused = len(outcome.failures)
    half, most = (1000 * calls[int(len(calls) * share)] for share in (0.5, 0.99))
    print(
        f"{name}: {len(calls)} calls, {len(calls) / seconds:.0f} a second, "
        f"p50 {half:.0f} ms, p99 {most:.0f} ms"
    )
    for key, count in sorted(outcome.answers.items()):
        print(f"  {key}: {count}")
    print(f"  answers of 500 and more: {failed}; refused, or no answer: {refused}")
    for text in outcome.failures[:5]:
        print(f"    {text}")
    print(f"  acknowledged and compared: {outcome.kept}; lost: {len(outcome.lost)}")
    for text in outcome.lost[:5]:
        print(f"    {text}")
    print(
        f"  checks meanwhile: {len(checks.seconds)} at {CHECKS} a second, wrong {checks.wrong}, "
        f"p50 {1000 * checks.percentile(0.5):.1f} ms, p99 {1000 * checks.percentile(0.99):.1f} ms, "
        f"worst {1000 * max(checks.seconds):.1f} ms",
        flush=True,
    )
    return not (failed or refused or outcome.lost or checks.wrong)


def main() -> int:
    """Measure both stores, print, and say whether all was as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when anything went wrong")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--quick", action="store_true", help="a few: shows that it works")
    given = parser.parse_args()
    clients, seconds = (20, 2.0) if given.quick else (given.clients, given.seconds)
    print(f"{clients} clients of the API for {seconds:g} s, half of them write")
    fine = True
    with databases() as some:
        for name, database in some.items():
            fine &= told(name, *measure(database, clients, seconds), seconds)
    print("no answer of 500, no lost update, no wrong check: " + ("kept" if fine else "NOT KEPT"))
    return 1 if given.check and not fine else 0


if __name__ == "__main__":
    sys.exit(main())
