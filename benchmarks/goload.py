# SPDX-License-Identifier: Apache-2.0
"""Load from the Go client in benchmarks/peers/go: bodies in turn, TLS, rates, every answer read.

The client ends with an error when one answer was not what it should be, so a figure that comes
from here was made of right answers.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.cores import CLIENT, on_core
from benchmarks.figures import BenchError, BenchTimeoutError
from benchmarks.peers import go

if TYPE_CHECKING:
    from pathlib import Path

#: Beyond the time it is to send: the client's own limit is 20 s.
_PATIENCE: Final = 40.0
#: Its exit status when answers did not come in time.
_LATE: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run did; latencies in milliseconds, from when each request was due.

    With a time limit, `requests` are those that were allowed in time; `shed` were told that it is
    too much, `late` had no answer when the client gave up, and `refused` were not sent at all.
    """

    requests: int
    per_second: float
    p50: float
    p99: float
    p999: float
    shed: int = 0
    late: int = 0
    refused: int = 0


def run(target: str, seconds: float, *options: str, rate: float = 0.0) -> Load:
    """Send for `seconds`, as much as goes or at `rate`.

    Raises:
        NoGoError: there is no Go to build the client with.
        BenchTimeoutError: answers did not come in time.
        BenchError: the client failed, or an answer was wrong.
    """
    program = go.program("load")
    command = [str(program), "-target", target, "-seconds", str(seconds), "-rate", str(rate)]
    try:
        with on_core(CLIENT):
            done = subprocess.run(
                [*command, *options],
                capture_output=True,
                text=True,
                timeout=seconds + _PATIENCE,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise BenchTimeoutError(
            f"the load client was not done in {seconds + _PATIENCE:g} s"
        ) from error
    if done.returncode == _LATE:
        raise BenchTimeoutError(f"the load client: {done.stderr.strip()}")
    if done.returncode != 0:
        raise BenchError(f"the load client: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return Load(
        requests=report["requests"],
        per_second=report["per_second"],
        p50=report["p50"] / 1e3,
        p99=report["p99"] / 1e3,
        p999=report["p999"] / 1e3,
        shed=report["shed"],
        late=report["late"],
        refused=report["refused"],
    )


def checks(address: str, bodies: Path, seconds: float, rate: float = 0.0, first: int = 0) -> Load:
    """Checks to a gRPC server, all of which are to be allowed; `first` of the bodies begins."""
    return run(address, seconds, "-bodies", str(bodies), "-first", str(first), rate=rate)


def overload(
    address: str, bodies: Path, seconds: float, rate: float, *, timeout: float, breaker: int
) -> Load:
    """Checks at a rate that may be too much, as Envoy sends them.

    Each is given up after `timeout` seconds, and what is beyond `breaker` on their way is refused.
    """
    limits = ("-timeout", f"{timeout * 1000:.0f}ms", "-breaker", str(breaker))
    return run(address, seconds, "-bodies", str(bodies), *limits, rate=rate)
