# SPDX-License-Identifier: Apache-2.0
"""Threads without which a process must not go on: when one of them ends, the process does.

A process that lives and answers nobody is worse than one that is gone: Envoy takes it for a
healthy one until its health check says otherwise, and signs of life (node.pulse) are missed after
seconds only. What ends a thread is mostly a lack of memory, and it shows differently: an error
that nobody caught, or a pool that logs what ended its thread and begins no other
(`_worker` in concurrent/futures/thread.py). So nobody asks for reasons: another thread waits for
the end of each, which needs nothing that could be short.

Lives here: the waiting, and the end. Not here: who is started again by whom (node.supervisor; a
process that does it all: whoever started it).
"""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from authz.observability.log import flush, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Exit status of a process that lost such a thread: EX_SOFTWARE of sysexits.h.
EXIT_THREAD_LOST: Final = 70

_EVENT: Final = "a thread that answers has ended, and this process with it"
#: Said when not even a line of the log can be made.
_LAST_WORDS: Final = f"authz: {_EVENT}\n".encode()


def watch(
    threads: Iterable[threading.Thread],
    expected: Callable[[], bool],
    end: Callable[[int], object] = os._exit,
) -> None:
    """Have this process end as soon as one of `threads` does, unless that is `expected` then.

    Raises:
        RuntimeError: the system gives no more threads.
    """
    for thread in threads:
        threading.Thread(
            target=_wait, args=(thread, expected, end), name=f"{thread.name} watch", daemon=True
        ).start()


def give_up(error: RuntimeError) -> NoReturn:
    """End this process because there was no thread to begin with.

    At once: an interpreter that ends waits for a grpcio server that has none, for ever.
    """
    try:
        get_logger().error(
            "checks cannot be answered, and this process ends",
            reason=str(error),
            status=EXIT_THREAD_LOST,
        )
        flush()
    finally:
        os._exit(EXIT_THREAD_LOST)


def _wait(
    thread: threading.Thread, expected: Callable[[], bool], end: Callable[[int], object]
) -> None:
    wanted = False
    try:
        thread.join()
        wanted = expected()
        if not wanted:
            _tell(thread.name)
    finally:
        # Whatever could not be done above for a lack of memory. Past all that an interpreter does
        # at its end: it waits for threads and locks that nobody serves any more.
        if not wanted:
            end(EXIT_THREAD_LOST)


def _tell(name: str) -> None:
    with suppress(BaseException):
        get_logger().error(_EVENT, thread=name, status=EXIT_THREAD_LOST)
        if flush():
            return
    # The thread that writes the log may have ended for the same reason. Never waits for a reader.
    descriptor = sys.__stderr__.fileno() if sys.__stderr__ is not None else 2
    if select.select([], [descriptor], [], 0)[1]:
        os.write(descriptor, _LAST_WORDS)
