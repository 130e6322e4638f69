# SPDX-License-Identifier: Apache-2.0
"""Envoy is killed, stopped, or replaced by a hot restart while it asks: nobody gets in by it.

The service is not told. Whoever may come in gets in again as soon as an Envoy is there; what its
predecessor had open at the service is closed; the service's processes are the same as before.
"""

from __future__ import annotations

import contextlib
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from authz.demo.processes import free_port
from authz.demo.scenario import policy_yaml
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.attack.report import tried
from tests.e2e.harness import (
    Load,
    Stack,
    authz_settings,
    default_options,
    eventually,
    more,
    wait_for_health,
)
from tests.integration.harness import Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.stack import Authz, Envoy
    from authz.demo.upstream import Upstream

pytestmark = pytest.mark.attack

HOST, PATH = "admin.localhost", "/admin"
#: Who asks for it (no name: without a certificate), and the only answer that the service gives.
RIGHT: Final = {"valid": "200", "revoked-by-crl": "403", "": "403"}
#: What comes of a request that nobody decided: Envoy denies it, or is not there.
UNDECIDED: Final = {"503", "no answer"}
#: For how long Envoy stands still; longer than it waits for a check, and for a health check.
STILL_SECONDS: Final = 3.0
#: How long the Envoy that is replaced goes on, and how long it tells its clients to go.
DRAIN_SECONDS, PARENT_SECONDS = 1, 3


@dataclass(frozen=True, slots=True)
class Held:
    """What the service's processes are, and what each of them has open."""

    processes: frozenset[tuple[int, float]]
    connections: int
    descriptors: int


