# SPDX-License-Identifier: Apache-2.0
"""Three times as much as can be answered: how much of it is still answered in time.

    python benchmarks/overload.py            each transport, figures only
    python benchmarks/overload.py --check    1 when one keeps less than 0.8

The peak is what a client gets that sends the next check when it has an answer. Then checks are sent
at one and at three times that rate, whatever the answers do, as Envoy sends them: each is given up
after 0.5 s, and no more are on their way than the shipped circuit breaker lets through. What counts
is what was allowed in time (goodput); an answer that is neither the right one, nor `overloaded`,
nor too late, is wrong.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

# The directory of a script comes first by itself; its modules are to be found as benchmarks.NAME.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from authz.envoy.options import MOST_CHECKS, MOST_CHECKS_GRPCIO
from benchmarks import goload, machine
from benchmarks.figures import BenchError
from benchmarks.messages import check_for, write_bodies
from benchmarks.plan import workshop
from benchmarks.policies import full_policy, make_authority
from benchmarks.servers import start_ours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.servers import Server

#: The share of the peak that is to be left at three times the peak.
LIMIT: Final = 0.8
#: What Envoy's shipped filter waits, in seconds.
TIMEOUT: Final = 0.5
#: And how many checks it has on their way.
BREAKER: Final = {"native": MOST_CHECKS, "grpcio": MOST_CHECKS_GRPCIO}
TIMES: Final = (1.0, 3.0)


def main(arguments: Sequence[str]) -> int:
    """Measure both transports, print a table, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    kept: dict[str, float] = {}
    with workshop() as (directory, children):
        authority = make_authority(directory)
        bodies = write_bodies(directory / "body", [check_for(authority.client)])
        policy = full_policy(directory / "policy.yaml", authority)
        for transport in ("native", "grpcio"):
            server = start_ours(children, directory, policy, transport, transport=transport)
            ratios = [_round(server, bodies, options.seconds) for _ in range(options.rounds)]
            kept[transport] = statistics.median(ratios)
            server.child.stop()
    print(f"\n{machine.one_line()}")
    for transport, ratio in kept.items():
        print(f"{transport}: {ratio:.2f} of its peak at three times the peak (median)")
    return int(options.check and min(kept.values()) < LIMIT)


def _round(server: Server, bodies: Path, seconds: float) -> float:
    """One peak, and what is left of it at the highest rate.

    Raises:
        BenchError: an answer was wrong.
    """
    peak = goload.checks(server.address, bodies, seconds).per_second
    good = peak
    print(f"{server.name}: peak {peak:,.0f}/s", flush=True)
    for times in TIMES:
        load = goload.overload(
            server.address,
            bodies,
            seconds,
            peak * times,
            timeout=TIMEOUT,
            breaker=BREAKER[server.name],
        )
        good = load.requests / seconds
        print(
            f"  at {times:g} x: {good:,.0f}/s in time ({good / peak:.2f}), "
            f"{load.refused / seconds:,.0f}/s refused by the breaker, "
            f"{load.shed / seconds:,.0f}/s shed, {load.late / seconds:,.0f}/s late, "
            f"p99 {load.p99:.0f} ms",
            flush=True,
        )
    return good / peak


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        sys.exit(str(error))
