# SPDX-License-Identifier: Apache-2.0
"""Who writes next, among the threads of one process: first come, first served.

SQLite lets one write at a time, and those that wait look again every so often: among many, somebody
never finds it free and gives up after ten seconds. Here they stand in line, so that only the first
of each process waits at the file.
"""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock whose waiters get it in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for one's turn; False when it did not come within `seconds`."""
        mine = threading.Event()
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine.is_set():
                return True  # it has come just now
            self._waiting.remove(mine)
        return False

    def leave(self) -> None:
        """Let the next one have it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
