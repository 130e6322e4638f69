# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: `authz serve` as an operator runs it, and those that allow all.

Each is started on the servers' core, asked once over grpcio, and known by what a right answer of
its looks like. `saturate` is the measurement: answers a second, all of them right.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import grpc
import psutil

from authz.demo.stack import Authz, start_authz
from authz.extauthz.transport import CHECK
from authz.extauthz.transport.native import _IO_THREADS
from authz.pb.ext_authz_pb2 import CheckResponse
from benchmarks import goload, h2load
from benchmarks.cores import PINNED, SERVER, on_core
from benchmarks.figures import QUIET_SHARE, BenchError, BenchTimeoutError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from authz.demo.processes import Child, Children

#: What makes the native peer's transport the same as ours.
AS_OURS: Final = ("--io-threads", str(_IO_THREADS), "--details")
_PEERS: Final = Path(__file__).parent / "peers"
_FRAME: Final = 5
_FIRST: Final = 500
_PATIENCE: Final = 20.0


class _Patience:
    """How often a measurement is made when other programs are on the server's core.

    On a machine that stays busy, trying again and again only takes time.
    """

    def __init__(self) -> None:
        self._in_vain = 0

    @property
    def attempts(self) -> int:
        """At most this many now."""
        return 3 if self._in_vain < 4 else 1

    def saw(self, best: Sample) -> None:
        """Learn from what came of them."""
        self._in_vain = self._in_vain + 1 if best.share < QUIET_SHARE else 0


_patience: Final = _Patience()


class Answered(Protocol):
    """What a load client reports: h2load.Load, goload.Load."""

    @property
    def requests(self) -> int: ...
    @property
    def per_second(self) -> float: ...


