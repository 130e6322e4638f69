# SPDX-License-Identifier: Apache-2.0
"""The loop: one for the process, on a thread that does not keep the process."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from authz.sds.loop import _Loop, run_in_loop, sds_loop


async def _where() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    return asyncio.get_running_loop(), threading.current_thread()


def test_it_runs_on_one_daemon_thread() -> None:
    loop, thread = run_in_loop(_where())

    assert loop is sds_loop()
    assert thread.daemon
    assert thread is not threading.current_thread()
    assert run_in_loop(_where()) == (loop, thread)


def test_whoever_asks_first_there_is_one() -> None:
    fresh = _Loop()
    with ThreadPoolExecutor(8) as pool:
        loops = set(pool.map(lambda _: fresh.get(), range(32)))

    (loop,) = loops
    loop.call_soon_threadsafe(loop.stop)
    fresh.thread.join()
    loop.close()


def test_what_goes_wrong_there_is_raised_here() -> None:
    async def fails() -> None:
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        run_in_loop(fails())
