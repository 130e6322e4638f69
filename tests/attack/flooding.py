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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from authz.demo.pki import make_root
from tests.attack.report import tried
from tests.factories.pki import fixed_key
from tests.integration.asking import Asking
from tests.integration.harness import Node, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class Flooded:
    """A node of one process with one transport.

    Attributes:
        transport: `native` or `grpcio`.
        address: where it answers checks.
    """

    def __init__(self, node: Node, transport: str) -> None:
        self.node = node
        self.transport = transport
        self.address = node.addresses[0]

    @contextlib.contextmanager
    def flood(self, what: str, *, growth: int = GROWTH) -> Iterator[Flood]:
        """Flood it in the body of this; `growth` is what it may grow by, in megabytes."""
        flood = Flood()
        # Before, so that what a first call costs is no part of it.
        with Asking(self.address, DEADLINE) as first:
            first.more(20)
        eventually(lambda: not self._connections(), "it has closed what others had opened")
        descriptors, before = self._descriptors(), self._restart_peak()
        began = time.monotonic()
        with Asking(self.address, DEADLINE) as meanwhile:
            meanwhile.more(10)
            yield flood
            meanwhile.more(10)
        seconds = time.monotonic() - began
        with Asking(self.address, DEADLINE) as after:
            after.more(20)
        grown = (self._kilobytes("VmHWM") - before) / 1024
        left = (self._kilobytes("VmRSS") - before) / 1024
        _log.info(
            "%s, %s: %d, peak +%.1f MB, left +%.1f MB, %d answers, %.1f s",
            *(self.transport, what, flood.times, grown, left, meanwhile.times, seconds),
        )
        wrong = flood.wrong + len(meanwhile.wrong) + len(after.wrong)
        unanswered = flood.unanswered + len(meanwhile.unanswered) + len(after.unanswered)
        name = f"{what} ({self.transport})"
        tried("floods", name, flood.times, wrong=wrong, unanswered=unanswered)
        assert (wrong, unanswered) == (0, 0), (meanwhile.unanswered, after.unanswered)
        assert self.node.process.poll() is None, self.node.log
        assert flood.times > 0, "nothing of it arrived"
        assert grown < growth, f"{name}: {grown:.0f} MB more"
        eventually(
            lambda: not self._connections() and self._descriptors() <= descriptors,
            "it has closed what the flood had opened",
        )

    def _connections(self) -> int:
        """How many it has open, those that the other end has closed included."""
        connections = psutil.Process(self.node.process.pid).net_connections("all")
        return sum(one.status not in (psutil.CONN_LISTEN, psutil.CONN_NONE) for one in connections)

    def _descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.node.process.pid}/fd").iterdir())

    def _restart_peak(self) -> int:
        """Kilobytes now, from which the peak is counted anew (proc(5), clear_refs)."""
        Path(f"/proc/{self.node.process.pid}/clear_refs").write_text("5")
        return self._kilobytes("VmRSS")

    def _kilobytes(self, name: str) -> int:
        status = Path(f"/proc/{self.node.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found, f"no {name}: the process has ended"
        return int(found[1])
