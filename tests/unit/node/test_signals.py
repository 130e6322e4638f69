# SPDX-License-Identifier: Apache-2.0
"""Signals become items of a queue; the second stop signal ends the process."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys

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
        signal.raise_signal(signal.SIGINT)
        assert arrived.get(timeout=10) is signal.SIGINT
        assert signals.stopping


def test_the_second_stop_signal_ends_the_process_at_once() -> None:
    program = """
import queue, signal
from authz.node.signals import Signals
with Signals([signal.SIGTERM, signal.SIGINT], print) as signals:
    signals.on_second_stop = lambda: print("killed", flush=True)
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)
    print("still here")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 128 + signal.SIGINT
    assert done.stdout.splitlines()[-1] == "killed"
