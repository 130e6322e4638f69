# SPDX-License-Identifier: Apache-2.0
"""What only the native transport does: its loop, its drain, its deadlines."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import grpc

from authz.extauthz.encode import CONSTANT_DENIAL
from authz.extauthz.health import HEALTH_CHECK
from authz.extauthz.transport import CHECK, native
from authz.extauthz.transport.backlog import Backlog
from tests.unit.extauthz.transport.conftest import Service, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

PATIENCE = 10.0


def test_checks_that_wait_in_a_batch_have_less_time_left() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow_first(data: bytes) -> bytes:
        if data == b"first":
            begun.set()
            assert go_on.wait(PATIENCE)
        elif data == b"slow":
            until = time.perf_counter() + 0.05
            while time.perf_counter() < until:
                pass
        return data

    service = Service(slow_first)
    with opened("native", service) as it:
        call = it.channel.unary_unary(CHECK)
        calls = [call.future(b"first", timeout=PATIENCE)]
        assert begun.wait(PATIENCE)
        # These arrive while the loop is busy, and are then handed over together.
        calls += [call.future(data, timeout=PATIENCE) for data in (b"slow", b"slow", b"last")]
        ready = threading.Event()
        ready.wait(0.2)
        go_on.set()
        assert [c.result() for c in calls] == [b"first", b"slow", b"slow", b"last"]

    last = service.remaining[-1]
    assert last is not None
    assert last < PATIENCE - 0.1


def test_calls_that_arrive_while_draining_are_answered() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(data: bytes) -> bytes:
        begun.set()
        assert go_on.wait(PATIENCE)
        return b"fine"

    with opened("native", Service(slow)) as it:
        call = it.channel.unary_unary(CHECK)
        first = call.future(b"", timeout=PATIENCE)
        assert begun.wait(PATIENCE)
        stopper = threading.Thread(target=it.transport.stop, args=(PATIENCE,))
        stopper.start()
        second = call.future(b"", timeout=PATIENCE)
        go_on.set()

        assert (first.result(), second.result()) == (b"fine", b"fine")
        stopper.join(PATIENCE)
        assert not stopper.is_alive()


def test_a_service_that_answers_nonsense_is_a_denial_and_the_loop_goes_on() -> None:
    answers: list[Any] = [None, b"fine"]

    with opened("native", Service(lambda _: answers.pop(0))) as it:
        call = it.channel.unary_unary(CHECK)

        assert call(b"", timeout=PATIENCE) == CONSTANT_DENIAL
        assert call(b"", timeout=PATIENCE) == b"fine"


def test_an_idle_transport_stops_long_before_its_grace() -> None:
    with opened("native") as it:
        before = time.monotonic()
        it.transport.stop(PATIENCE)

        assert time.monotonic() - before < PATIENCE / 2


def test_the_grace_bounds_how_long_stopping_waits_for_callers() -> None:
    """A stream of calls that never ends cannot keep a process alive."""
    with opened("native") as it:
        call = it.channel.unary_unary(CHECK)
        over = threading.Event()

        def keep_calling() -> None:
            while not over.is_set():
                try:
                    call(b"", timeout=1)
                except grpc.RpcError:
                    return  # closed, as it should be

        caller = threading.Thread(target=keep_calling)
        caller.start()
        before = time.monotonic()
        it.transport.stop(0.3)
        over.set()
        caller.join(PATIENCE)

        assert time.monotonic() - before < PATIENCE / 2


class Slow:
    """A service that needs 5 ms for an answer, as the transport knows, and is asked by many."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(native, "Backlog", lambda: Backlog(0.005))
        self.begun, self.go_on = threading.Event(), threading.Event()

    def answer(self, data: bytes) -> bytes:
        if data == b"first":
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
        threading.Event().wait(0.005)
        return b"answer"

    def asked(self, channel: Any, done: Callable[[bytes], None]) -> list[bytes]:
        """The answers to 500 checks that wait behind another one, in the order of the calls."""
        call = channel.unary_unary(CHECK)
        first = call.future(b"first", timeout=PATIENCE)
        assert self.begun.wait(PATIENCE)
        # All of them need 2.5 s, and each may wait for one.
        many = [call.future(b"many", timeout=PATIENCE) for _ in range(500)]
        for one in many:
            one.add_done_callback(lambda one: done(one.result()))
        health = channel.unary_unary(HEALTH_CHECK).future(b"", timeout=PATIENCE)
        health.add_done_callback(lambda _: done(b"health"))
        # Until most of them wait behind the first.
        threading.Event().wait(0.3)
        self.go_on.set()
        assert first.result() == b"answer"
        return [one.result() for one in many]


