# SPDX-License-Identifier: Apache-2.0
"""What one node fetches for all, through the store (ADR-0040).

    the leader:  due → asked → verified → written under its lease, with the next version
    the others:  a version they do not know → the bytes → verified as if they had asked

Whatever the leader does not bring in time, because it cannot or because the database is away, each
node asks for by itself, later than it was due and not all at the same moment. Which certificates to
ask about, nodes tell each other through the store as well.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, FetchError, StoreError, StoreUnavailableError
from authz.node.control.leadership import FETCH
from authz.observability.log import get_logger
from authz.observability.seen_certificates import SeenCertificate
from authz.sources.fetch import Fetched, NotModified
from authz.store.shared_fetches import SharedFetch, SharedHead, WantedCertificate, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from authz.node.control.leadership import Leadership
    from authz.sources.fetching_state import Attempts
    from authz.store.engine import Store
    from authz.store.leases import Lease

#: What is due is waited for so long, in seconds, at least and at most: each node another time.
PATIENCE: Final = (60.0, 180.0)
#: And what was never there, which the leader may not know of.
FIRST_PATIENCE: Final = (10.0, 20.0)
#: What was not fetched, or not wanted, for so long is forgotten.
FORGET_SECONDS: Final = 30 * 86_400.0
#: How often the leader looks for that, and a node says that certificates are still seen.
PRUNE_SECONDS: Final = 3600.0
STILL_SECONDS: Final = 12 * 3600.0
#: Certificates of others that are asked about, and those that wait to be told.
MAX_WANTED: Final = 10_000
MAX_UNTOLD: Final = 1024
#: A transaction that is committed late is not missed: so many seconds are looked at again.
OVERLAP_SECONDS: Final = 30.0
_LONGEST_VALIDATOR: Final = 1000


class Sharing:
    """What is fetched for all, as `sources.fetching_share` asks for it. The thread of leadership
    calls `looked`, that of fetching everything else.

    Args:
        woken: told when there is something new to take or to ask.
    """

    def __init__(
        self, *, woken: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._woken = woken
        self._monotonic = monotonic
        self._leadership: Leadership
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._version = -1
        self._heads: dict[str, SharedHead] = {}
        self._unsent: dict[str, tuple[Attempts, Fetched]] = {}
        self._overdue: dict[str, float] = {}
        self._untold: dict[str, WantedCertificate] = {}
        self._wanted: list[SeenCertificate] = []
        self._asked_for: set[str] = set()
        # When it was looked for what is wanted: never, as long as another node leads.
        self._wanted_at: float | None = None
        self._prune_at = monotonic() + PRUNE_SECONDS
        self._still_at = monotonic() + STILL_SECONDS

    def follow(self, leadership: Leadership) -> None:
        """Ask this one who leads."""
        self._leadership = leadership

    def use(self, store: Store | None) -> None:
        """Share by this store; None while there is none."""
        self._store = store
        with self._lock:
            self._version = -1

    # --- the thread of leadership ----------------------------------------------------------------

    def looked(self, store: Store, leases: Mapping[str, Lease]) -> None:
        """See what was brought, and as leader what is wanted; raises nothing of the store's."""
        lease = leases.get(FETCH)
        if lease is None:
            return
        try:
            news = self._look_for_news(store, lease.version)
            news |= self._look_for_wanted(store)
        except StoreError:
            return
        if news or self._unsent or self._untold:
            self._woken()
        if self._monotonic() >= self._prune_at:
            self._prune(store)

    def _look_for_news(self, store: Store, version: int) -> bool:
        with self._lock:
            # A database that was put back begins anew.
            known = self._version if self._version <= version else -1
        if version == known:
            return False
        with store.read() as session:
            heads = session.shared_fetches.after(known)
        with self._lock:
            if known < 0:
                self._heads = {}
            self._heads |= {one.key: one for one in heads}
            self._version = version
        return bool(heads)

    def _look_for_wanted(self, store: Store) -> bool:
        if not self._leadership.leads(FETCH):
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

    def _prune(self, store: Store) -> None:
        """As leader forget what is of no use any more; as any node, what was forgotten."""
        self._prune_at = self._monotonic() + PRUNE_SECONDS
        with self._lock:
            self._version = -1
            self._overdue = {}
        if self._leadership.leads(FETCH):
            with suppress(StoreError), store.note() as session:
                session.shared_fetches.prune(FORGET_SECONDS)
                session.wanted_certificates.prune(FORGET_SECONDS)

    # --- the thread of fetching: certificates ----------------------------------------------------

    def want(self, some: Iterable[SeenCertificate]) -> None:
        """These were seen here and have to be asked about."""
        for one in some:
            if len(self._untold) < MAX_UNTOLD:
                wanted = _wanted(one)
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
            _cannot("certificates that were seen cannot be told to other nodes", error)
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
        keys = {_wanted(one).key for one in some}
        if store is None or not keys:
            return
        try:
            with store.note() as session:
                session.wanted_certificates.still(keys, STILL_SECONDS)
        except StoreError:
            return  # the next time: they are forgotten after many of them

    # --- the thread of fetching: sources.fetching_share.Share ------------------------------------

    def is_due(self, attempts: Attempts, at: float) -> bool:
        """Whether something is to be taken, or asked for by this node."""
        if self.is_brought(attempts):
            return True
        due = attempts.due_at(at)
        if self._leadership.leads(FETCH):
            return due <= at or self._is_missing(attempts)
        if due > at:
            return False
        key = _key(attempts)
        since = self._overdue.get(key, at)
        if attempts.asked_at is not None and since < due:
            since = at  # it was asked for meanwhile, and is due again
        # A clock that was set back must not keep anybody waiting.
        self._overdue[key] = since = min(since, at)
        return at >= since + self._patience(attempts)

    def next_at(self, attempts: Attempts, at: float) -> float:
        """When that will be the case, unless somebody brings it."""
        if self.is_brought(attempts):
            return at
        due = attempts.due_at(at)
        if self._leadership.leads(FETCH):
            return at if self._is_missing(attempts) else due
        if due > at:
            return due
        return self._overdue.get(_key(attempts), at) + self._patience(attempts)

    def is_brought(self, attempts: Attempts) -> bool:
        """Whether there is a version that was not taken yet."""
        head = self._head(attempts)
        return head is not None and head.version > attempts.version

    def has(self, attempts: Attempts, digest: bytes) -> bool:
        """Whether a body of this SHA-256 is what others have; only the leader has to care."""
        head = self._head(attempts)
        if not self._leadership.leads(FETCH):
            return True
        return head is not None and head.sha256 == digest.hex()

    def brought(self, attempts: Attempts, digest: bytes) -> Fetched | NotModified | None:
        """What another node brought.

        Raises:
            StoreUnavailableError, FetchError: it cannot be had.
        """
        head = self._head(attempts)
        if head is None or head.version <= attempts.version:
            return None
        if head.sha256 == digest.hex():
            attempts.version = head.version
            return NotModified()
        store = self._store
        try:
            if store is None:
                raise StoreUnavailableError("there is no store at the moment")
            with store.read() as session:
                found = session.shared_fetches.get(head.key)
        except StoreUnavailableError:
            with self._lock:
                # Not asked for again and again, but looked for again.
                self._heads.pop(head.key, None)
                self._version = -1
            raise
        attempts.version = head.version
        if found is None:
            raise FetchError("what another node fetched is gone", hint="it is fetched again")
        attempts.version = max(attempts.version, found.version)
        return Fetched(body=found.body, etag=found.etag, last_modified=found.last_modified)

    def verified(self, attempts: Attempts, answer: Fetched | NotModified) -> None:
        """Bring it to the others, if that is this node's to do."""
        term = self._leadership.term(FETCH)
        if term is None:
            return
        key = _key(attempts)
        head = self._head(attempts)
        sha256 = "" if head is None else head.sha256
        if isinstance(answer, Fetched):
            sha256 = hashlib.sha256(answer.body).hexdigest()
        same = head is not None and head.sha256 == sha256
        store = self._store
        try:
            if store is None:
                raise StoreUnavailableError("there is no store at the moment")
            with store.note() as session:
                version = session.leases.next_version(FETCH, self._leadership.holder, term)
                if version is None:
                    pass
                elif same:
                    session.shared_fetches.confirm(key, version)
                elif isinstance(answer, Fetched):
                    session.shared_fetches.put(_fetch(key, version, sha256, answer))
        except StoreUnavailableError:
            if isinstance(answer, Fetched):
                self._unsent[key] = (attempts, answer)
            version = attempts.version
        except AuthzError as error:
            _cannot("what was fetched cannot be told to other nodes", error)
            version = attempts.version
        else:
            self._unsent.pop(key, None)
        if version is None:
            self._leadership.lost(FETCH, term)
            return
        attempts.version = version
        with self._lock:
            self._heads[key] = SharedHead(key=key, version=version, sha256=sha256)

    def send_again(self) -> None:
        """Bring what could not be brought, while that is still this node's to do."""
        unsent, self._unsent = self._unsent, {}
        for key, (attempts, answer) in unsent.items():
            with self._lock:
                # What was never there is not the same.
                self._heads.pop(key, None)
            self.verified(attempts, answer)

    def _head(self, attempts: Attempts) -> SharedHead | None:
        with self._lock:
            return self._heads.get(_key(attempts))

    def _is_missing(self, attempts: Attempts) -> bool:
        """Whether others cannot have it, because nobody brought it yet. What fails is not asked
        for all the time."""
        return attempts.failures == 0 and self._head(attempts) is None

    def _patience(self, attempts: Attempts) -> float:
        least, most = FIRST_PATIENCE if attempts.this_update is None else PATIENCE
        digest = hashlib.sha256(f"{self._leadership.holder} {attempts.key}".encode()).digest()
        return least + (most - least) * int.from_bytes(digest[:4]) / 2**32


def _key(attempts: Attempts) -> str:
    return key_of(attempts.key)


def _fetch(key: str, version: int, sha256: str, answer: Fetched) -> SharedFetch:
    return SharedFetch(
        key=key,
        version=version,
        sha256=sha256,
        body=answer.body,
        etag=_validator(answer.etag),
        last_modified=_validator(answer.last_modified),
    )


def _validator(text: str) -> str:
    """What a server wrote, as far as it is to be shown to it again by others: without it, they are
    sent everything."""
    plain = text.isascii() and text.isprintable() and len(text) <= _LONGEST_VALIDATOR
    return text if plain else ""


def _cannot(event: str, error: AuthzError) -> None:
    get_logger().error(event, reason=str(error), hint=error.hint)


def _wanted(one: SeenCertificate) -> WantedCertificate:
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
