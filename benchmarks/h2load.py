# SPDX-License-Identifier: Apache-2.0
"""Load from h2load: as many checks as a server answers, over 4 connections of 16 streams.

h2load reports HTTP, not gRPC: an error in the trailers would be a success to it. So the bytes of
all answers are counted against what right answers have (servers.Server.answer); a denial, an
error and a missing answer each have another length.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.extauthz.transport import CHECK
from benchmarks.cores import CLIENT, on_core
from benchmarks.figures import BenchError, BenchTimeoutError

if TYPE_CHECKING:
    from pathlib import Path

CONNECTIONS: Final = 4
STREAMS: Final = 16
#: No run is planned for longer than a few seconds.
PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run did."""

    requests: int
    seconds: float
    data_bytes: int

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def command(address: str, body: Path, requests: int, connections: int = CONNECTIONS) -> list[str]:
    """The h2load command line for `requests` checks."""
    return [
        *(_program(), "-n", str(requests), "-c", str(connections), "-m", str(STREAMS)),
        *("-t", "1", "-d", str(body)),
        *("-H", "content-type: application/grpc", "-H", "te: trailers"),
        f"http://{address}{CHECK}",
    ]


def run(
    address: str,
    body: Path,
    requests: int,
    connections: int = CONNECTIONS,
    *,
    pinned: bool = True,
) -> Load:
    """Send `requests` checks to a server and wait for all answers.

    Raises:
        BenchTimeoutError: it took too long.
        BenchError: h2load is missing or failed, or requests failed.
    """
    with on_core(CLIENT) if pinned else contextlib.nullcontext():
        try:
            done = subprocess.run(
                command(address, body, requests, connections),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchTimeoutError(f"h2load was not done after {PATIENCE:g} s") from error
    if done.returncode != 0:
        raise BenchError(f"h2load ended with {done.returncode}: {done.stdout}{done.stderr}")
    return parse(done.stdout, requests)


def parse(output: str, requests: int) -> Load:
    """Read h2load's report.

    Raises:
        BenchError: it is not one, or not every request succeeded.
    """
    finished = re.search(r"finished in ([\d.]+)(us|ms|s|m),", output)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output)
    data = re.search(r"traffic: .*\((\d+)\) data", output)
    if finished is None or counts is None or data is None:
        raise BenchError(f"not a report of h2load:\n{output}")
    succeeded, *others = map(int, counts.groups())
    if succeeded != requests or any(others):
        raise BenchError(f"of {requests} requests not all succeeded: {counts[0]}")
    seconds = float(finished[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[finished[2]]
    return Load(requests=requests, seconds=seconds, data_bytes=int(data[1]))


def _program() -> str:
    found = shutil.which("h2load")
    if found is None:
        raise BenchError("no h2load: install nghttp2 (Debian: apt-get install nghttp2-client)")
    return found
