# SPDX-License-Identifier: Apache-2.0
"""What workers tell about checks, into the store: when certificates were last seen, and events.

Gathered in memory and written every WRITE_SECONDS in one transaction. What does not fit, or comes
while the store is down, is dropped and counted: a log of the past is worth less than memory.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from authz.errors import StoreError
from authz.observability.log import get_logger
from authz.services.activity import forget_old, keep_activity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from authz.observability.activity import Report
    from authz.observability.events import Event
    from authz.store.engine import Store

WRITE_SECONDS: Final = 1.0
#: Events that wait to be written; more than that a second are not worth keeping one by one.
MAX_WAITING: Final = 1000
#: Certificates whose last sight waits to be written.
MAX_SEEN: Final = 50_000
#: Rounds between two looks at what is too old.
TIDY_ROUNDS: Final = 60


class ActivityWriter:
    """Writes until it is stopped.

    Args:
        file_sites: the names of the policy file's sites, which are no zone's.

    Attributes:
        dropped: events that were not kept.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        file_sites: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self.dropped = 0
        self._file_sites = file_sites
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._seen: dict[str, float] = {}
        self._store: Store | None = None
        self._stopped = threading.Event()

    def use(self, store: Store | None) -> None:
        """Write to this store, None while there is none."""
        self._store = store

    def add(self, report: Report) -> None:
        """Take in what a worker tells."""
        with self._lock:
            for event in report.events:
                if len(self._events) >= MAX_WAITING:
                    self.dropped += 1
                else:
                    self._events.append(event)
            for fingerprint, at in report.seen.items():
                if fingerprint in self._seen or len(self._seen) < MAX_SEEN:
                    self._seen[fingerprint] = max(at, self._seen.get(fingerprint, at))

    def stop(self) -> None:
        """Write what is left and end."""
        self._stopped.set()

    def run(self) -> None:
        """The body of the thread."""
        rounds = 0
        while not self._stopped.wait(WRITE_SECONDS):
            self.write()
            rounds += 1
            if rounds % TIDY_ROUNDS == 0:
                self.tidy()
        self.write()

    def write(self) -> None:
        """Write what has come since the last time."""
        with self._lock:
            events, self._events = list(self._events), deque()
            seen, self._seen = self._seen, {}
        store = self._store
        if not (events or seen):
            return
        if store is None:
            self.dropped += len(events)
            return
        try:
            keep_activity(store, seen, events, file_sites=self._file_sites())
        except StoreError as error:
            self.dropped += len(events)
            get_logger().warning("events are not kept", events=len(events), reason=str(error))

    def tidy(self) -> None:
        """Remove from the store what is too old to be of use."""
        if self._store is None:
            return
        try:
            forget_old(self._store, self._clock())
        except StoreError as error:
            get_logger().warning("what is old is not removed", reason=str(error))
