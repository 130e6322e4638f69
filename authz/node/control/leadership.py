# SPDX-License-Identifier: Apache-2.0
"""The thread by which nodes on one PostgreSQL agree which of them does what for all (ADR-0040).

    each second: the leader renews its leases, the others look whether one has expired → take it

What is done under a lease is in `sharing` (fetching) and `ca_publisher` (signing). Whoever leads
knows it only as long as its last renewal can count: a node that was stopped, or does not reach the
database, leads no more by its own clock before another one can by the database's.

What the database's clock shows comes with each look. Leases do not need ours to agree with it;
certificates and CRLs are judged by ours, so a difference is told.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError, StoreError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.node.control.metrics import Samples
    from authz.store.engine import Store
    from authz.store.leases import Lease
    from authz.store.session import Session

#: What is done by one node for all: fetching CRLs and OCSP answers, and signing our own CRLs.
FETCH: Final = "fetch"
SIGN: Final = "sign"

#: How long a lease lasts without being renewed.
LEASE_SECONDS: Final = 4.0
#: More than this is left of none that is renewed: the database's clock was put back since, and
#: who waits for its holder may wait for somebody who is gone.
MOST_LEFT_SECONDS: Final = 2 * LEASE_SECONDS
#: How often the leader renews it.
RENEW_SECONDS: Final = 1.0
#: How often others look, at least and at most: not all at the same moment.
LOOK_SECONDS: Final = (1.0, 2.0)
#: A clock that differs more from the database's is told in the log; its alert has the same number.
SKEW_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A lease that this node holds; until when, by its own monotonic clock."""

    term: int
    until: float


