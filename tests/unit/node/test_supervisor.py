# SPDX-License-Identifier: Apache-2.0
"""The supervisor's decisions, with workers that are only played."""

from __future__ import annotations

import queue
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import TransportError
from authz.node import supervisor as module
from authz.node.messages import (
    Alive,
    Configure,
    Drain,
    EndpointConfig,
    Load,
    LoadFailed,
    Pulse,
    Ready,
    StartFailed,
)
from authz.node.supervisor import START_ATTEMPTS, Published, Supervisor
from authz.node.vital import EXIT_THREAD_LOST
from authz.node.worker_process import Exited, Said
from authz.observability.activity import Report, Rule
from tests.factories.events import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 10.0


class _Worker:
    """A worker without a process: what it was told, and a way to speak for it."""

    def __init__(self, made: queue.SimpleQueue[_Worker], configure: Configure, tell: Any) -> None:
        self.index = configure.index
        self.pid = 0
        self.exported = None
        self.answered = 0
        self.retired = False
        self.told: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.signals: list[signal.Signals] = []
        self.lively = False
        self.pulses = threading.Semaphore(0)
        self._tell = tell
        self._ended = False
        made.put(self)

    def send(self, message: object) -> bool:
        self.told.put(message)
        if self.lively and isinstance(message, Pulse):
            self.pulses.release()
            self.say(Alive())
        return not self._ended

    def terminate(self) -> None:
        self.signals.append(signal.SIGTERM)

    def kill(self) -> None:
        self.signals.append(signal.SIGKILL)
        self.exit(-signal.SIGKILL)

    def next_order(self) -> object:
        return self.told.get(timeout=PATIENCE)

    def say(self, message: Any) -> None:
        self._tell(Said(self, message))  # type: ignore[arg-type]  # plays a WorkerProcess

    def exit(self, status: int) -> None:
        if not self._ended:
            self._ended = True
            self._tell(Exited(self, status))  # type: ignore[arg-type]  # as above

    def become_ready(self) -> None:
        assert isinstance(self.next_order(), Load)
        self.say(Ready(address=f"127.0.0.1:{self.index}", transport="native", why=""))


