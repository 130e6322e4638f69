# SPDX-License-Identifier: Apache-2.0
"""An `authz serve` that is flooded: who else asks it meanwhile, and what the flood takes.

Every flood has the same to show: a caller on a connection of its own gets right answers meanwhile
and afterwards, the memory of the process stays within a bound, what it opened is closed again, and
it lives. Nothing here waits for a time: `DEADLINE` of the caller is generous, the rest is counted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from authz.demo.pki import make_root
from authz.store.engine import FILE_NAME
from tests.attack.frames import NAME, Connection
from tests.attack.report import tried
from tests.factories.pki import fixed_key
from tests.integration.asking import Asking
from tests.integration.harness import Node, eventually

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    import grpc

#: How long the caller waits. A busy machine is no error, and a flood that stops it is.
DEADLINE: Final = 20.0

#: How many parts of a thousand are sent; `make attack` sends more, and ADR-0042 has what
#: `AUTHZ_FLOODS=1000` printed.
SHARE: Final = int(os.environ.get("AUTHZ_FLOODS", "50"))

#: How many megabytes a process may grow meanwhile, unless a flood says otherwise: several times
#: what was measured (ADR-0042), and far less than what a flood without a limit takes.
GROWTH: Final = 64

#: Whom the partner's site trusts; valid now, as the process has the machine's clock.
ACME: Final = make_root("Acme Root CA", key=fixed_key("flooded"))

#: One more site, of which only those with a valid certificate get anything.
PARTNER: Final = """\
  - name: partner
    hosts: [partner.example.com]
    trust: [{name: acme, certificates: [acme.pem]}]
    rules:
      - ref: clients
        expression: not cf.tls_client_auth.cert_verified
        action: block
"""

_log: Final = logging.getLogger(__name__)


def counted(whole: int) -> int:
    """As many of `whole` as this run sends."""
    return max(1, whole * SHARE // 1000)


@dataclass(slots=True)
class Flood:
    """What one flood has sent so far: frames, streams, connections, messages or certificates.

    `wrong` and `unanswered` are for floods whose own answers are looked at.
    """

    times: int = 0
    wrong: int = 0
    unanswered: int = 0


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How to get through to a service whose port has TLS: for frames, and for who asks.

    `strangers` do not: they show no certificate, or another authority's.
    """

    frames: ssl.SSLContext
    asking: grpc.ChannelCredentials
    strangers: tuple[ssl.SSLContext, ...] = ()


class Flooded:
    """A node of one process, or of several workers with a port each, and one transport.

    Args:
        transport: `native` or `grpcio`.
        kind: what else it is; the transport alone, when left out.
        tls: how to get through to it; None for plain TCP.

    Attributes:
        addresses: where it answers checks.
    """

    def __init__(
        self, node: Node, transport: str, *, kind: str = "", tls: Tls | None = None
    ) -> None:
        self.node = node
        self.transport = transport
        self.addresses = tuple(node.addresses)
        self.tls = tls
        self._kind = kind or transport

    @property
    def address(self) -> str:
        """Where it answers checks; the first worker does, of several."""
        return self.addresses[0]

    def connect(self, address: str, *, reads: bool = True, hello: bool = True) -> Connection:
        """A connection of somebody who floods."""
        return Connection(address, reads=reads, hello=hello, tls=self.tls and self.tls.frames)

    @contextlib.contextmanager
    def flood(self, what: str, *, growth: int = GROWTH) -> Iterator[Flood]:
        """Flood it in the body of this; `growth` is what it may grow by, in megabytes."""
        flood = Flood()
        # Before, so that what a first call costs is no part of it.
        with self._asking() as first:
            _more(first, 20)
        eventually(lambda: not self._connections(), "it has closed what others had opened")
        processes = self._processes()
        descriptors, before = self._descriptors(), self._restart_peak()
        began = time.monotonic()
        with self._asking() as meanwhile:
            _more(meanwhile, 10)
            yield flood
            _more(meanwhile, 10)
        seconds = time.monotonic() - began
        with self._asking() as after:
            _more(after, 20)
        assert self._processes() == processes, self.node.log
        grown = (self._kilobytes("VmHWM") - before) / 1024
        left = (self._kilobytes("VmRSS") - before) / 1024
        _log.info(
            "%s, %s: %d, peak +%.1f MB, left +%.1f MB, %d answers, %.1f s",
            *(self._kind, what, flood.times, grown, left),
            *(sum(one.times for one in meanwhile), seconds),
        )
        failed = [line for one in (*meanwhile, *after) for line in one.unanswered]
        wrong = flood.wrong + sum(len(one.wrong) for one in (*meanwhile, *after))
        unanswered = flood.unanswered + len(failed)
        name = f"{what} ({self._kind})"
        tried("floods", name, flood.times, wrong=wrong, unanswered=unanswered)
        assert (wrong, unanswered) == (0, 0), failed
        assert self.node.process.poll() is None, self.node.log
        assert flood.times > 0, "nothing of it arrived"
        assert grown < growth, f"{name}: {grown:.0f} MB more"
        with self._telling_what_is_open(descriptors):
            eventually(
                lambda: (
                    not self._connections() and self._descriptors().total() <= descriptors.total()
                ),
                "it has closed what the flood had opened",
            )

    @contextlib.contextmanager
    def _telling_what_is_open(self, before: Counter[str]) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            error.add_note(f"more than before: {self._descriptors() - before}")
            raise

    @contextlib.contextmanager
    def _asking(self) -> Iterator[list[Asking]]:
        """Somebody for each address."""
        tls = None if self.tls is None else self.tls.asking
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(Asking(one, DEADLINE, tls=tls, name=NAME))
                for one in self.addresses
            ]

    def _processes(self) -> list[int]:
        """The process that was started, and its workers if it has any."""
        return [self.node.process.pid, *(one.pid for one in self.node.workers())]

    def _connections(self) -> int:
        """How many they have open, those that the other end has closed included."""
        return sum(
            one.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE)
            for process in self._processes()
            for one in psutil.Process(process).net_connections("all")
        )

    def _descriptors(self) -> Counter[str]:
        """What they have open.

        The database is left out: its pool keeps as many connections as were needed at one moment,
        whoever needed them (`make soak` watches that for longer).
        """
        found: Counter[str] = Counter()
        for process in self._processes():
            for one in Path(f"/proc/{process}/fd").iterdir():
                # What was closed since.
                with contextlib.suppress(FileNotFoundError):
                    target = one.readlink()
                    if not target.name.startswith(FILE_NAME):
                        found[str(target).partition(":")[0]] += 1
        return found

    def _restart_peak(self) -> int:
        """Kilobytes now, from which the peak is counted anew (proc(5), clear_refs)."""
        for process in self._processes():
            Path(f"/proc/{process}/clear_refs").write_text("5")
        return self._kilobytes("VmRSS")

    def _kilobytes(self, name: str) -> int:
        """Of all of them together."""
        found = 0
        for process in self._processes():
            status = Path(f"/proc/{process}/status").read_text()
            match = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
            assert match, f"no {name}: the process has ended"
            found += int(match[1])
        return found


def _more(asking: list[Asking], times: int) -> None:
    for one in asking:
        one.more(times)
