# SPDX-License-Identifier: Apache-2.0
"""What workers tell about checks, into the store: last sights of certificates, events and counts.

Gathered in memory and written every WRITE_SECONDS in one transaction. Events that do not fit, or
come while the store is down, are dropped and counted: a log of the past is worth less than memory.
Counts wait until the store is back, as far as there is room: they are small, and add up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from authz.errors import StoreError, StoreUnavailableError
from authz.observability.activity import CertificateCounted, Counted
from authz.observability.log import get_logger
from authz.services.activity import DAY, Retention, Tally, forget_old, keep_activity

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from authz.node.control.config import KeepConfig
    from authz.observability.activity import Report
    from authz.observability.events import Event
    from authz.store.engine import Store

WRITE_SECONDS: Final = 1.0
#: Events that wait to be written; more than that a second are not worth keeping one by one.
MAX_WAITING: Final = 1000
#: And what those take with their requests.
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
#: Certificates whose last sight waits to be written.
MAX_SEEN: Final = 50_000
#: Counts that wait to be written, of checks and of certificates: 10 MB each.
MAX_COUNTS: Final = 20_000
MAX_CERTIFICATES: Final = 50_000
#: Rounds between two looks at what is too old.
TIDY_ROUNDS: Final = 60


#: What is told apart of a count, as in Counted.
_Kind: TypeAlias = tuple[int, str, str, str, str, str]


def _counted(counts: dict[_Kind, int]) -> tuple[Counted, ...]:
    return tuple(
        Counted(
            minute=minute,
            site=site,
            verdict=verdict,
            reason=reason,
            action=action,
            rule=rule,
            checks=checks,
        )
        for (minute, site, verdict, reason, action, rule), checks in counts.items()
    )


def retention_of(config: KeepConfig) -> Retention:
    """How much is kept, by the settings."""
    return Retention(
        events=config.events, seconds=config.days * DAY, bytes=config.megabytes * 1024 * 1024
    )


class ActivityWriter:
    """Writes until it is stopped.

    Args:
        file_sites: the names of the policy file's sites, which are no zone's.
        retention: how much is kept.

    Attributes:
        dropped: events that were not kept.
        uncounted: checks that are missing in the counts, all together or of their certificate.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        file_sites: Callable[[], Collection[str]] = tuple,
        retention: Retention | None = None,
    ) -> None:
        self.dropped = 0
        self.uncounted = 0
        self._retention = retention or Retention()
        self._file_sites = file_sites
        self._clock = clock
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._bytes = 0
        self._seen: dict[str, float] = {}
        self._counts: dict[_Kind, int] = {}
        self._certificates: dict[str, CertificateCounted] = {}
        self._store: Store | None = None
        self._stopped = threading.Event()

    def use(self, store: Store | None) -> None:
        """Write to this store, None while there is none."""
        self._store = store

    def add(self, report: Report) -> None:
        """Take in what a worker tells."""
        with self._lock:
            for event in report.events:
                size = 0 if event.recorded is None else len(event.recorded.request)
                if len(self._events) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
                    self.dropped += 1
                else:
                    self._events.append(event)
                    self._bytes += size
            for fingerprint, at in report.seen.items():
                if fingerprint in self._seen or len(self._seen) < MAX_SEEN:
                    self._seen[fingerprint] = max(at, self._seen.get(fingerprint, at))
            self._count(report.counts, report.certificates)

    def _count(self, counts: Iterable[Counted], certificates: Iterable[CertificateCounted]) -> None:
        for one in counts:
            kind = one.minute, one.site, one.verdict, one.reason, one.action, one.rule
            if kind in self._counts or len(self._counts) < MAX_COUNTS:
                self._counts[kind] = self._counts.get(kind, 0) + one.checks
            else:
                self.uncounted += one.checks
        for more in certificates:
            known = self._certificates.get(more.fingerprint)
            if known is not None:
                self._certificates[more.fingerprint] = CertificateCounted(
                    fingerprint=more.fingerprint,
                    allowed=known.allowed + more.allowed,
                    blocked=known.blocked + more.blocked,
                    verified=known.verified or more.verified,
                )
            elif len(self._certificates) < MAX_CERTIFICATES:
                self._certificates[more.fingerprint] = more
            else:
                self.uncounted += more.allowed + more.blocked

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
            events, self._events, self._bytes = list(self._events), deque(), 0
            seen, self._seen = self._seen, {}
            counts, self._counts = _counted(self._counts), {}
            certificates, self._certificates = tuple(self._certificates.values()), {}
        store = self._store
        if not (events or seen or counts or certificates):
            return
        try:
            if store is None:
                raise StoreUnavailableError("there is no store")
            keep_activity(
                store,
                seen,
                events,
                file_sites=self._file_sites(),
                tally=Tally(at=self._clock(), checks=counts, certificates=certificates),
            )
        except StoreError as error:
            self.dropped += len(events)
            if isinstance(error, StoreUnavailableError):
                with self._lock:
                    self._count(counts, certificates)
            else:
                # It would refuse them again, and all that comes with them.
                self.uncounted += sum(one.checks for one in counts)
            if store is not None and events:
                get_logger().warning("events are not kept", events=len(events), reason=str(error))

    def tidy(self) -> None:
        """Remove from the store what is too old to be of use."""
        if self._store is None:
            return
        try:
            forget_old(self._store, self._clock(), self._retention)
        except StoreError as error:
            get_logger().warning("what is old is not removed", reason=str(error))
