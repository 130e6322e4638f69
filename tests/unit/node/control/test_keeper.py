# SPDX-License-Identifier: Apache-2.0
"""The keeper, over control processes that are only played."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.node.channel import Channel
from authz.node.control import keeper as module
from authz.node.control.config import ControlConfig
from authz.node.control.keeper import START_ATTEMPTS, ControlKeeper
from authz.node.control.messages import (
    Failed,
    InForce,
    Inquire,
    Listening,
    NewSnapshot,
    Numbers,
    Rebuild,
    StoreState,
    Tell,
    ToControl,
)
from authz.node.loader_messages import Finding, Findings
from authz.observability.activity import Report
from authz.whole_files import hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.errors import TransportError

PATIENCE = 10.0
FIRST_PID = 100_000_000  # nobody's

CONFIG = ControlConfig(
    data_dir="",
    snapshots="",
    geo_directory="",
    geoip={},
    database="sqlite",
    log_format="json",
    log_level="error",
)


class _Played:
    """A control process without a process: both ends of what it would say and be told."""

    def __init__(self, end: socket.socket) -> None:
        self.channel: Channel[ToControl] = Channel(end, ToControl)
        self.killed = threading.Event()
        self.stubborn = False
        self._ended = threading.Event()
        self._status = 0

    # As subprocess.Popen:

    def kill(self) -> None:
        self.killed.set()
        self.die(-signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("control", timeout or 0.0)
        return self._status

    # As the process itself:

    def die(self, status: int) -> None:
        if not self._ended.is_set():
            self._status = status
            self._ended.set()
            self.channel.shutdown()

    def told(self, kind: type[Any]) -> Any:
        """The next message of a kind; pulses come in between."""
        while (message := self.channel.receive()) is not None:
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind}")


class _Kept:
    """A keeper and whatever came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.directory = directory
        self.started: queue.SimpleQueue[_Played] = queue.SimpleQueue()
        self.published: queue.SimpleQueue[NewSnapshot] = queue.SimpleQueue()
        self.failed: queue.SimpleQueue[TransportError] = queue.SimpleQueue()
        self.refuse: queue.SimpleQueue[OSError] = queue.SimpleQueue()
        self.all: list[_Played] = []
        monkeypatch.setattr(module.subprocess, "Popen", self._popen)
        monkeypatch.setattr(module.Backoff, "next_delay", lambda *_: 0.0)
        self.keeper = ControlKeeper(CONFIG, publish=self.published.put, failed=self.failed.put)

    def _popen(self, *_: Any, pass_fds: tuple[int], **__: Any) -> _Played:
        if not self.refuse.empty():
            raise self.refuse.get()
        played = _Played(socket.socket(fileno=os.dup(pass_fds[0])))
        self.all.append(played)
        self.started.put(played)
        return played

    def process(self) -> _Played:
        """The next one that was started."""
        return self.started.get(timeout=PATIENCE)

    def snapshot(self, generation: int, **changes: Any) -> NewSnapshot:
        file = self.directory / f"{generation}.snapshot"
        file.write_text("a snapshot")
        return NewSnapshot(generation=generation, file=str(file), sites=1, **changes)

    def end(self) -> None:
        for one in self.all:
            one.die(0)
        self.keeper.stop()
        for one in self.all:
            one.channel.close()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[_Kept]:
    made = _Kept(monkeypatch, tmp_path)
    yield made
    made.end()


def _eventually(condition: Callable[[], bool]) -> None:
    """A thread of the keeper's is about to do it; it says nothing when it has."""
    done = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        done.wait(0.001)
    raise AssertionError