@dataclass(slots=True, kw_only=True)
class Server:
    """A running server; `authz` is set when it is ours and counts its decisions itself."""

    name: str
    address: str
    child: Child
    authz: Authz | None = None
    answer: bytes = b""
    requests: int = 0
    turns: int = 0

    def expect_allowed(self, message: bytes) -> None:
        """Ask once, and remember what a right answer is.

        Raises:
            BenchError: the answer is not an allow, or none at all.
        """
        with grpc.insecure_channel(self.address) as channel:
            try:
                data: bytes = channel.unary_unary(CHECK, None, None)(
                    message, timeout=_PATIENCE, wait_for_ready=True
                )
            except grpc.RpcError as error:
                raise BenchError(f"{self.name} does not answer: {error}") from error
        answer = CheckResponse.FromString(data)
        # An unset status would let the request pass in Envoy, but is nobody's decision.
        if not answer.HasField("status") or answer.status.code != 0:
            raise BenchError(f"{self.name} denied the check that is to be allowed:\n{answer}")
        self.answer = data

    def saturate(self, body: Path, seconds: float) -> Sample:
        """Answers a second from h2load, over as many checks as take about `seconds`.

        Raises:
            BenchError: an answer was wrong.
        """
        if not self.requests:
            rate = self._measured(lambda: self._h2load(body, _FIRST)).value
            # The first requests of a server are slow ones; the second guess is the better.
            second = max(_FIRST, int(rate * 0.2))
            rate = self._measured(lambda: self._h2load(body, second)).value
            self.requests = max(_FIRST, int(rate * seconds))
        return self.sample(lambda: self._h2load(body, self.requests))

    def rotate(self, bodies: Path, seconds: float) -> Sample:
        """Answers a second from the Go client, which sends the bodies of a file in turn.

        Raises:
            NoGoError: there is no Go to build it with.
            BenchError: an answer was wrong.
        """

        def load() -> goload.Load:
            # Where the last load ended, or the last bodies of a long file would never be sent.
            done = goload.checks(self.address, bodies, seconds, first=self.turns)
            self.turns += done.requests
            return done

        return self.sample(load)

    def sample(self, load: Callable[[], Answered]) -> Sample:
        """What a load says, with the processor time it took; again when the core was shared.

        Raises:
            BenchError: an answer was wrong.
        """
        best = self._measured(load)
        for _ in range(_patience.attempts - 1 if PINNED else 0):
            if best.share >= QUIET_SHARE:
                break
            best = max(best, self._measured(load), key=lambda one: one.share)
        _patience.saw(best)
        return best

    def _measured(self, load: Callable[[], Answered]) -> Sample:
        try:
            return self._counted(load)
        except BenchTimeoutError:
            # A machine that stood still for a while, say; twice is no accident.
            return self._counted(load)

    def _counted(self, load: Callable[[], Answered]) -> Sample:
        allowed, cpu = self.allowed(), self.cpu_seconds()
        done = load()
        spent = self.cpu_seconds() - cpu
        if allowed is not None:
            self.expect_counted(allowed + done.requests)
        return Sample(
            value=done.per_second,
            cpu=spent / done.requests * 1e6,
            share=spent * done.per_second / done.requests,
        )

    def _h2load(self, body: Path, requests: int) -> h2load.Load:
        return self.all_right(h2load.run(self.address, body, requests))

    def all_right(self, load: h2load.Load) -> h2load.Load:
        """The same load, when all of its answers were right.

        Raises:
            BenchError: they were not.
        """
        wanted = load.requests * (_FRAME + len(self.answer))
        if load.data_bytes != wanted:
            raise BenchError(
                f"{self.name}: {load.requests} answers have {load.data_bytes} bytes, right ones "
                f"would have {wanted}"
            )
        return load

    def allowed(self) -> int | None:
        """How many checks it says it has allowed; None when it does not count."""
        if self.authz is None:
            return None
        return int(self.authz.metric("authz_checks_total", verdict="allow"))

    def expect_counted(self, allowed: int) -> None:
        """Its own count must agree.

        Raises:
            BenchError: it does not.
        """
        counted = self.allowed()
        if counted is not None and counted != allowed:
            raise BenchError(f"{self.name} counts {counted} allowed checks, not {allowed}")

    def processes(self) -> list[psutil.Process]:
        """The process and its workers."""
        process = psutil.Process(self.child.pid)
        return [process, *process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        times = [process.cpu_times() for process in self.processes()]
        return float(sum(one.user + one.system for one in times))

    def resident_megabytes(self) -> list[float]:
        """The resident set of each of its processes, its own first."""
        return [process.memory_info().rss / 1e6 for process in self.processes()]


def start_ours(
    children: Children,
    directory: Path,
    policy: Path,
    name: str = "authz",
    *,
    pinned: bool = True,
    **grpc_settings: Any,
) -> Server:
    """`authz serve` with this policy file: metrics on, one worker and the transport of loopback."""
    settings = {"policy": str(policy), "grpc": grpc_settings}
    if pinned:
        with on_core(SERVER):
            authz = start_authz(children, directory, settings, name=name)
    else:
        authz = start_authz(children, directory, settings, name=name)
    return Server(name=name, address=authz.grpc[0], child=authz.child, authz=authz)


def start_peer(
    children: Children,
    directory: Path,
    name: str,
    program: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    core: int = SERVER,
) -> Server:
    """A program that says `listening ADDRESS` when it is."""
    log = directory / f"{name}.log"
    with on_core(core):
        child = children.start(name, program, log, environment)
    found: list[str] = []

    def listening() -> bool:
        found[:] = re.findall(r"^listening (\S+)$", log.read_text(), re.MULTILINE)
        return bool(found)

    child.wait_until(listening, "it listened")
    return Server(name=name, address=found[0], child=child)


def native_peer(*options: str) -> list[str | Path]:
    """The command of the peer on the native loop."""
    return [sys.executable, _PEERS / "native.py", *options]


def grpcio_peer() -> list[str | Path]:
    """The command of the peer on grpcio."""
    return [sys.executable, _PEERS / "grpcio.py"]
