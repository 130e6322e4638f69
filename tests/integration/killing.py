# SPDX-License-Identifier: Apache-2.0
"""Writes, checks and kills at once, and what must be true of every answer.

One thread revokes and restores through the services, one for each worker asks it without a pause,
and one kills whatever it likes: the supervisor, the control process, a worker, PostgreSQL. Nothing
is judged before the end: what was acknowledged when, what was killed when and until when that
mattered, and what each check was answered are written down, and then compared.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import grpc
import psutil

from authz.errors import StoreUnavailableError
from authz.store.records import CertificateStatus, serial_text
from tests.factories.populated import check_of
from tests.integration.harness import PATIENCE, eventually
from tests.integration.stores import ALLOWED, DENIED, Asker, StoreNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from authz.services.issuance import Issued
    from tests.factories.populated import World
    from tests.factories.postgres import Server

#: From an acknowledgement to every worker's answers, while nothing is being killed.
GRACE_SECONDS = 1.0
#: How long a gRPC client may go on refusing by itself after a worker is back: it waits before it
#: connects anew.
RECONNECT_SECONDS = 0.5
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """One check: of which certificate, when, and the answer; None: there was none."""

    worker: int
    certificate: str
    sent: float
    done: float
    code: int | None


@dataclass(slots=True)
class Outage:
    """Something was killed, and is what it was at `until`. `worker` is -1 for all of them."""

    what: str
    since: float
    until: float = float("inf")
    #: Whose checks may go unanswered meanwhile; None: nobody's.
    worker: int | None = None


@dataclass(slots=True)
class History:
    """What a certificate may be taken for from each moment on: codes of the answers."""

    moments: list[tuple[float, frozenset[int]]]

    def between(self, since: float, until: float) -> frozenset[int]:
        """What it may be taken for in an interval."""
        found: frozenset[int] = frozenset()
        for (begins, codes), ends in zip(self.moments, self._ends(), strict=True):
            if begins <= until and ends >= since:
                found |= codes
        return found

    def held_until(self, code: int, until: float) -> float:
        """The last moment till `until` at which it might be taken for that, or minus infinity."""
        ends = [
            min(ends, until)
            for (begins, codes), ends in zip(self.moments, self._ends(), strict=True)
            if code in codes and begins <= until
        ]
        return max(ends, default=float("-inf"))

    def _ends(self) -> Iterator[float]:
        yield from (begins for begins, _ in self.moments[1:])
        yield float("inf")


@dataclass
class Report:
    """What was tried and what came of it."""

    writes: int = 0
    unacknowledged: int = 0
    unacknowledged_applied: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def table(self, title: str) -> str:
        """For people."""
        rows = [
            ("writes acknowledged", self.writes - self.unacknowledged),
            ("writes without an answer", self.unacknowledged),
            ("  of these applied, whole", self.unacknowledged_applied),
            *((f"killed: {what}", count) for what, count in sorted(self.kills.items())),
            ("checks answered", self.checks - self.unanswered),
            ("checks of a worker that was dead", self.unanswered - len(self.left_alone)),
            ("checks answered wrongly", len(self.wrong)),
            ("checks left unanswered by a live worker", len(self.left_alone)),
            ("writes lost or half applied", len(self.lost)),
        ]
        return "\n".join([f"\n{title}", *(f"  {name:42}{count:>8}" for name, count in rows)])


class Drill:
    """One drill on one database. `server` is PostgreSQL's, None with SQLite."""

    def __init__(
        self, directory: Path, world: World, database: str, server: Server | None, seed: int
    ) -> None:
        self.report = Report()
        self._directory = directory
        self._world = world
        self._database = database
        self._server = server
        self._random = random.Random(seed)
        self._node: StoreNode | None = None
        self._sockets = [f"unix:{directory}/s.{index}" for index in range(WORKERS)]
        self._asked: list[Asked] = []
        self._outages: list[Outage] = []
        self._written = 0
        self._wrote = threading.Condition()
        self._over = threading.Event()
        self._changing = [world.issue(f"changing {number}") for number in range(6)]
        self._never = [world.issue(f"never {number}") for number in range(2)]
        self._always = [world.issue(f"always {number}") for number in range(2)]
        for one in self._always:
            world.revoke(one)
        self._histories = {
            **{one.certificate.id: _constant(ALLOWED) for one in self._never + self._changing},
            **{one.certificate.id: _constant(DENIED) for one in self._always},
        }

    def run(self, writes: int, kills: int, pause: float, victims: Sequence[str] = ()) -> Report:
        """Write so often, kill one of `victims` (everything there is) so often, and judge."""
        self._start()
        moments = sorted(self._random.sample(range(1, writes), kills))
        if not victims:
            victims = ["supervisor", "control", "worker", *(["PostgreSQL"] if self._server else [])]
        order = [victims[number % len(victims)] for number in range(kills)]
        self._random.shuffle(order)
        threads = [
            threading.Thread(target=self._ask, args=(index,), name=f"ask {index}")
            for index in range(WORKERS)
        ]
        threads.append(threading.Thread(target=self._write, args=(writes, pause), name="write"))
        for thread in threads:
            thread.start()
        try:
            for moment, victim in zip(moments, order, strict=True):
                with self._wrote:
                    reached = self._wrote.wait_for(
                        lambda: self._written >= moment,  # noqa: B023 - it waits right here
                        timeout=PATIENCE,
                    )
                assert reached, "the writer does not get on"
                self._over.wait(self._random.uniform(0.0, 0.03))
                self._kill(victim)
            threads[-1].join()
            self._settle()
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            self._end()
        self._judge()
        return self.report

    # --- the node ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._node = StoreNode(
            self._directory,
            *("--workers", str(WORKERS), "--port-per-worker"),
            *("--grpc", f"unix:{self._directory}/s"),
            database=self._database,
        ).until_serving()
        assert self._node.addresses == self._sockets

    def _end(self) -> None:
        if self._node is not None:
            self._node.destroy()

    def _ready(self) -> bool:
        assert self._node is not None
        return self._node.get("/readyz") == (200, "ready\n")

    def _kill(self, victim: str) -> None:
        node = self._node
        assert node is not None
        self.report.kills[victim] += 1
        outage = Outage(victim, time.monotonic())
        self._outages.append(outage)
        if victim == "supervisor":
            outage.worker = -1
            left = [one for one in [node.control(), *node.workers()] if one is not None]
            node.process.kill()
            # They answer what they were asked, and end; their addresses are free again then.
            assert not psutil.wait_procs(left, timeout=PATIENCE)[1]
            node.destroy()
            self._start()
        elif victim == "worker":
            process = self._random.choice(node.workers())
            process.kill()
            ended = node.until_logged("a worker ended and is started again")
            outage.worker = ended["worker"]
            node.until_logged("the worker is ready")
        elif victim == "control":
            process = node.control()
            assert process is not None
            process.kill()
            node.until_logged(
                "the control process ended and is started again; checks are answered meanwhile"
            )
            node.until_logged("published")
        else:
            assert self._server is not None
            self._server.kill()
            self._over.wait(self._random.uniform(0.0, 0.5))
            self._server.restart_killed()
        eventually(self._ready, "it follows the store again")
        outage.until = time.monotonic()

    # --- writing -------------------------------------------------------------------------------

    def _write(self, writes: int, pause: float) -> None:
        chosen = random.Random(self._random.random())
        revoked = {one.certificate.id: False for one in self._changing}
        for _ in range(writes):
            issued = chosen.choice(self._changing)
            key = issued.certificate.id
            self._change(issued, before=revoked[key])
            revoked[key] = self._histories[key].moments[-1][1] == {DENIED}
            with self._wrote:
                self._written += 1
                self._wrote.notify_all()
            self._over.wait(chosen.uniform(0.0, 2 * pause))

    def _change(self, issued: Issued, *, before: bool) -> None:
        moments = self._histories[issued.certificate.id].moments
        moments.append((time.monotonic(), frozenset({ALLOWED, DENIED})))
        self.report.writes += 1
        try:
            if before:
                self._world.restore(issued)
            else:
                self._world.revoke(issued)
            after = not before
        except StoreUnavailableError:
            self.report.unacknowledged += 1
            after = self._once_it_is_back(issued)
            self.report.unacknowledged_applied += after is not before
        moments.append((time.monotonic(), frozenset({DENIED if after else ALLOWED})))

    def _once_it_is_back(self, issued: Issued) -> bool:
        """Whether a certificate is revoked, after nobody said so."""
        limit = time.monotonic() + PATIENCE
        while True:
            try:
                return self._stored(issued)
            except StoreUnavailableError:
                assert time.monotonic() < limit, "the store does not come back"
                self._over.wait(0.05)

    def _stored(self, issued: Issued) -> bool:
        """Whether the store has a certificate as revoked; in every place or in none."""
        with self._world.store.read() as session:
            found = session.certificates.get(issued.certificate.id)
            assert found is not None
            serial = serial_text(int(found.serial, 16))
            listed = session.revocations.get(found.authority_id, serial) is not None
            changes = session.revocations.changes_after(0) or []
            last = [one.revoked for one in changes if one.serial == serial][-1:] or [False]
            says = [found.status is CertificateStatus.REVOKED, listed, *last]
            if len(set(says)) != 1:
                self.report.lost.append(f"{found.label}: half applied, {says}")
            return listed

    # --- asking --------------------------------------------------------------------------------

    def _ask(self, worker: int) -> None:
        asker = Asker(self._sockets[worker])
        chosen = random.Random(worker)
        everybody = self._changing + self._never + self._always
        requests = [(one.certificate.id, check_of(one)) for one in everybody]
        while not self._over.is_set():
            key, request = chosen.choice(requests)
            sent = time.monotonic()
            try:
                code: int | None = asker.ask(request, wait_for_ready=False)
            except grpc.RpcError:
                code = None
            self._asked.append(Asked(worker, key, sent, time.monotonic(), code))
            if code is None:
                self._over.wait(0.02)
        asker.close()

    # --- judging -------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until every worker answers as the last writes left it."""
        for worker in range(WORKERS):
            asker = Asker(self._sockets[worker])
            for one in self._changing:
                (code,) = self._histories[one.certificate.id].moments[-1][1]
                asker.seconds_until(check_of(one), code, 10.0)
            asker.close()

    def _judge(self) -> None:
        report = self.report
        for one in self._changing + self._never + self._always:
            (code,) = self._histories[one.certificate.id].moments[-1][1]
            if self._stored(one) is not (code == DENIED):
                report.lost.append(f"{one.certificate.label}: not what was acknowledged last")
        for asked in self._asked:
            report.checks += 1
            if asked.code is None:
                report.unanswered += 1
                if not self._was_dead(asked):
                    report.left_alone.append(self._told(asked))
            elif asked.code not in self._histories[asked.certificate].between(
                self._since(asked), asked.done
            ):
                report.wrong.append(self._told(asked))

    def _since(self, asked: Asked) -> float:
        """The earliest moment whose state may still be answered by."""
        since = asked.sent - GRACE_SECONDS
        for outage in reversed(self._outages):
            # Nothing was published between these two, or at least nobody says so.
            if outage.what != "worker" and outage.since <= asked.done and outage.until >= since:
                since = min(since, outage.since - GRACE_SECONDS)
        return since

    def _was_dead(self, asked: Asked) -> bool:
        return any(
            outage.worker in (-1, asked.worker)
            and outage.since <= asked.done
            and outage.until + RECONNECT_SECONDS >= asked.sent
            for outage in self._outages
        )

    def _told(self, asked: Asked) -> str:
        near = [
            f"{one.what} {one.since - asked.sent:+.2f}…{one.until - asked.sent:+.2f}"
            for one in self._outages
            if abs(one.since - asked.sent) < 10
        ]
        moments = [
            f"{at - asked.sent:+.3f}: {sorted(codes)}"
            for at, codes in self._histories[asked.certificate].moments
            if abs(at - asked.sent) < 5
        ]
        return (
            f"worker {asked.worker} answered {asked.code} after {asked.done - asked.sent:.3f} s; "
            f"the certificate {moments}; killed {near}"
        )


def _constant(code: int) -> History:
    return History([(float("-inf"), frozenset({code}))])
