# SPDX-License-Identifier: Apache-2.0
"""Lines on their way to standard error, written by a thread of their own.

Whoever reads standard error may be gone (EPIPE) or read nothing for an hour (a full pipe blocks the
write). Neither may end or delay a thread that answers checks, reloads or drains: `put` never blocks
and never raises; what cannot be kept or written is counted. What a line looks like is in `log`.
"""

from __future__ import annotations

import atexit
import os
import queue
import sys
import threading
from typing import Final

#: Lines that wait at most; more come only while nobody reads, and the oldest say most about why.
MAX_LINES: Final = 1000

#: How long the end of the process waits for the last lines.
FLUSH_SECONDS: Final = 0.5


class LogWriter:
    """A bounded queue and the daemon thread that empties it, started with the first line."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        self._max_lines = max_lines
        self._queue: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Lines that were not written, whatever the reason."""
        return self._dropped

    def put(self, line: str) -> None:
        """Have `line` written, unless too many wait already."""
        if self._queue.qsize() >= self._max_lines:
            self.drop()
            return
        self._queue.put(line)
        # Dead in a process that was forked, and where no thread could be started before.
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def drop(self) -> None:
        """Count a line that will not be written."""
        with self._lock:
            self._dropped += 1

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until every line so far is written or counted; False when that takes longer."""
        if self._thread is None or not self._thread.is_alive():
            return self._queue.empty()
        written = threading.Event()
        self._queue.put(written)
        return written.wait(seconds)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            if self._thread is None:
                # Before the interpreter stops daemon threads wherever they are.
                atexit.register(self.flush)
            thread = threading.Thread(target=self._run, name="log", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # no thread left, or the process is ending; the next line tries again
            self._thread = thread

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, threading.Event):
                item.set()
                continue
            try:
                _write(item)
            except (OSError, ValueError):
                # ValueError: the stream is closed. Whom could it be told?
                self.drop()


def _write(line: str) -> None:
    stream = sys.stderr
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        # No file: a test's, or pythonw's None.
        if stream is not None:
            stream.write(line)
        return
    # Past the stream's buffer: a thread that blocks while it holds the buffer's lock aborts the
    # interpreter at its end, and what could not be written would be tried again there. One write a
    # line, so that lines of several workers do not mix.
    data = line.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]