def test_it_is_told_its_config_and_what_it_publishes_is_handed_on(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    assert process.told(ControlConfig) == CONFIG
    process.channel.send(Listening(sds="127.0.0.1:1", publication=None))
    found = kept.keeper.wait_listening(PATIENCE)
    assert found is not None
    assert found.sds == "127.0.0.1:1"

    new = kept.snapshot(3)
    process.channel.send(new)

    assert kept.published.get(timeout=PATIENCE) == new
    assert process.told(InForce) == InForce(generation=3, file=new.file)
    assert kept.keeper.generation == 3


def test_a_snapshot_is_held_until_the_next_one_is_in_force(
    kept: _Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds: list[Any] = []

    def held(file: Path) -> Any:
        holds.append(hold(file))
        return holds[-1]

    monkeypatch.setattr(module, "hold", held)
    kept.keeper.start()
    process = kept.process()
    for generation in (1, 2):
        process.channel.send(kept.snapshot(generation))
        process.told(InForce)

    assert [one.closed for one in holds] == [True, False]
    kept.end()
    assert holds[1].closed


def test_a_snapshot_that_is_gone_again_is_asked_for_again(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    process.channel.send(NewSnapshot(generation=1, file="/nowhere/1.snapshot", sites=1))

    assert process.told(Rebuild) == Rebuild()
    assert kept.published.empty()


def test_one_that_is_killed_is_started_again_and_told_what_is_in_force(kept: _Kept) -> None:
    kept.keeper.start()
    first = kept.process()
    new = kept.snapshot(1)
    first.channel.send(new)
    first.told(InForce)

    first.die(-signal.SIGKILL)
    second = kept.process()

    config = second.told(ControlConfig)
    assert config.resumed == new.file
    assert second.told(InForce).generation == 1
    assert kept.keeper.restarts == 1
    assert "started again" in kept.keeper.trouble
    assert kept.keeper.alive

    second.channel.send(kept.snapshot(2, last_good=True))
    kept.published.get(timeout=PATIENCE)
    kept.published.get(timeout=PATIENCE)
    assert "started again" in kept.keeper.trouble
    second.channel.send(kept.snapshot(3))
    _eventually(lambda: kept.keeper.trouble == "")


def test_the_state_of_the_store_is_known(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    process.channel.send(StoreState(why="it is down"))
    _eventually(lambda: kept.keeper.trouble == "it is down")
    process.channel.send(StoreState(why=""))
    _eventually(lambda: kept.keeper.trouble == "")


def test_what_an_operator_must_mend_ends_a_node_that_never_served(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    process.channel.send(Failed(message="the policy is broken", hint="mend it"))

    failure = kept.failed.get(timeout=PATIENCE)
    assert (failure.message, failure.hint) == ("the policy is broken", "mend it")


def test_it_is_only_logged_once_there_is_something_to_answer_by(
    kept: _Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.keeper.start()
    process = kept.process()
    process.channel.send(kept.snapshot(1))
    process.channel.send(Failed(message="the port is taken", hint=None))

    _eventually(lambda: "the port is taken" in capsys.readouterr().err)
    assert kept.failed.empty()


def test_five_deaths_before_anything_was_published_end_the_node(kept: _Kept) -> None:
    kept.keeper.start()
    for _ in range(START_ATTEMPTS):
        kept.process().die(1)

    failure = kept.failed.get(timeout=PATIENCE)

    assert f"{START_ATTEMPTS} times" in failure.message
    assert "status 1" in failure.message
    # Where the node goes on all the same (SDS alone beside a policy), it is kept alive.
    assert kept.process() is not None


def test_deaths_after_that_never_do(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    process.channel.send(kept.snapshot(1))
    kept.published.get(timeout=PATIENCE)
    for _ in range(START_ATTEMPTS + 2):
        process.die(1)
        process = kept.process()

    assert kept.failed.empty()
    assert kept.keeper.restarts == START_ATTEMPTS + 2


def test_a_system_without_processes_to_spare_is_asked_again(kept: _Kept) -> None:
    kept.refuse.put(OSError("no memory"))
    kept.keeper.start()

    assert kept.process() is not None
    assert kept.keeper.restarts == 1


def test_one_that_cannot_be_understood_is_ended(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    process.channel._socket.sendall(b"\x01\x00\x00\x00\xc1")

    assert process.killed.wait(PATIENCE)
    assert kept.process() is not None


def test_one_that_hangs_up_and_stays_is_ended(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXIT_SECONDS", 0.01)
    kept.keeper.start()
    process = kept.process()

    process.channel.shutdown()

    assert process.killed.wait(PATIENCE)
    assert kept.process() is not None


def test_one_that_does_not_answer_is_ended(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was stopped by SIGSTOP: it neither reads nor ends."""
    monkeypatch.setattr(module, "PULSE_SECONDS", 0.005)
    kept.keeper.start()

    assert kept.process().killed.wait(PATIENCE)
    assert kept.process() is not None


def test_one_that_answers_is_not(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PULSE_SECONDS", 0.02)
    kept.keeper.start()
    process = kept.process()

    pulses = module.STARTING_PULSES + 2 * module.MISSED_PULSES
    for _ in range(pulses):
        number = process.told(Inquire).number
        process.channel.send(Numbers(number=number, text=b""))

    assert not process.killed.is_set()


def test_metrics_are_asked_for(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine is no control process that does not answer; and no pulse comes in between.
    monkeypatch.setattr(module, "INQUIRE_SECONDS", PATIENCE)
    monkeypatch.setattr(module, "PULSE_SECONDS", PATIENCE)
    kept.keeper.start()
    process = kept.process()
    # Only from then on there is somebody to ask.
    process.told(ControlConfig)
    rendered: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    asking = threading.Thread(target=lambda: rendered.put(kept.keeper.render()))
    asking.start()

    number = process.told(Inquire).number
    process.channel.send(Numbers(number=number, text=b"authz_store_up 1.0\n"))

    text = rendered.get(timeout=PATIENCE).decode()
    asking.join()
    assert "authz_control_restarts_total 0.0" in text
    assert text.endswith("authz_store_up 1.0\n")


def test_without_an_answer_the_last_metrics_stand_in(
    kept: _Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INQUIRE_SECONDS", 0.01)
    assert b"authz_control_restarts_total" in kept.keeper.render()
    kept.keeper.start()
    process = kept.process()
    process.channel.send(Numbers(number=0, text=b"authz_store_up 1.0\n"))

    _eventually(lambda: kept.keeper.render().endswith(b"authz_store_up 1.0\n"))


def test_reports_and_requests_are_handed_on(kept: _Kept) -> None:
    # Before it runs, nobody is there to be told.
    kept.keeper.rebuild()
    kept.keeper.start()
    process = kept.process()
    process.told(ControlConfig)

    kept.keeper.tell(Report(seen={"a": 1.0}))
    kept.keeper.rebuild()

    assert process.told(Tell).report.seen == {"a": 1.0}
    assert process.told(Rebuild) == Rebuild()


def test_findings_are_logged(kept: _Kept, capsys: pytest.CaptureFixture[str]) -> None:
    kept.keeper.start()
    process = kept.process()
    one = Finding(where="api", rule="r", code="C", finding="odd", hint=None)

    process.channel.send(Findings(first=(one,), count=3))

    text = ""

    def logged() -> bool:
        nonlocal text
        text += capsys.readouterr().err
        return "more findings" in text

    _eventually(logged)
    assert '"finding": "odd"' in text


def test_stop_lets_it_end(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()
    process.told(ControlConfig)

    def end_with_the_stream() -> None:
        while process.channel.receive() is not None:
            pass
        process.die(0)

    ended = threading.Thread(target=end_with_the_stream)
    ended.start()
    kept.keeper.stop()
    ended.join(PATIENCE)

    assert not process.killed.is_set()
    assert kept.started.empty()
    assert kept.keeper.alive, "it was asked to"


def test_kill_ends_it_at_once(kept: _Kept) -> None:
    kept.keeper.kill()
    kept.keeper.start()
    kept.keeper.kill()
    kept.keeper.stop()

    assert all(one.killed.is_set() for one in kept.all)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_that_broke_is_not_alive(kept: _Kept) -> None:
    assert kept.keeper.alive, "it was not started yet"

    def broken(_: TransportError) -> None:
        raise ZeroDivisionError

    kept.keeper._failed = broken
    kept.keeper.start()
    process = kept.process()
    process.channel.send(Failed(message="the policy is broken", hint=None))

    _eventually(lambda: not kept.keeper.alive)
    kept.keeper._channel.close()  # type: ignore[union-attr]  # the thread that would is gone
