# SPDX-License-Identifier: Apache-2.0
"""A process ends with the thread that it needs, whatever ended that one."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from authz.node import vital
from authz.node.vital import EXIT_THREAD_LOST, watch

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 20.0


def _raise() -> None:
    raise MemoryError


@pytest.mark.parametrize("target", [_raise, lambda: None])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_end_of_a_thread_is_that_of_the_process(target: Callable[[], None]) -> None:
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    thread = threading.Thread(target=target, name="answers")
    thread.start()
    watch([thread], lambda: False, ended.put)

    assert ended.get(timeout=PATIENCE) == EXIT_THREAD_LOST


def test_an_end_that_was_asked_for_is_none() -> None:
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    asked: queue.SimpleQueue[None] = queue.SimpleQueue()
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()

    def expected() -> bool:
        asked.put(None)
        return True

    watch([thread], expected, ended.put)
    assert asked.empty()
    go.set()
    asked.get(timeout=PATIENCE)
    for one in threading.enumerate():
        if one.name == f"{thread.name} watch":
            one.join(PATIENCE)

    assert ended.empty()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_neither_what_cannot_be_asked_nor_a_log_that_breaks_keeps_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr(vital, "get_logger", fails)
    for expected in (fails, lambda: False):
        ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        thread = threading.Thread(target=int)
        thread.start()
        watch([thread], expected, ended.put)
        assert ended.get(timeout=PATIENCE) == EXIT_THREAD_LOST

    assert capfd.readouterr().err.count(f"authz: {vital._EVENT}\n") == 1


def test_a_pool_keeps_to_itself_what_ended_its_thread() -> None:
    """Why nobody waits for an uncaught error: there is none."""
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    pool = ThreadPoolExecutor(max_workers=1)
    thread = pool.submit(threading.current_thread).result()
    watch([thread], lambda: False, ended.put)
    # Its loop cannot work with what is no piece of work.
    pool._work_queue.put("no work")  # type: ignore[arg-type]  # that is what ends it

    assert ended.get(timeout=PATIENCE) == EXIT_THREAD_LOST
    assert not pool.submit(int).running()


#: A process that answers checks loses a thread, as a lack of memory takes it.
_LOSES = """
import ctypes, sys, threading
from authz.node.endpoint import Endpoint
from authz.node.messages import EndpointConfig
from authz.observability.log import configure_logging

configure_logging("json", "error")
endpoint = Endpoint(EndpointConfig(listen="127.0.0.1:0", transport=sys.argv[1]))
transport = endpoint.start()
lost = transport.threads[int(sys.argv[2])]
if sys.argv[1] == "native":
    transport._front.close()
elif sys.argv[2] == "2":
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    raise_in(ctypes.c_ulong(lost.ident), ctypes.py_object(MemoryError))
else:
    (transport._pool, transport._watch_pool)[int(sys.argv[2])]._work_queue.put("no work")
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("transport", "which", "name"),
    [
        ("native", 0, "authz-native"),
        ("grpcio", 0, "authz-grpcio_0"),
        ("grpcio", 1, "authz-watch_0"),
        ("grpcio", 2, "(_serve)"),
    ],
)
def test_a_process_that_lost_a_thread_of_its_transport_ends_and_says_so(
    transport: str, which: int, name: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOSES, transport, str(which)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == EXIT_THREAD_LOST, done.stderr
    (line,) = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert line["event"] == "a thread that answers has ended, and this process with it"
    assert name in line["thread"]
    assert line["status"] == EXIT_THREAD_LOST


#: The system has threads for the pools, and none for the server's own.
_LACKS = """
import threading
from authz.node.endpoint import Endpoint
from authz.node.messages import EndpointConfig

endpoint = Endpoint(EndpointConfig(listen="127.0.0.1:0", transport="grpcio"))
start = threading.Thread.start

def limited(thread):
    if "_serve" in thread.name:
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = limited
endpoint.start()
"""


def test_a_server_without_its_thread_ends_the_process_instead_of_waiting_for_ever() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LACKS],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == EXIT_THREAD_LOST, done.stderr
    line = json.loads(done.stderr.splitlines()[-1])
    assert line["event"] == "checks cannot be answered, and this process ends"
    assert line["reason"] == "can't start new thread"
