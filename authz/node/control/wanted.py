# SPDX-License-Identifier: Apache-2.0
"""Which certificates to ask about: nodes tell each other through the store (ADR-0040).

    seen by any node → wanted, in the store → asked about by the leader

What comes of it is in `sharing`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, StoreError, StoreUnavailableError
from authz.observability.log import get_logger
from authz.observability.seen_certificates import SeenCertificate
from authz.store.shared_fetches import WantedCertificate, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authz.store.engine import Store

#: What was not fetched, or not wanted, for so long is forgotten.
FORGET_SECONDS: Final = 30 * 86_400.0
#: How often a node says that certificates are still seen.
STILL_SECONDS: Final = 12 * 3600.0
#: Certificates of others that are asked about, and those that wait to be told.
MAX_WANTED: Final = 10_000
MAX_UNTOLD: Final = 1024
#: A transaction that is committed late is not missed: so many seconds are looked at again.
OVERLAP_SECONDS: Final = 30.0


class Wanted:
    """Certificates that this node has seen, and as leader those of all nodes. The thread of
    leadership calls `look`, that of fetching everything else but `use`."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._untold: dict[str, WantedCertificate] = {}
        self._wanted: list[SeenCertificate] = []
        self._asked_for: set[str] = set()
        # When it was looked for what is wanted: never, as long as another node leads.
        self._wanted_at: float | None = None
        self._still_at = monotonic() + STILL_SECONDS

    @property
    def are_untold(self) -> bool:
        """Whether some were seen of which other nodes were not told yet."""
        return bool(self._untold)

    def use(self, store: Store | None) -> None:
        """Tell by this store; None while there is none."""
        self._store = store

    def look(self, store: Store, *, leads: bool) -> bool:
        """As leader see what is wanted; whether there is something new.

        Raises:
            StoreError: it cannot be had.
        """
        if not leads:
            self._wanted_at = None
            return False
        now = self._monotonic()
        since = FORGET_SECONDS
        if self._wanted_at is None:
            self._asked_for = set()
        else:
            since = now - self._wanted_at + OVERLAP_SECONDS
        with store.read() as session:
            found = session.wanted_certificates.within(since, most=MAX_WANTED)
        new = [one for one in found if one.key not in self._asked_for]
        # Those that are seen again are told again, so that they are not forgotten.
        self._asked_for = {one.key for one in found}
        self._wanted_at = now
        with self._lock:
            self._wanted += map(_seen, new)
        return bool(new)

    def want(self, some: Iterable[SeenCertificate]) -> None:
        """These were seen here and have to be asked about."""
        for one in some:
            if len(self._untold) < MAX_UNTOLD:
                wanted = _told(one)
                self._untold[wanted.key] = wanted
        store = self._store
        if store is None or not self._untold:
            return
        try:
            with store.note() as session:
                session.wanted_certificates.add(self._untold.values())
        except StoreUnavailableError:
            return  # when it is back
        except AuthzError as error:
            # What no database takes, such as a name that is too long, would keep back the others.
            get_logger().error(
                "certificates that were seen cannot be told to other nodes",
                reason=str(error),
                hint=error.hint,
            )
        self._untold = {}

    def wanted(self) -> list[SeenCertificate]:
        """Those of other nodes that this one has to ask about."""
        with self._lock:
            wanted, self._wanted = self._wanted, []
        return wanted

    def is_still_due(self) -> bool:
        """Whether it is time to say which certificates are still seen."""
        return self._monotonic() >= self._still_at

    def still(self, some: Iterable[SeenCertificate]) -> None:
        """These are still seen here."""
        self._still_at = self._monotonic() + STILL_SECONDS
        store = self._store
        keys = {_told(one).key for one in some}
        if store is None or not keys:
            return
        try:
            with store.note() as session:
                session.wanted_certificates.still(keys, STILL_SECONDS)
        except StoreError:
            return  # the next time: they are forgotten after many of them


def _told(one: SeenCertificate) -> WantedCertificate:
    return WantedCertificate(
        key=key_of(one.certificate, one.anchor, one.authority),
        certificate=one.certificate,
        issuer=one.issuer,
        anchor=one.anchor,
        authority=one.authority,
    )


def _seen(one: WantedCertificate) -> SeenCertificate:
    return SeenCertificate(
        certificate=one.certificate,
        issuer=one.issuer,
        anchor=one.anchor,
        authority=one.authority,
    )
