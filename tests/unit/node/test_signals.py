# SPDX-License-Identifier: Apache-2.0
"""Signals become items of a queue; the second stop signal ends the process."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading

from authz.node.signals import Signals


def test_signals_arrive_in_the_queue_and_handlers_are_put_back() -> None:
    arrived: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    before = signal.getsignal(signal.SIGUSR2)
    with Signals([signal.SIGUSR2], arrived.put) as signals:
        signal.raise_signal(signal.SIGUSR2)
        assert arrived.get(timeout=10) is signal.SIGUSR2
        assert not signals.stopping
    assert signal.getsignal(signal.SIGUSR2) is before


def test_the_first_stop_signal_is_an_item_and_a_fact() -> None:
    arrived: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    with Signals([signal.SIGINT], arrived.put) as signals:
        assert not signals.stopping
        signal.raise_signal(signal.SIGINT)
        assert arrived.get(timeout=10) is signal.SIGINT
        assert signals.stopping


def test_the_first_stop_signal_is_told_before_it_is_an_item() -> None:
    arrived: queue.SimpleQueue[object] = queue.SimpleQueue()
    with Signals([signal.SIGTERM, signal.SIGUSR2], arrived.put) as signals:
        signals.on_stop = lambda: arrived.put("told")
        signal.raise_signal(signal.SIGUSR2)
        signal.raise_signal(signal.SIGTERM)
        assert [arrived.get(timeout=10) for _ in range(3)] == [
            signal.SIGUSR2,
            "told",
            signal.SIGTERM,
        ]


def test_a_signal_is_noticed_while_the_main_thread_is_busy_elsewhere() -> None:
    arrived: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    main_thread_is_done = threading.Event()

    def other() -> None:
        os.kill(os.getpid(), signal.SIGUSR2)
        arrived.get(timeout=10)
        main_thread_is_done.set()

    with Signals([signal.SIGUSR2], arrived.put):
        thread = threading.Thread(target=other)
        thread.start()
        # A handler in Python would wait for this call to return.
        thread.join(10)
        assert main_thread_is_done.is_set()


def test_signals_that_were_not_asked_for_are_left_alone() -> None:
    arrived: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    try:
        with Signals([signal.SIGUSR2], arrived.put):
            signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGUSR2)
            assert arrived.get(timeout=10) is signal.SIGUSR2
        assert seen == [signal.SIGUSR1]
        assert arrived.empty()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_second_stop_signal_ends_the_process_at_once() -> None:
    program = """
import queue, signal, time
from authz.node.signals import Signals
arrived = queue.SimpleQueue()
with Signals([signal.SIGTERM, signal.SIGINT], arrived.put) as signals:
    signals.on_second_stop = lambda: print("killed", flush=True)
    signal.raise_signal(signal.SIGTERM)
    arrived.get()
    signal.raise_signal(signal.SIGINT)
    time.sleep(20)
    print("still here")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stdout.splitlines()[-1] == "killed"
