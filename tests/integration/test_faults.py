# SPDX-License-Identifier: Apache-2.0
"""What surrounds a node breaks while it answers: processes, disks, descriptors, memory, callers.

Every time the same is asked of it: what is denied stays denied, nobody waits beyond a deadline who
asks what still works, and it recovers without a hand. Faults of the store are in test_store.py,
those of one kind of process in the files of that process.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import grpc
import psutil
import pytest

from authz.extauthz.service import MAX_CHECK_BYTES
from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack.report import tried
from tests.factories.checks import check_request
from tests.integration.asking import (
    CLOSED,
    DEADLINE,
    DENIED,
    OPEN,
    PROTECTED,
    Asking,
    until_answered,
)
from tests.integration.harness import DENY_ALL, PATIENCE, Node, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.harness import Client

    Start = Callable[..., Node]
    Connect = Callable[[str], Client]

pytestmark = pytest.mark.attack

TWO = ("--workers", "2", "--port-per-worker")


# A node for each test takes seconds: `make test` tries one transport, the others both.
@pytest.fixture(params=["native", pytest.param("grpcio", marks=pytest.mark.acceptance)])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _settings(directory: Path, **sections: Any) -> tuple[str, str]:
    file = directory / "authz.json.yaml"
    file.write_text(json.dumps(sections))
    return "--config", str(file)


# --- processes -----------------------------------------------------------------------------------


def test_a_worker_that_is_stopped_is_replaced(start: Start, tmp_path: Path, transport: str) -> None:
    settings = _settings(tmp_path, grpc={"worker_silence_seconds": 4})
    node = start(*TWO, "--transport", transport, *settings, policy=PROTECTED).until_serving()
    stopped, lively = node.workers()
    # Once both have shown that they live.
    assert node.metric("authz_worker_hung_total") == 0
    says = "a worker stands still (SIGSTOP), the other one is asked"
    with Asking(node.addresses[1], says=says) as other:
        began = time.monotonic()
        stopped.suspend()
        ended = node.until_logged("a worker gives no sign of life and is ended")
        assert (ended["worker"], ended["worker_pid"]) == (0, stopped.pid)
        # SIGTERM cannot reach it, SIGKILL does.
        node.until_logged("the worker is ready")
        assert time.monotonic() - began < 20
        other.more()

    says = "a worker stood still (SIGSTOP), its successor is asked"
    with Asking(node.addresses[0], says=says) as successor:
        successor.more()
    assert not psutil.pid_exists(stopped.pid)
    assert lively.is_running()
    assert node.metric("authz_worker_hung_total") == 1
    assert node.metric("authz_worker_restarts_total") == 1
    assert node.metric("authz_workers_ready") == 2


@pytest.mark.acceptance
def test_workers_that_are_idle_or_busy_are_left_alone(start: Start, tmp_path: Path) -> None:
    settings = _settings(tmp_path, grpc={"worker_silence_seconds": 4})
    node = start(*TWO, *settings, policy=PROTECTED).until_serving()
    before = [worker.pid for worker in node.workers()]
    says = "a worker that is asked all the time, beside one that is not"
    with Asking(node.addresses[0], says=says):
        # Longer than silence may take.
        threading.Event().wait(7)

    assert [worker.pid for worker in node.workers()] == before
    assert node.metric("authz_worker_hung_total") == 0


# --- callers -------------------------------------------------------------------------------------


def test_half_open_connections_hold_up_nobody(start: Start, transport: str) -> None:
    node = start("--transport", transport, policy=PROTECTED).until_serving()
    host, _, port = node.addresses[0].rpartition(":")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    # A frame that announces headers and does not send them.
    beginnings = (b"", preface[:10], preface, preface + settings, preface + settings + b"\0\1\0\1")
    with contextlib.ExitStack() as stack:
        for turn in range(200):
            one = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            one.sendall(beginnings[turn % len(beginnings)])
        says = "200 connections that began and went no further"
        with Asking(node.addresses[0], says=says) as asking:
            asking.more(200)

    says = "after connections that began and went no further"
    with Asking(node.addresses[0], says=says) as after:
        after.more()


def test_callers_who_do_not_wait_are_missed_by_nobody(start: Start, transport: str) -> None:
    node = start("--transport", transport, policy=PROTECTED).until_serving()
    wrong = 0
    says = "beside callers who cancel, or whose time is over"
    with (
        Asking(node.addresses[0], says=says) as asking,
        grpc.insecure_channel(node.addresses[0]) as channel,
    ):
        call: Any = channel.unary_unary(CHECK, None, None)
        for turn in range(400):
            if turn % 2:
                waiting = call.future(CLOSED, timeout=DEADLINE)
                waiting.cancel()
            else:
                # Its time is over before it arrives, or just then.
                waiting = call.future(CLOSED, timeout=1e-4)
            with contextlib.suppress(grpc.RpcError, grpc.FutureCancelledError):
                answer = CheckResponse.FromString(waiting.result())
                wrong += answer.status.code not in (DENIED, 7)
        asking.more()

    tried("faults", "callers who cancel, or whose time is over", 400, wrong=wrong)
    assert wrong == 0


# --- what the system gives -----------------------------------------------------------------------


def test_without_descriptors_who_is_connected_is_answered_and_others_are_later(
    start: Start, transport: str
) -> None:
    node = start(
        "--workers", "2", "--port-per-worker", "--transport", transport, policy=PROTECTED
    ).until_serving()
    worker = node.workers()[0]
    host, _, port = node.addresses[0].rpartition(":")
    says = "no descriptors are left, who is connected asks"
    with Asking(node.addresses[0], says=says) as asking:
        asking.more()
        limits = worker.rlimit(psutil.RLIMIT_NOFILE)
        worker.rlimit(psutil.RLIMIT_NOFILE, (worker.num_fds() + 3, limits[1]))
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                # The system takes them for the worker, who cannot.
                stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            asking.more(200)
        worker.rlimit(psutil.RLIMIT_NOFILE, limits)

    says = "after descriptors were short, a new connection asks"
    with Asking(node.addresses[0], says=says) as after:
        after.more()
    assert worker.is_running()


def test_without_memory_it_denies_or_dies_and_comes_back(start: Start, transport: str) -> None:
    node = start(*TWO, "--transport", transport, policy=PROTECTED).until_serving()
    worker = node.workers()[0]
    headers = [(f"x-{n}", b"v" * 8000) for n in range(MAX_CHECK_BYTES // 9000)]
    large = check_request(path="/admin", headers=headers).SerializeToString()
    answers: Counter[int] = Counter()
    failed = times = 0

    def was_short() -> bool:
        broken = node.metric("authz_outright_denials_total", reason="internal_error")
        return failed + broken + node.metric("authz_worker_restarts_total") > 0

    # It may keep what it has; what was freed in there is used first, however much that is.
    worker.rlimit(psutil.RLIMIT_AS, (1, resource.RLIM_INFINITY))
    for turn in range(8):
        with contextlib.ExitStack() as stack:
            waiting = []
            # One connection has so many bytes on their way at most: more of them take more.
            for _ in range(2**turn):
                options = [
                    ("grpc.max_send_message_length", -1),
                    ("grpc.use_local_subchannel_pool", 1),
                ]
                channel = stack.enter_context(grpc.insecure_channel(node.addresses[0], options))
                call: Any = channel.unary_unary(CHECK, None, None)
                waiting += [call.future(large, timeout=DEADLINE) for _ in range(20)]
            for one in waiting:
                times += 1
                try:
                    answers[CheckResponse.FromString(one.result()).status.code] += 1
                except grpc.RpcError:
                    # A worker whose memory is at its end may end; Envoy denies what has no answer.
                    failed += 1
        if was_short():
            break
    wrong = times - failed - answers[DENIED] - answers[7]
    tried("faults", "large checks without memory", times, wrong=wrong)
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.rlimit(psutil.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    assert wrong == 0
    assert was_short(), answers
    # It lives on and answers, or it has ended and another one does. Nobody waits for signs of life.
    until_answered(node.addresses[0])
    with Asking(node.addresses[0], says="after memory was short") as after:
        after.more()
    assert node.metric("authz_worker_hung_total") == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for very little."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_changes_nothing_and_is_over_when_there_is_room(
    start: Start, small_disk: Path
) -> None:
    node = start(
        *("--workers", "2", "--port-per-worker", "--data-dir", str(small_disk / "data")),
        policy=PROTECTED,
    ).until_serving()
    with Asking(node.addresses[0], says="the disk is full") as asking:
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        node.rewrite(DENY_ALL)
        failed = node.until_logged("the policy cannot be used; the last good one stays")
        assert "no space left" in failed["reason"].lower()
        asking.more()
        # A worker that starts again now has what is in force.
        node.workers()[1].kill()
        node.until_logged("the worker is ready")
        says = "the disk is full, and a worker starts again"
        with Asking(node.addresses[1], says=says) as again:
            again.more()

    filler.unlink()
    node.signal(signal.SIGHUP)
    asked = grpc.insecure_channel(node.addresses[0])
    call: Any = asked.unary_unary(CHECK, None, None)
    eventually(
        lambda: CheckResponse.FromString(call(OPEN, timeout=DEADLINE)).status.code == DENIED,
        "with room again, the new policy answers",
    )
    asked.close()


def test_a_decision_log_on_a_full_disk_delays_and_changes_nothing(
    start: Start, small_disk: Path, tmp_path: Path
) -> None:
    log = small_disk / "decisions.jsonl"
    settings = _settings(tmp_path, decision_log={"enabled": True, "path": str(log)})
    node = start(*settings, policy=PROTECTED).until_serving()
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with Asking(node.addresses[0], says="the decision log's disk is full") as asking:
        eventually(
            lambda: node.metric("authz_decision_log_write_failures_total") > 0, "it is counted"
        )
        asking.more()
        filler.unlink()
        size = log.stat().st_size if log.exists() else 0
        eventually(lambda: log.exists() and log.stat().st_size > size, "lines are written again")
