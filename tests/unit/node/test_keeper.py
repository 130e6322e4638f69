# SPDX-License-Identifier: Apache-2.0
"""What keeps a process alive, over processes that are only played."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.node import keeper as module
from authz.node.keeper import Keeper
from authz.node.keeper_messages import Failed, Inquire, Numbers
from authz.node.messages import Message
from tests.factories.played import PATIENCE, Stage, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import msgspec


class Greeting(Message, frozen=True, kw_only=True):
    """What it is told first."""


class _Keeper(Keeper[Failed | Numbers]):
    def __init__(self, **arguments: Any) -> None:
        super().__init__("module", name="the process", incoming=Failed | Numbers, **arguments)
        self.said: queue.SimpleQueue[Failed] = queue.SimpleQueue()
        self.deaths: queue.SimpleQueue[int | str] = queue.SimpleQueue()

    def _greet(self) -> Sequence[msgspec.Struct]:
        return [Greeting()]

    def _heard(self, message: Failed | Numbers) -> None:
        assert isinstance(message, Failed)
        self.said.put(message)

    def _died(self, status: int | str) -> None:
        self.deaths.put(status)


class _Kept(Stage):
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, Greeting | Inquire)
        self.keeper = _Keeper(exit_seconds=0.05)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Kept]:
    made = _Kept(monkeypatch)
    yield made
    made.end(made.keeper.stop)


def test_it_is_greeted_and_heard(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    assert process.told(Greeting) == Greeting()
    process.channel.send(Failed(message="no", hint=None))

    assert kept.keeper.said.get(timeout=PATIENCE).message == "no"
    assert kept.gave_way == []


def test_it_gets_what_it_is_to_have_and_gives_way_when_it_should(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(monkeypatch, Greeting | Inquire)
    keeper = _Keeper(descriptors=(7, 8), gives_way=True)
    keeper.start()
    process = stage.process()

    process.told(Greeting)

    assert process.descriptors == (7, 8)
    assert stage.gave_way == [process.pid]
    stage.end(keeper.stop)


def test_one_that_died_is_started_again(kept: _Kept) -> None:
    kept.keeper.start()
    kept.process().die(3)

    assert kept.process().told(Greeting) == Greeting()
    assert kept.keeper.deaths.get(timeout=PATIENCE) == 3
    assert kept.keeper.restarts == 1
    assert kept.keeper.alive


def test_a_system_without_processes_to_spare_is_asked_again(kept: _Kept) -> None:
    kept.refuse.put(OSError("no memory"))
    kept.keeper.start()

    assert kept.process() is not None
    assert kept.keeper.deaths.get(timeout=PATIENCE) == "no memory"


def test_one_that_cannot_be_understood_is_ended(kept: _Kept) -> None:
    kept.keeper.start()
    process = kept.process()

    process.channel._socket.sendall(b"\x01\x00\x00\x00\xc1")

    assert process.killed.wait(PATIENCE)
    assert kept.process() is not None


def test_one_that_hangs_up_and_stays_is_ended(kept: _Kept) -> None:
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


def test_its_metrics_are_asked_for(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    # A busy machine is no process that does not answer; and no pulse comes in between.
    monkeypatch.setattr(module, "INQUIRE_SECONDS", PATIENCE)
    monkeypatch.setattr(module, "PULSE_SECONDS", PATIENCE)
    kept.keeper.start()
    process = kept.process()
    # Only from then on there is somebody to ask.
    process.told(Greeting)
    found: queue.SimpleQueue[tuple[bytes, bool]] = queue.SimpleQueue()
    asking = threading.Thread(target=lambda: found.put(kept.keeper.inquire()))
    asking.start()

    process.channel.send(Numbers(number=process.told(Inquire).number, text=b"up 1\n"))

    assert found.get(timeout=PATIENCE) == (b"up 1\n", True)
    asking.join()


def test_without_an_answer_the_last_metrics_stand_in(
    kept: _Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INQUIRE_SECONDS", 0.01)
    assert kept.keeper.inquire() == (b"", False)
    kept.keeper.start()
    kept.process().channel.send(Numbers(number=0, text=b"up 1\n"))

    eventually(lambda: kept.keeper.inquire() == (b"up 1\n", False))


def test_what_became_of_its_log_is_added_up_over_its_lives(kept: _Kept) -> None:
    def says(process: Any, **counts: int) -> None:
        process.channel.send(Numbers(number=0, text=b"up 1\n", log_records=counts))

    assert kept.keeper.log_records() == {}
    kept.keeper.start()
    first = kept.process()
    says(first, exported=2)
    says(first, exported=3, queue=1)
    eventually(lambda: kept.keeper.log_records() == {"exported": 3, "queue": 1})

    first.die(1)
    says(kept.process(), exported=4, export=5)
    eventually(lambda: kept.keeper.log_records() == {"exported": 7, "queue": 1, "export": 5})


def test_stop_lets_it_end(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept.keeper, "_exit_seconds", PATIENCE)
    kept.keeper.start()
    process = kept.process()
    process.told(Greeting)

    def end_with_the_stream() -> None:
        while process.channel.receive() is not None:
            pass
        process.die(0)

    ended = threading.Thread(target=end_with_the_stream)
    ended.start()
    kept.keeper.stop()
    ended.join(PATIENCE)

    assert not process.killed.is_set()
    assert kept.is_empty
    assert kept.keeper.deaths.empty()
    assert kept.keeper.alive, "it was asked to"


def test_kill_ends_it_at_once(kept: _Kept) -> None:
    kept.keeper.kill()
    kept.keeper.start()
    kept.keeper.kill()
    kept.keeper.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_that_broke_is_not_alive(kept: _Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept.keeper.alive, "it was not started yet"

    def broken(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(kept.keeper, "_heard", broken)
    kept.keeper.start()
    process = kept.process()
    process.channel.send(Failed(message="the policy is broken", hint=None))

    eventually(lambda: not kept.keeper.alive)
    kept.keeper._channel.close()  # type: ignore[union-attr]  # the thread that would is gone


def test_what_keeps_nothing_says_what_it_is() -> None:
    general: Keeper[Numbers] = Keeper("module", name="it", incoming=Numbers)
    with pytest.raises(NotImplementedError):
        general._greet()
    with pytest.raises(NotImplementedError):
        general._heard(Numbers(number=1, text=b""))
    general._died(0)