def test_what_would_come_too_late_is_shed_at_once_and_health_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[bytes] = []
    slow = Slow(monkeypatch)
    with opened("native", Service(slow.answer)) as it:
        answers = slow.asked(it.channel, order.append)

    assert set(answers) == {b"answer", b"shed many"}
    assert answers.count(b"answer") <= 250
    # Both are told before most of the answers; in which order they arrive is the client's affair,
    # and what came late is of a later batch.
    middle = [n for n, one in enumerate(order) if one == b"answer"][answers.count(b"answer") // 2]
    assert order.index(b"shed many") < middle
    assert order.index(b"health") < middle


class Queued:
    """A front in whose queue everything is already: in which order it is answered is ours alone."""

    bound_port = 1

    def __init__(self, events: list[Any]) -> None:
        self.waiting = events
        self.answers: list[tuple[int, bytes]] = []

    def start(self) -> None:
        """Nothing listens."""

    def close(self) -> None:
        """Nothing listens."""

    def recv_batch_details(self, most: int, timeout_ms: int) -> list[Any] | None:
        batch, self.waiting = self.waiting[:most], self.waiting[most:]
        return batch or ([] if timeout_ms == 0 else None)

    def respond(self, call_id: int, payload: bytes) -> bool:
        self.answers.append((call_id, payload))
        return True


def test_of_what_waits_all_that_is_shed_is_told_first_then_health_then_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    details = ((), "", 1.0)
    events = [(0, n, 0, b"%d" % n, None, details) for n in range(200)]
    events.insert(150, (0, 999, 1, b"", None, details))
    front = Queued(events)
    monkeypatch.setattr(native, "NativeGrpcFront", lambda *_, **__: front)
    # Half of a second is enough for fifty times ten milliseconds, and the one that is due then.
    monkeypatch.setattr(native, "Backlog", lambda: Backlog(0.01))
    with opened("native", Service()):
        """It is stopped when the queue is empty."""
    called = [call_id for call_id, _ in front.answers]
    kept = len(called) - called.index(999) - 1

    assert called == [*range(kept, 200), 999, *range(kept)]
    assert 50 <= kept <= 52
    shed = front.answers[: 200 - kept]
    assert [payload for _, payload in shed] == [b"shed %d" % call_id for call_id, _ in shed]


def test_a_queue_that_is_soon_gone_is_answered_in_the_order_of_arrival(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    details = ((), "", 1.0)
    events = [(0, n, 0, b"%d" % n, None, details) for n in range(200)]
    events[150] = (0, 150, 1, b"", None, details)
    front = Queued(events)
    monkeypatch.setattr(native, "NativeGrpcFront", lambda *_, **__: front)
    # However long a busy machine takes for three batches.
    monkeypatch.setattr(native, "_FULL_SECONDS", PATIENCE)
    with opened("native", Service()):
        """It is stopped when the queue is empty."""

    assert [call_id for call_id, _ in front.answers] == [*range(200)]


class Paced(Queued):
    """Batches with pauses before them, in milliseconds; keeps which of them were looked behind."""

    def __init__(self, batches: list[tuple[int, int]], clock: list[float]) -> None:
        super().__init__([])
        self.batches, self.clock, self.looks = batches, clock, [0] * len(batches)

    def recv_batch_details(self, most: int, timeout_ms: int) -> list[Any] | None:
        if timeout_ms == 0:
            self.looks[-len(self.batches) - 1] += 1
            return []
        if not self.batches:
            return None
        pause, size = self.batches.pop(0)
        self.clock[0] += pause / 1000
        return [(0, 0, 0, b"", None, ((), "", 1.0))] * size


def test_when_all_that_waits_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty milliseconds after a batch that was not full, or after the last look."""
    clock = [1.0]
    front = Paced([(1, 64), (15, 64), (15, 64), (15, 64), (15, 64), (15, 9), (15, 64)], clock)
    monkeypatch.setattr(native, "NativeGrpcFront", lambda *_, **__: front)
    monkeypatch.setattr(native.time, "perf_counter", lambda: clock[0])
    with opened("native", Service()):
        """It is stopped when nothing comes any more."""

    assert front.looks == [0, 0, 1, 0, 1, 0, 0]


def test_an_answer_to_what_is_shed_that_cannot_be_made_is_a_denial(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Broken(Service):
        def shed(self, data: bytes) -> bytes:
            raise RuntimeError(data)

    slow = Slow(monkeypatch)
    with opened("native", Broken(slow.answer)) as it:
        answers = slow.asked(it.channel, lambda _: None)

    assert set(answers) == {b"answer", CONSTANT_DENIAL}
    # Hundreds of them are one line.
    assert capfd.readouterr().err.count("a call could not be answered") == 1


def test_a_queue_that_takes_longer_than_was_reckoned_is_not_worked_off_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow(monkeypatch)
    # As after many cheap checks; then come costly ones, from callers who wait for ever.
    monkeypatch.setattr(native, "Backlog", lambda: Backlog(0.000001))
    with opened("native", Service(slow.answer)) as it:
        answers = slow.asked(it.channel, lambda _: None)

    assert set(answers) == {b"answer", b"shed many"}


def test_whoever_is_told_of_calls_hears_of_those_that_are_shed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Heard:
        """Counts, and knows which call it heard of last."""

        calls = 0

        def arrived(self, metadata: object) -> None:
            self.calls += 1

        def gone(self) -> None:
            """Nobody goes here."""

    heard, slow = Heard(), Slow(monkeypatch)
    with opened("native", Service(slow.answer), caller=heard) as it:
        answers = slow.asked(it.channel, lambda _: None)

    assert b"shed many" in answers
    # And the first one, behind which they wait.
    assert heard.calls == len(answers) + 1