class Leadership:
    """Takes leases and renews them until it is stopped.

    Args:
        roles: what this node can do for all.
        looked: told in the thread, after each look, of the leases that there are.
        changed: told that this node leads or leads no more.

    Attributes:
        holder: who this process is, in the leases.
        refused: how often something was not written because another node leads by now.
    """

    def __init__(
        self,
        roles: tuple[str, ...],
        *,
        looked: Callable[[Store, Mapping[str, Lease]], None] = lambda _store, _leases: None,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        between: Callable[[float, float], float] = random.uniform,
    ) -> None:
        # Another one with each life: what an earlier one held has to expire.
        self.holder = uuid.uuid4().hex
        self.refused = 0
        self._roles = roles
        self._looked = looked
        self._changed = changed
        self._clock = clock
        self._monotonic = monotonic
        self._between = between
        self._store: Store | None = None
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._rests: dict[str, float] = {}
        self._terms: dict[str, int] = {}
        self._taken: dict[str, float] = {}
        # Until when somebody does it, by this node's monotonic clock, as it saw last.
        self._known_until = dict.fromkeys(roles, monotonic())
        self._skew: float | None = None
        self._woken = threading.Event()
        self._stopped = threading.Event()

    # --- other threads ---------------------------------------------------------------------------

    def use(self, store: Store | None) -> None:
        """Agree by this store; None while there is none."""
        self._store = store
        self._woken.set()

    def leads(self, role: str) -> bool:
        """Whether this node does it, as far as it can know."""
        return self.term(role) is not None

    def term(self, role: str) -> int | None:
        """The term of the lease that this node holds, None when it holds none."""
        with self._lock:
            held = self._held.get(role)
        return held.term if held is not None and self._monotonic() < held.until else None

    def check(self, role: str) -> Callable[[Session], None]:
        """What a transaction has to begin with that writes for all.

        Returns:
            A function to begin the transaction with. It raises ConflictError when another node
            leads; otherwise nobody takes over before the transaction ends.
        """
        term = self.term(role)

        def _check(session: Session) -> None:
            if term is None or not session.leases.holds(role, self.holder, term):
                self.lost(role, term)
                raise ConflictError(
                    "another node does this by now", hint="it has what there is to do"
                )

        return _check

    def lost(self, role: str, term: int | None) -> None:
        """Something was not written: another node leads, or the lease has expired."""
        self.refused += 1
        with self._lock:
            held = self._held.get(role)
            gone = held is not None and held.term == term
            if gone:
                del self._held[role]
        if gone:
            self._tell_lost(role, term)

    def rest(self, role: str, seconds: float) -> None:
        """Let others lead for a while: it cannot be done here."""
        with self._lock:
            self._rests[role] = self._monotonic() + seconds
        self._woken.set()

    def stop(self) -> None:
        """Stop, and let others lead at once."""
        self._stopped.set()
        self._woken.set()

    def samples(self) -> Samples:
        """Its metrics."""
        with self._lock:
            terms, taken, skew = dict(self._terms), dict(self._taken), self._skew
            known, now = dict(self._known_until), self._monotonic()
        return {
            "authz_store_clock_skew_seconds": [] if skew is None else [((), skew)],
            "authz_lease_vacant_seconds": [
                ((one,), max(0.0, now - until)) for one, until in known.items()
            ],
            "authz_lease_held": [((one,), float(self.leads(one))) for one in self._roles],
            "authz_lease_term": [((one,), float(term)) for one, term in terms.items()],
            "authz_lease_taken_timestamp_seconds": [((one,), at) for one, at in taken.items()],
            "authz_lease_refused_total": [((), float(self.refused))],
        }

    # --- the thread ------------------------------------------------------------------------------

    def run(self) -> None:
        """The body of the thread."""
        while not self._stopped.is_set():
            self._woken.wait(self.step())
            self._woken.clear()
        self._release()

    def step(self) -> float:
        """Renew, take and look; seconds until that is to be done again."""
        store = self._store
        if store is not None:
            try:
                leases = self._look(store)
            except StoreError:
                # The publisher says so. What is held is held until it expires.
                pass
            else:
                self._looked(store, leases)
        self._forget_expired()
        if any(map(self.leads, self._roles)):
            return RENEW_SECONDS
        return self._between(*LOOK_SECONDS)

    def _look(self, store: Store) -> dict[str, Lease]:
        for role in self._roles:
            term = self.term(role)
            if term is not None:
                self._renew(store, role, term)
        asked, began = self._monotonic(), self._clock()
        with store.read() as session:
            leases = {role: session.leases.get(role) for role in self._roles}
        ended = self._clock()
        known = {role: lease for role, lease in leases.items() if lease is not None}
        if known:
            read_at = next(iter(known.values())).read_at
            self._compare(began - read_at, ended - read_at)
        with self._lock:
            self._terms |= {role: lease.term for role, lease in known.items()}
            self._taken |= {role: lease.taken_at for role, lease in known.items()}
            self._known_until |= {
                # One that has ended counts from its end: a process that was started again would
                # otherwise count from its start, and hide that nobody did it all the while.
                role: asked + lease.left
                if lease.left > 0
                else min(self._known_until[role], asked + lease.left)
                for role, lease in known.items()
                if lease.left <= MOST_LEFT_SECONDS
            }
        for role, lease in leases.items():
            if lease is None or not 0 < lease.left <= MOST_LEFT_SECONDS:
                self._take(store, role)
        return known

    def _compare(self, least: float, most: float) -> None:
        """See how far this clock is ahead of the database's: something between these two."""
        least, most = min(least, most), max(least, most)  # it may be set just now
        # What is nearest to none: a slow line is no difference.
        skew = min(max(0.0, least), most)
        with self._lock:
            before, self._skew = self._skew or 0.0, skew
        was_told, is_far = abs(before) > SKEW_SECONDS, abs(skew) > SKEW_SECONDS
        if is_far and not was_told:
            get_logger().warning(
                "this node's clock differs from the database's",
                ahead_seconds=round(skew, 3),
                hint="set the clocks of all nodes by NTP: certificates and CRLs are judged by them",
            )
        elif was_told and not is_far:
            get_logger().info("this node's clock agrees with the database's again")

    def _renew(self, store: Store, role: str, term: int) -> None:
        with self._lock:
            rests = self._monotonic() < self._rests.get(role, 0.0)
        # Before the question: so it is over here before it is over there.
        began = self._monotonic()
        with store.note() as session:
            if rests:
                session.leases.release(role, self.holder, term)
                held = False
            else:
                held = session.leases.renew(role, self.holder, term, LEASE_SECONDS)
        with self._lock:
            if held:
                self._held[role] = _Held(term=term, until=began + LEASE_SECONDS)
            else:
                self._held.pop(role, None)
        if not held:
            self._tell_lost(role, term)

    def _take(self, store: Store, role: str) -> None:
        with self._lock:
            if self._monotonic() < self._rests.get(role, 0.0):
                return
        began = self._monotonic()
        with store.note() as session:
            term = session.leases.take(role, self.holder, LEASE_SECONDS, longest=MOST_LEFT_SECONDS)
        if term is None:
            return
        with self._lock:
            self._held[role] = _Held(term=term, until=began + LEASE_SECONDS)
            # As by the database's clock, which the next look asks.
            self._terms[role], self._taken[role] = term, self._clock() - (self._skew or 0.0)
            self._known_until[role] = began + LEASE_SECONDS
        get_logger().info("this node leads", role=role, term=term)
        self._changed()

    def _forget_expired(self) -> None:
        with self._lock:
            now = self._monotonic()
            gone = [(role, one.term) for role, one in self._held.items() if one.until <= now]
            for role, _ in gone:
                del self._held[role]
        for role, term in gone:
            self._tell_lost(role, term)

    def _tell_lost(self, role: str, term: int | None) -> None:
        get_logger().info("this node leads no more", role=role, term=term)
        self._changed()

    def _release(self) -> None:
        store = self._store
        with self._lock:
            held, self._held = self._held, {}
        if store is None or not held:
            return
        try:
            with store.note() as session:
                for role, one in held.items():
                    session.leases.release(role, self.holder, one.term)
        except StoreError:
            return  # it expires
