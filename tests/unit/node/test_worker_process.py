# SPDX-License-Identifier: Apache-2.0
"""What a worker said counts, however it ends: real processes, some of them only playing one."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.extauthz.transport import CHECK
from authz.node import worker_process as module
from authz.node.messages import Configure, Drain, EndpointConfig, Load, Ready
from authz.node.snapshot_file import write_snapshot
from authz.node.worker_process import Exited, Said, WorkerProcess
from authz.observability.activity import Activity, Rule
from authz.policy.model import Action, PolicyModel
from tests.factories.checks import check_request
from tests.factories.pki import AT
from tests.factories.policies import rule, site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 30.0

#: How a player begins: its end of the channel, and a report with one counted rule.
PLAY = """
import os, socket, sys
from authz.node.channel import Channel
from authz.node.messages import Export, Reported, ToWorker
from authz.observability.activity import Report
from tests.factories.events import counted
end = socket.socket(fileno=int(sys.argv[-1]))
channel = Channel(end, ToWorker)
channel.receive()
report = Report(counts=(counted("r", 2),))
channel.send(Reported(number=1, report=report))
"""


class _Node:
    """A worker process and everything that was heard of it."""

    def __init__(self, reported: Callable[[Any], None] = lambda _: None) -> None:
        self.told: queue.SimpleQueue[Said | Exited] = queue.SimpleQueue()
        self.activity = Activity()

        def gather(report: Any) -> None:
            self.activity.add(report)
            reported(report)

        self.worker = WorkerProcess(
            Configure(
                index=0,
                endpoint=EndpointConfig(listen="127.0.0.1:0"),
                log_format="json",
                log_level="error",
                drain_seconds=0.0,
                grace_seconds=1.0,
            ),
            tell=self.told.put,
            answered=threading.Condition(),
            reported=gather,
        )

    def until(self, kind: type) -> Any:
        """The next thing of its kind that it said, or that became of it."""
        while True:
            event = self.told.get(timeout=PATIENCE)
            if isinstance(event, kind):
                return event
            if isinstance(event, Said) and isinstance(event.message, kind):
                return event.message

    def serve(self, directory: Path, model: PolicyModel) -> str:
        """Its address, once it answers by `model`."""
        file = write_snapshot(directory, model, 1, AT)
        assert self.worker.send(Load(generation=1, file=str(file)))
        return str(self.until(Ready).address)


@pytest.fixture
def start() -> Iterator[Callable[..., _Node]]:
    nodes: list[_Node] = []

    def _start(**options: Any) -> _Node:
        nodes.append(_Node(**options))
        return nodes[-1]

    yield _start
    for node in nodes:
        node.worker.kill()
        node.worker._thread.join(PATIENCE)


def play(monkeypatch: pytest.MonkeyPatch, script: str, *more: int) -> None:
    """Start `script` instead of a worker; it inherits the descriptors `more`."""
    start = subprocess.Popen

    def popen(command: list[str], *, pass_fds: tuple[int, ...], **options: Any) -> Any:
        return start(
            [sys.executable, "-c", PLAY + script, *map(str, more), command[-1]],
            pass_fds=(*pass_fds, *more),
            **options,
        )

    monkeypatch.setattr(module.subprocess, "Popen", popen)


def test_whatever_was_not_told_yet_is_told_by_a_worker_that_drains(
    start: Callable[..., _Node], tmp_path: Path
) -> None:
    node = start()
    model = PolicyModel(
        sites=(
            site(
                rule('http.host eq "api.example.com"', ref="seen", action=Action.LOG),
                rule('http.host eq "api.example.com"', ref="all"),
            ),
        )
    )
    checks = 500
    with grpc.insecure_channel(node.serve(tmp_path, model)) as channel:
        ask = channel.unary_unary(CHECK, None, None)
        data = check_request().SerializeToString()
        calls = [ask.future(data, timeout=PATIENCE, wait_for_ready=True) for _ in range(checks)]
        assert all(call.result() for call in calls)
    node.worker.send(Drain())

    assert node.until(Exited).status == 0
    assert len({event.id for event in node.activity.events(2 * checks)}) == checks
    assert node.activity.rules() == {
        Rule("api", "all", "block"): checks,
        Rule("api", "seen", "log"): checks,
    }
    assert node.worker.exported is not None
    assert node.worker.exported.metrics["events_dropped"] == 0


def test_what_a_worker_told_before_it_was_killed_counts_once_and_half_a_message_not_at_all(
    start: Callable[..., _Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    play(
        monkeypatch,
        """
import struct
end.sendall(struct.pack("<I", 1000) + b"half")
os.kill(os.getpid(), 9)
""",
    )
    node = start()

    assert node.until(Exited).status == -signal.SIGKILL
    assert node.activity.rules() == {Rule("api", "r", "block"): 2}


def test_a_worker_that_sends_no_message_is_ended(
    start: Callable[..., _Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    play(
        monkeypatch,
        """
import struct
end.sendall(struct.pack("<I", 3) + b"\\xc1" * 3)
end.recv(1)
os.read(0, 1)
channel.receive()
""",
    )
    node = start()

    assert node.until(Exited).status != 0
    assert node.activity.rules() == {Rule("api", "r", "block"): 2}


def test_a_worker_that_ended_before_its_report_was_answered_did_not_crash(
    start: Callable[..., _Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    hung_up, may_end = os.pipe(), os.pipe()
    play(
        monkeypatch,
        """
hung_up, may_end = map(int, sys.argv[1:3])
channel.send(Export(number=0, metrics={"last": 1}))
channel.close()
os.write(hung_up, b"x")
os.read(may_end, 1)
""",
        hung_up[1],
        may_end[0],
    )
    # It has hung up when its report is answered, and is still there.
    node = start(reported=lambda _: os.read(hung_up[0], 1))
    with node.worker._condition:
        assert node.worker._condition.wait_for(lambda: node.worker.exported, PATIENCE)
    os.write(may_end[1], b"x")
    for descriptor in (*hung_up, *may_end):
        os.close(descriptor)

    assert node.until(Exited).status == 0
    assert node.worker.exported is not None
    assert node.worker.exported.metrics == {"last": 1}