class _Node:
    """A supervisor that runs in a thread, and everything it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.reloads: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.serving: queue.SimpleQueue[list[Ready]] = queue.SimpleQueue()
        self.failure: TransportError | None = None
        self.all: list[_Worker] = []
        monkeypatch.setattr(module, "WorkerProcess", self._start_worker)
        self.supervisor = Supervisor(
            [
                Configure(
                    index=index,
                    endpoint=EndpointConfig(listen="127.0.0.1:0"),
                    log_format="json",
                    log_level="error",
                    drain_seconds=0.01,
                    grace_seconds=0.01,
                )
                for index in range(2)
            ],
            inbox=self.inbox,
            reload=lambda: self.reloads.put("asked"),
            serving=lambda ready: self.serving.put(list(ready)),
        )
        self.supervisor.start()
        self.workers = [self.next_worker(), self.next_worker()]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _start_worker(
        self, configure: Configure, *, tell: Any, answered: Any, reported: Any
    ) -> _Worker:
        self.reported = reported
        worker = _Worker(self.made, configure, tell)
        self.all.append(worker)
        return worker

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except TransportError as error:
            self.failure = error

    def next_worker(self) -> _Worker:
        return self.made.get(timeout=PATIENCE)

    def publish(self, generation: int) -> None:
        self.inbox.put(Published(generation, f"/{generation}"))

    def serve(self) -> None:
        self.publish(1)
        for worker in self.workers:
            worker.become_ready()
        assert len(self.serving.get(timeout=PATIENCE)) == 2

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Node]:
    monkeypatch.setattr(module.Backoff, "next_delay", lambda *_: 0.001)
    made = _Node(monkeypatch)
    yield made
    made.inbox.put(signal.SIGTERM)
    while made._thread.is_alive():
        for worker in made.all:
            worker.exit(0)
        made._thread.join(0.01)


def test_it_is_ready_when_every_worker_was_and_one_is(node: _Node) -> None:
    node.publish(1)
    node.workers[0].become_ready()
    assert not node.supervisor.ready
    node.workers[1].become_ready()
    node.serving.get(timeout=PATIENCE)
    assert node.supervisor.ready
    node.workers[0].exit(1)
    node.next_worker().exit(0)
    assert node.supervisor.ready


def test_every_worker_is_told_every_generation(node: _Node) -> None:
    node.serve()
    node.publish(2)
    for worker in node.workers:
        assert worker.next_order() == Load(generation=2, file="/2")


def test_a_worker_that_died_is_replaced_and_told_the_present_generation(node: _Node) -> None:
    node.serve()
    node.publish(2)
    node.workers[0].exit(-9)
    successor = node.next_worker()
    assert successor.index == 0
    assert successor.next_order() == Load(generation=2, file="/2")
    assert node.supervisor.metrics.restarts == 1


def test_the_death_of_a_predecessor_does_not_count_against_its_successor(node: _Node) -> None:
    node.serve()
    node.workers[0].exit(1)
    successor = node.next_worker()
    successor.become_ready()
    node.workers[0]._ended = False
    node.workers[0].exit(1)
    node.workers[1].exit(1)
    # The next one made is worker 1's: worker 0 has its successor still.
    assert node.next_worker().index == 1


def test_a_worker_that_cannot_serve_at_first_is_the_nodes_failure(node: _Node) -> None:
    node.publish(1)
    node.workers[0].say(StartFailed(message="no such address", hint="choose another"))
    for worker in node.workers:
        worker.exit(2)
    node.join()
    assert node.failure is not None
    assert (node.failure.message, node.failure.hint) == ("no such address", "choose another")


def test_a_worker_that_lost_a_thread_is_counted_and_replaced(node: _Node) -> None:
    node.serve()
    node.workers[1].exit(EXIT_THREAD_LOST)
    node.next_worker().become_ready()

    assert node.supervisor.metrics.thread_lost == 1
    node.workers[0].exit(-signal.SIGKILL)
    node.next_worker()
    assert node.supervisor.metrics.thread_lost == 1
    assert node.supervisor.metrics.restarts == 2


def test_workers_that_die_before_they_serve_end_the_node_after_some_attempts(
    node: _Node,
) -> None:
    worker = node.workers[0]
    for _ in range(START_ATTEMPTS - 1):
        worker.exit(1)
        worker = node.next_worker()
    worker.exit(1)
    node.workers[1].exit(0)
    node.join()
    assert node.failure is not None
    assert f"ended {START_ATTEMPTS} times" in node.failure.message


def test_a_worker_that_cannot_start_later_is_tried_for_ever(node: _Node) -> None:
    node.serve()
    worker = node.workers[0]
    for _ in range(2 * START_ATTEMPTS):
        worker.say(StartFailed(message="gone", hint=None))
        worker.exit(2)
        worker = node.next_worker()
    assert node.supervisor.ready
    assert node.failure is None


def test_a_snapshot_that_a_worker_cannot_use_is_written_anew_not_more_often_than_allowed(
    node: _Node,
) -> None:
    node.serve()
    for worker in node.workers:
        worker.say(LoadFailed(generation=1, kept=0, message="damaged"))
    node.reloads.get(timeout=PATIENCE)
    with pytest.raises(queue.Empty):
        node.reloads.get(timeout=0.2)


def test_sighup_asks_for_a_reload(node: _Node) -> None:
    node.serve()
    node.inbox.put(signal.SIGHUP)
    node.reloads.get(timeout=PATIENCE)


def test_a_stop_signal_drains_every_worker_and_starts_none(node: _Node) -> None:
    node.serve()
    node.inbox.put(signal.SIGTERM)
    for worker in node.workers:
        assert worker.next_order() == Drain()
    assert node.supervisor.stopping
    assert not node.supervisor.ready
    for worker in node.workers:
        worker.exit(0)
    node.join()
    assert node.made.empty()
    assert node.failure is None


def test_a_worker_that_does_not_drain_is_killed(
    node: _Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_MARGIN_SECONDS", 0.01)
    node.serve()
    node.inbox.put(signal.SIGTERM)
    # Neither exits of its own accord: `kill` ends both.
    node.join()
    assert all(worker._ended for worker in node.workers)


def test_a_worker_that_never_gets_ready_is_killed_and_replaced(
    node: _Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.01)
    node.publish(1)
    assert {node.next_worker().index, node.next_worker().index} <= {0, 1}
    assert any(worker._ended for worker in node.workers)


def test_workers_are_replaced_one_after_the_other(node: _Node) -> None:
    node.serve()
    node.inbox.put(signal.SIGUSR2)
    for index in range(2):
        old = node.workers[index]
        assert old.next_order() == Drain()
        if index == 0:
            # Worker 1 stays until worker 0 is back.
            assert node.workers[1].told.empty()
        old.exit(0)
        new = node.next_worker()
        assert new.index == index
        new.become_ready()
        node.workers[index] = new


def test_a_worker_that_cannot_be_started_is_tried_again(
    node: _Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.serve()
    start: Callable[..., Any] = module.WorkerProcess
    attempts: list[int] = []

    def first_fails(configure: Configure, **arguments: Any) -> Any:
        attempts.append(configure.index)
        if len(attempts) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return start(configure, **arguments)

    monkeypatch.setattr(module, "WorkerProcess", first_fails)
    node.workers[0].exit(1)
    assert node.next_worker().index == 0
    assert attempts == [0, 0]


def test_what_workers_tell_about_checks_is_gathered(node: _Node) -> None:
    node.reported(Report(seen={"f": 1.0}, counts=(counted("r", 2),)))
    assert node.supervisor.activity.last_seen("f") == 1.0
    assert node.supervisor.activity.rules() == {Rule("api", "r", "block"): 2}


# --- signs of life ---------------------------------------------------------------------------


def test_a_worker_without_a_sign_of_life_is_ended_and_replaced_and_the_other_one_is_not(
    monkeypatch: pytest.MonkeyPatch, node: _Node
) -> None:
    monkeypatch.setattr(module, "PULSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "SILENT_STOP_SECONDS", 0.01)
    silent, lively = node.workers
    lively.lively = True
    node.serve()

    successor = node.next_worker()

    assert successor.index == silent.index
    # SIGTERM is for a process that can still drain; this one was killed in the end.
    assert silent.signals == [signal.SIGTERM, signal.SIGKILL]
    assert lively.signals == []
    assert node.supervisor.metrics.hung == 1
    assert node.supervisor.metrics.restarts == 1
    asked = 0
    while not silent.told.empty():
        asked += isinstance(silent.told.get(), Pulse)
    assert asked == 8  # 15 seconds of two


def test_a_worker_that_is_starting_is_not_asked_for_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch, node: _Node
) -> None:
    monkeypatch.setattr(module, "PULSE_SECONDS", 0.01)
    node.workers[0].lively = True
    node.publish(1)
    node.workers[0].become_ready()
    for _ in range(20):
        assert node.workers[0].pulses.acquire(timeout=PATIENCE)

    assert isinstance(node.workers[1].next_order(), Load)
    assert node.workers[1].told.empty()
    assert node.supervisor.metrics.hung == 0
