# SPDX-License-Identifier: Apache-2.0
"""What one node fetches for all, through the store (ADR-0040).

    the leader:  due → asked → verified → written under its lease, with the next version
    the others:  a version they do not know → the bytes → verified as if they had asked

Whatever the leader does not bring in time, because it cannot or because the database is away, each
node asks for by itself, later than it was due and not all at the same moment. Which certificates to
ask about, nodes tell each other in `wanted`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, FetchError, StoreError, StoreUnavailableError
from authz.node.control.leadership import FETCH
from authz.node.control.wanted import FORGET_SECONDS, Wanted
from authz.observability.log import get_logger
from authz.sources.fetch import Fetched, NotModified
from authz.store.shared_fetches import SharedFetch, SharedHead, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.node.control.leadership import Leadership
    from authz.sources.fetching_state import Attempts
    from authz.store.engine import Store
    from authz.store.leases import Lease

#: What is due is waited for so long, in seconds, at least and at most: each node another time. But
#: no longer than half of what is left until nextUpdate, or this when that is nothing.
PATIENCE: Final = (60.0, 180.0)
LEAST_PATIENCE: Final = 1.0
#: And what was never there, which the leader may not know of.
FIRST_PATIENCE: Final = (10.0, 20.0)
#: A leader whose questions all fail lets others lead for so long, more than they take to look. By
#: then it led so long at least: where all of them fail, the lease does not go round.
REST_SECONDS: Final = 5.0
LEAD_SECONDS: Final = 300.0
#: How often the leader looks for what is to be forgotten.
PRUNE_SECONDS: Final = 3600.0
_LONGEST_VALIDATOR: Final = 1000


class Sharing:
    """What is fetched for all, as `sources.fetching_share` asks for it. The thread of leadership
    calls `looked`, that of fetching everything else.

    Args:
        woken: told when there is something new to take or to ask.

    Attributes:
        certificates: which of them to ask about.
    """

    def __init__(
        self, *, woken: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._woken = woken
        self._monotonic = monotonic
        self.certificates = Wanted(monotonic=monotonic)
        self._leadership: Leadership
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._version = -1
        # Versions are counted by the database: one that was put back counts again.
        self._lease: Lease | None = None
        self._epoch = 0
        self._heads: dict[str, SharedHead] = {}
        self._unsent: dict[str, tuple[Attempts, Fetched]] = {}
        # Questions of this round that this node asked by itself, and answers that are good.
        self._asked = self._answered = 0
        self._leads_since: float | None = None
        self._prune_at = monotonic() + PRUNE_SECONDS

    def follow(self, leadership: Leadership) -> None:
        """Ask this one who leads."""
        self._leadership = leadership

    def use(self, store: Store | None) -> None:
        """Share by this store; None while there is none."""
        self._store = store
        self.certificates.use(store)
        with self._lock:
            self._version = -1

    # --- the thread of leadership ----------------------------------------------------------------

    def looked(self, store: Store, leases: Mapping[str, Lease]) -> None:
        """See what was brought, and as leader what is wanted; raises nothing of the store's."""
        lease = leases.get(FETCH)
        if not self._leadership.leads(FETCH):
            self._leads_since = None
        elif self._leads_since is None:
            self._leads_since = self._monotonic()
        if lease is None:
            return
        try:
            news = self._look_for_news(store, lease)
            news |= self.certificates.look(store, leads=self._leads_since is not None)
        except StoreError:
            return
        if news or self._unsent or self.certificates.are_untold:
            self._woken()
        if self._monotonic() >= self._prune_at:
            self._prune(store)

    def _look_for_news(self, store: Store, lease: Lease) -> bool:
        anew = self._lease is not None and _begins_anew(self._lease, lease)
        with self._lock:
            known = -1 if anew else self._version
        if lease.version == known:
            self._lease = lease
            return False
        with store.read() as session:
            heads = session.shared_fetches.after(known)
        with self._lock:
            if known < 0:
                self._heads = {}
            self._heads |= {one.key: one for one in heads}
            self._version = lease.version
            self._epoch += anew
        self._lease = lease
        return bool(heads)

    def _prune(self, store: Store) -> None:
        """As leader forget what is of no use any more; as any node, what was forgotten."""
        self._prune_at = self._monotonic() + PRUNE_SECONDS
        with self._lock:
            self._version = -1
        if self._leadership.leads(FETCH):
            with suppress(StoreError), store.note() as session:
                session.shared_fetches.prune(FORGET_SECONDS)
                session.wanted_certificates.prune(FORGET_SECONDS)

    # --- the thread of fetching: sources.fetching_share.Share ------------------------------------

    def is_due(self, attempts: Attempts, at: float) -> bool:
        """Whether something is to be taken, or asked for by this node, at Unix time `at`."""
        if self.is_brought(attempts):
            return True
        due = attempts.due_at(at)
        if self._leadership.leads(FETCH):
            return due <= at or self._is_missing(attempts)
        return due <= at and self._waits_until(attempts, due, at) <= at

    def next_at(self, attempts: Attempts, at: float) -> float:
        """When that will be the case, in Unix seconds, unless somebody brings it."""
        if self.is_brought(attempts):
            return at
        due = attempts.due_at(at)
        if self._leadership.leads(FETCH):
            return at if self._is_missing(attempts) else due
        return due if due > at else self._waits_until(attempts, due, at)

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
            self._asked += 1
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
        self._answered += 1
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
            get_logger().error(
                "what was fetched cannot be told to other nodes",
                reason=str(error),
                hint=error.hint,
            )
            version = attempts.version
        else:
            self._unsent.pop(key, None)
        if version is None:
            self._leadership.lost(FETCH, term)
            return
        attempts.version = version
        with self._lock:
            if attempts.epoch != self._epoch:
                return  # the database was put back meanwhile
            self._heads[key] = SharedHead(key=key, version=version, sha256=sha256)

    def send_again(self) -> None:
        """Bring what could not be brought, while that is still this node's to do."""
        unsent, self._unsent = self._unsent, {}
        for key, (attempts, answer) in unsent.items():
            with self._lock:
                # What was never there is not the same.
                self._heads.pop(key, None)
            self.verified(attempts, answer)

    def round_ended(self) -> None:
        """Whoever got no answer at all lets others lead, once it led for a while: they may reach
        whom this node does not."""
        in_vain = self._asked > 0 and self._answered == 0
        self._asked = self._answered = 0
        since = self._leads_since
        if not in_vain or since is None or not self._leadership.leads(FETCH):
            return
        if self._monotonic() >= since + LEAD_SECONDS:
            self._leadership.rest(FETCH, REST_SECONDS)

    def _head(self, attempts: Attempts) -> SharedHead | None:
        with self._lock:
            if attempts.epoch != self._epoch:
                attempts.epoch, attempts.version = self._epoch, 0
            return self._heads.get(_key(attempts))

    def _is_missing(self, attempts: Attempts) -> bool:
        """Whether others cannot have it, because nobody brought it yet. What fails is not asked
        for all the time."""
        return attempts.failures == 0 and self._head(attempts) is None

    def _waits_until(self, attempts: Attempts, due: float, at: float) -> float:
        """Until when somebody may bring what is due."""
        since = attempts.overdue_since
        if since is None or (attempts.asked_at is not None and since < due):
            since = at  # it was asked for meanwhile, and is due again
        # A clock that was set back must not keep anybody waiting.
        attempts.overdue_since = since = min(since, at)
        return since + self._patience(attempts, since)

    def _patience(self, attempts: Attempts, since: float) -> float:
        least, most = FIRST_PATIENCE if attempts.this_update is None else PATIENCE
        if attempts.next_update is not None and since < attempts.next_update:
            # The rest is for asking, so that what we have is not out of date before.
            most = min(most, max(LEAST_PATIENCE, (attempts.next_update - since) / 2))
            least = min(least, most / 2)
        digest = hashlib.sha256(f"{self._leadership.holder} {attempts.key}".encode()).digest()
        return least + (most - least) * int.from_bytes(digest[:4]) / 2**32


def _begins_anew(before: Lease, now: Lease) -> bool:
    """Whether this is another database than before, or one that was put back to an earlier moment:
    in one that goes on, both numbers only grow, and a term has one holder."""
    other = now.term == before.term and now.holder != before.holder
    return other or now.term < before.term or now.version < before.version


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
