# SPDX-License-Identifier: Apache-2.0
"""A loader that answers, dies, hangs or talks nonsense."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import LoaderError
from authz.node import loader_process as module
from authz.node.channel import Channel
from authz.node.child import NICE
from authz.node.loader_messages import Built, Findings, GeoState, LoadPolicy, Unsettled
from authz.node.loader_process import Forked, LoaderProcess, start_loader
from authz.node.messages import EndpointConfig
from authz.node.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ORDER = LoadPolicy(
    policy="policy.yaml",
    snapshots="snapshots",
    generation=1,
    earlier=None,
    settled=False,
    geoip={},
    geo_directory="geoip",
    geo=GeoState(),
    log_format="json",
    log_level="info",
)
BUILT = Built(contents={}, geo=GeoState(), generation=1, file="1.snapshot", sites=1)
PLAN = Plan(
    endpoint=EndpointConfig(listen="127.0.0.1:0"),
    workers=1,
    port_per_worker=False,
    worker_silence_seconds=15.0,
    metrics=None,
    data_dir="data",
    policy="policy.yaml",
    geoip={},
    log_format="json",
    log_level="info",
)


class _Child:
    """A process that ends when it is killed, or when the test says so."""

    pid = 2**22  # no process has it: Linux numbers them below

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.status = 0
        self.killed = False

    def end(self, status: int) -> None:
        self.status = status
        self.ended.set()

    def kill(self) -> None:
        self.killed = True
        if not self.ended.is_set():
            self.end(-signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired("loader", timeout or 0.0)
        return self.status


class _Talk:
    """Both ends of a conversation; the test plays the loader."""

    def __init__(self, **options: Any) -> None:
        ours, theirs = socket.socketpair()
        self.child = _Child()
        self.loader = LoaderProcess(self.child, ours, **options)
        self.theirs: Channel[LoadPolicy] = Channel(theirs, LoadPolicy)

    def close(self) -> None:
        self.theirs.close()
        self.child.kill()
        self.loader.wait()


@pytest.fixture
def talk() -> Iterator[Callable[..., _Talk]]:
    made: list[_Talk] = []

    def _talk(**options: Any) -> _Talk:
        made.append(_Talk(**options))
        return made[-1]

    yield _talk
    for one in made:
        one.close()


def test_an_order_is_answered(talk: Callable[..., _Talk]) -> None:
    one = talk()
    one.loader.ask(ORDER)
    assert one.theirs.receive() == ORDER
    one.theirs.send(BUILT)
    assert one.loader.answer() == BUILT
    one.theirs.close()
    one.child.end(0)
    assert one.loader.wait() == 0


def test_findings_are_told_although_nobody_waits(talk: Callable[..., _Talk]) -> None:
    told: list[Findings] = []
    one = talk()
    one.loader.on_findings = told.append
    one.theirs.send(Unsettled(contents={}, geo=GeoState()))
    one.theirs.send(Findings(first=(), count=3))
    one.theirs.close()
    one.child.end(0)
    one.loader.wait()
    assert [found.count for found in told] == [3]
    assert isinstance(one.loader.answer(), Unsettled)


def test_the_plan_comes_first_when_there_is_one(talk: Callable[..., _Talk]) -> None:
    one = talk()
    one.theirs.send(PLAN)
    one.theirs.send(BUILT)
    assert one.loader.plan() == PLAN
    assert one.loader.answer() == BUILT


def test_without_a_plan_there_is_a_status(talk: Callable[..., _Talk]) -> None:
    one = talk()
    one.child.end(2)
    one.theirs.close()
    assert one.loader.plan() is None
    assert one.loader.wait() == 2


@pytest.mark.parametrize(("status", "how"), [(-signal.SIGKILL, "SIGKILL"), (1, "status 1")])
def test_one_that_dies_is_an_error_that_says_how(
    talk: Callable[..., _Talk], status: int, how: str
) -> None:
    one = talk()
    one.loader.ask(ORDER)
    one.theirs.close()
    one.child.end(status)
    with pytest.raises(LoaderError, match=how) as caught:
        one.loader.answer()
    assert caught.value.where == "policy.yaml"
    assert "memory" in str(caught.value.hint)


def test_one_that_hangs_is_ended_and_an_error(talk: Callable[..., _Talk]) -> None:
    one = talk(seconds=0.05)
    one.loader.ask(ORDER)
    with pytest.raises(LoaderError, match=r"after 0\.05 s"):
        one.loader.answer()
    assert one.child.killed


def test_one_that_hangs_up_and_stays_is_ended(
    talk: Callable[..., _Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXIT_SECONDS", 0.05)
    one = talk()
    one.theirs.close()
    assert one.loader.wait() == -signal.SIGKILL


def test_one_that_talks_nonsense_is_ended(talk: Callable[..., _Talk]) -> None:
    one = talk()
    one.theirs.send(ORDER)
    with pytest.raises(LoaderError):
        one.loader.answer()
    assert one.child.killed


def test_one_that_is_gone_before_it_is_asked_gives_no_answer(talk: Callable[..., _Talk]) -> None:
    one = talk()
    one.theirs.close()
    one.child.end(0)
    one.loader.wait()
    one.loader.ask(ORDER)
    with pytest.raises(LoaderError, match="status 0"):
        one.loader.answer()


def test_a_real_one_loads_and_is_gone(tmp_path: Path) -> None:
    import msgspec

    (tmp_path / "policy.yaml").write_text('sites: [{name: api, hosts: ["*"]}]\n')
    loader = start_loader()
    loader.ask(
        msgspec.structs.replace(
            ORDER,
            policy=str(tmp_path / "policy.yaml"),
            snapshots=str(tmp_path / "snapshots"),
        )
    )
    answer = loader.answer()
    assert isinstance(answer, Built)
    assert answer.generation == 1
    assert loader.wait() == 0


@pytest.mark.parametrize("what", ["socketpair", "process"])
def test_one_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    if what == "process":
        monkeypatch.setattr(subprocess, "Popen", refuse)
    else:
        monkeypatch.setattr(socket, "socketpair", refuse)
    with pytest.raises(LoaderError, match="cannot be started") as caught:
        start_loader()
    assert "limits" in str(caught.value.hint)


def test_one_that_gives_way_does_so_from_its_first_import_on() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ours, theirs = socket.socketpair()
    with child, theirs:
        loader = LoaderProcess(child, ours)
        loader.give_way()
        before = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == min(19, before + NICE)
        if hasattr(os, "SCHED_BATCH"):
            assert os.sched_getscheduler(child.pid) == os.SCHED_BATCH
        loader.kill()
    assert loader.wait() == -signal.SIGKILL


def test_one_that_is_gone_need_not_give_way(talk: Callable[..., _Talk]) -> None:
    talk().loader.give_way()


def _forked(code: str) -> Forked:
    return Forked(subprocess.Popen([sys.executable, "-c", code]).pid)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_forked_child_is_waited_for_and_ended() -> None:
    assert _forked("raise SystemExit(3)").wait() == 3
    assert _forked("raise SystemExit(3)").wait(30) == 3
    child = _forked("import time; time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.02)
    child.kill()
    assert child.wait(30) == -signal.SIGKILL
    assert child.wait() == -signal.SIGKILL
    child.kill()  # which is no error, and hits nobody else


def test_a_child_that_is_gone_is_killed_without_an_error() -> None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.close(write)
    os.close(read)
    os.waitpid(pid, 0)
    Forked(pid).kill()
