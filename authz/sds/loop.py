# SPDX-License-Identifier: Apache-2.0
"""The one event loop of this process that grpcio's asyncio server runs on, and its thread.

One for all servers and never closed: grpcio has a single completion queue for a whole process and
goes on telling it to every loop it has seen, which fills the log with errors once one is closed.
Nothing else belongs on it.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


class _Loop:
    """Started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self.thread = threading.Thread(
                    target=_run, args=(self._loop,), name="authz-sds", daemon=True
                )
                self.thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()


_LOOP: Final = _Loop()


def sds_loop() -> asyncio.AbstractEventLoop:
    """The loop, running."""
    return _LOOP.get()


def run_in_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine there and wait for its result, from any other thread."""
    return asyncio.run_coroutine_threadsafe(work, sds_loop()).result()