class Restarted:
    """A service of two workers, an Envoy on a port that stays the same, and who asks it."""

    def __init__(
        self, children: Children, credentials: Credentials, upstream: Upstream, transport: str
    ) -> None:
        self._children = children
        self._directory = credentials.directory
        (self._directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
        workers = {"grpc": {"workers": 2, "port_per_worker": True}}
        self.authz: Authz = start_authz(
            children, self._directory, authz_settings(transport, workers)
        )
        options = default_options(
            credentials, upstream, self.authz.grpc, listen=f"127.0.0.1:{free_port()}"
        )
        self._config = render_envoy_config(load_settings(self._directory / "authz.yaml"), options)
        self._credentials = credentials
        # Envoys of one base id share memory: those of one test.
        self._base = random.randrange(1_000, 2_000_000)
        self.envoy = self.start(0)

    def start(self, epoch: int) -> Envoy:
        """One more Envoy; those of an epoch above 0 take over from the one before."""
        times = (
            *("--drain-time-s", str(DRAIN_SECONDS), "--drain-strategy", "immediate"),
            *("--parent-shutdown-time-s", str(PARENT_SECONDS)),
        )
        self.envoy = start_envoy(
            self._children,
            self._directory,
            self._config,
            restarting=("--base-id", str(self._base), *times, "--restart-epoch", str(epoch)),
        )
        wait_for_health(self.envoy, 2)
        return self.envoy

    def forget(self) -> None:
        """Remove what Envoys of an epoch share, which the last one leaves behind."""
        Path(f"/dev/shm/envoy_shared_memory_{self._base}0").unlink(missing_ok=True)

    @contextlib.contextmanager
    def asked(self) -> Iterator[dict[str, Load]]:
        """Ask all the time, as everybody in `RIGHT`."""
        stack = Stack(credentials=self._credentials, authz=self.authz, envoy=self.envoy)
        loads = {
            name: Load(
                connect=lambda name=name: stack.connect(HOST, name),
                send=lambda connection: connection.send_request(PATH, hosts=(HOST,)),
                threads=1,
            )
            for name in RIGHT
        }
        with contextlib.ExitStack() as running:
            for load in loads.values():
                running.enter_context(load.running())
            yield loads

    def held(self) -> Held:
        """What the service has now: who it is, connections for checks, descriptors."""
        supervisor = psutil.Process(self.authz.child.pid)
        workers = [one for one in supervisor.children() if "authz.node.worker" in one.cmdline()]
        ports = {int(one.rpartition(":")[2]) for one in self.authz.grpc}
        return Held(
            processes=frozenset((one.pid, one.create_time()) for one in (supervisor, *workers)),
            connections=sum(
                one.laddr.port in ports and one.status != psutil.CONN_LISTEN
                for worker in workers
                for one in worker.net_connections("tcp")
            ),
            descriptors=sum(worker.num_fds() for worker in workers),
        )


@pytest.fixture
def restarted(
    children: Children, credentials: Credentials, upstream: Upstream, transport: str
) -> Iterator[Restarted]:
    made = Restarted(children, credentials, upstream, transport)
    yield made
    made.forget()


def ask_more(loads: dict[str, Load], requests: int) -> None:
    """Everybody asks so often again."""
    for load in loads.values():
        more(load, requests)


def judge(restarted: Restarted, before: Held, loads: dict[str, Load], what: str) -> None:
    """While they are asking still: it is all as it was before. Says what came of it."""
    # What was under way when it came back may have had no answer.
    ask_more(loads, 2)
    counts = {name: dict(load.counts) for name, load in loads.items()}
    ask_more(loads, 50)
    since = {
        name: {word for word in load.counts if load.counts[word] != counts[name].get(word, 0)}
        for name, load in loads.items()
    }
    wrong = {
        name: words
        for name, load in loads.items()
        if (words := set(load.counts) - {RIGHT[name]} - UNDECIDED)
    }
    unanswered = sum(bool(words & UNDECIDED) for words in since.values())
    tried(
        "faults",
        what,
        sum(load.total for load in loads.values()),
        wrong=len(wrong),
        unanswered=unanswered,
    )
    assert not wrong, wrong
    assert since == {name: {word} for name, word in RIGHT.items()}, _details(loads.values())
    eventually(lambda: _as_before(before, restarted.held()), f"as before: {before}")
    assert restarted.authz.metric("authz_worker_restarts_total") == 0
    assert restarted.authz.is_ready()


def _as_before(before: Held, now: Held) -> bool:
    return (
        now.processes == before.processes
        and now.connections <= before.connections
        and now.descriptors <= before.descriptors
    )


def _details(loads: Iterable[Load]) -> list[list[str]]:
    return [load.details[-3:] for load in loads]


def test_an_envoy_that_is_killed_and_started_again(restarted: Restarted) -> None:
    with restarted.asked() as loads:
        ask_more(loads, 50)
        before = restarted.held()
        restarted.envoy.child.send_signal(signal.SIGKILL)
        restarted.envoy.child.wait()
        # Nobody is there who asks: what it had open is closed, before somebody else comes.
        eventually(lambda: restarted.held().connections == 0, "its connections are closed")
        for load in loads.values():
            eventually(lambda load=load: load.counts.get("no answer", 0) > 0, "it is gone")
        restarted.start(0)
        judge(restarted, before, loads, "Envoy is killed and started again under load")


def test_an_envoy_that_is_replaced_by_a_hot_restart(restarted: Restarted) -> None:
    """Twice, as what the first one hands over the second one got from it."""
    with restarted.asked() as loads:
        ask_more(loads, 50)
        before = restarted.held()
        for epoch in (1, 2):
            parent = restarted.envoy
            restarted.start(epoch)
            ask_more(loads, 20)
            assert parent.child.wait(10 * PARENT_SECONDS) == 0
        judge(restarted, before, loads, "Envoy is replaced by a hot restart under load")
        assert {name: dict(load.counts) for name, load in loads.items()} == {
            name: {word: loads[name].total} for name, word in RIGHT.items()
        }, _details(loads.values())


def test_an_envoy_that_stands_still_and_goes_on(restarted: Restarted) -> None:
    """Meanwhile the service answers somebody else, and does not wait for who is stopped."""
    others = [Client(address) for address in restarted.authz.grpc]
    with restarted.asked() as loads, contextlib.ExitStack() as closing:
        for one in others:
            closing.callback(one.close)
        # Of a host that nobody knows.
        denied = [one.ask() for one in others]
        assert 0 not in denied
        ask_more(loads, 50)
        before = restarted.held()
        envoy = psutil.Process(restarted.envoy.child.pid)
        restarted.envoy.child.send_signal(signal.SIGSTOP)
        try:
            eventually(lambda: envoy.status() == psutil.STATUS_STOPPED, "it stopped")
            until = time.monotonic() + STILL_SECONDS
            while time.monotonic() < until:
                assert [one.ask() for one in others] == denied
        finally:
            restarted.envoy.child.send_signal(signal.SIGCONT)
        wait_for_health(restarted.envoy, 2)
        judge(restarted, before, loads, "Envoy stands still (SIGSTOP) under load")
