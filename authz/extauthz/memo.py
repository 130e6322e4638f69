# SPDX-License-Identifier: Apache-2.0
"""Clients remembered: one certificate judged once, not once per request.

A judgement is remembered under what it depends on: the presented bytes, the digest of the trust
bundle, and the span of time in which it holds. Revocation is no part of it: that is looked up on
every check (architecture 3). So sites with the same anchors share a judgement, and each of them has
a client of its own, with the lists that it has to ask. Bounded by entries and by bytes, because
whoever connects chooses the certificates.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from authz.certs.judgement import judge
from authz.certs.unanswered import unanswered_of
from authz.extauthz.large_values import LargeValues
from authz.policy.client import NOBODY, Client, resolve, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from authz.certs.judgement import Judgement
    from authz.certs.presented import CertificateLimits, Presented
    from authz.certs.trust import TrustBundle
    from authz.certs.unanswered import Unanswered
    from authz.policy.client import HoldFunction
    from authz.policy.facts import RequestFacts
    from authz.rules import Value

    Judge = Callable[[Presented, TrustBundle, float, CertificateLimits], Judgement]
    Key = tuple[Hashable, bytes]
    #: `ask(unanswered, at)`: told of certificates that somebody should ask about.
    Ask = Callable[[tuple[Unanswered, ...], float], None]

#: Most certificates remembered at once.
MAX_ENTRIES: Final = 16_384
#: Most bytes they may hold, as far as they can be counted: some 11,000 ordinary certificates.
MAX_BYTES: Final = 40 * 1024 * 1024
# An entry keeps the certificate as it was presented, its DER, objects, and a decision: 10,000
# certificates of 645 bytes (P-256, as presented) grew a process by 3.7 KB each.
_ENTRY_OVERHEAD: Final = 2400


#: Sites with the same anchors and different revocations that a certificate is remembered for.
MAX_CLIENTS: Final = 8
# What each client of an entry but the first adds: 1 KB measured, with one decision, and the values
# that it may keep.
_CLIENT_OVERHEAD: Final = 1024 + Client.MAX_VALUES
#: The part of the bytes that may be field values too large for a client's own room.
_LARGE_PART: Final = 5


#: How often it is looked whether a client still lacks an answer (observability.seen_certificates
#: tells of it as often).
ASK_AGAIN_SECONDS: Final = 60.0


def ask_nobody(_unanswered: tuple[Unanswered, ...], _at: float) -> None:
    """Nobody is there to ask."""


class _Entry:
    """One judged certificate, and who it is by the revocations in force, where that was asked.

    `clients` has one for each bundle, the last one that was settled first.
    """

    __slots__ = ("clients", "credential", "judgement", "size")

    def __init__(self, credential: Hashable, judgement: Judgement, size: int) -> None:
        self.credential = credential
        self.judgement = judgement
        self.clients: tuple[Client, ...] = ()
        self.size = size


class ClientMemo:
    """Judges certificates, remembering what it found.

    Attributes:
        bytes: what is remembered takes, as far as it can be counted, large field values included.
        hits, misses: checks with a certificate that had been judged, and that was judged.
        evicted: bytes of what was evicted, until somebody sets it back.

    Eviction is second chance (clock; `Client.recent` is the reference bit): an entry that was asked
    for since the hand last passed stays.
    A flood of certificates that are seen once therefore evicts itself, not the regular clients.
    A hit takes no lock: it reads one dict entry and sets a flag, each atomic under the interpreter
    lock; a race loses a flag or a count, never an answer.
    """

    def __init__(
        self,
        limits: CertificateLimits,
        *,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        judge: Judge = judge,
        ask: Ask = ask_nobody,
    ) -> None:
        self._limits = limits
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._judge = judge
        self._ask = ask
        self._entries: dict[Key, _Entry] = {}
        self._lock = threading.Lock()
        self._large = LargeValues(max_bytes // _LARGE_PART)
        # One object for all clients.
        self._hold_for: HoldFunction = self._hold
        self._entry_bytes = 0
        self.hits = 0
        self.misses = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        """What is remembered takes."""
        return self._entry_bytes + self._large.bytes

    def client_of(self, facts: RequestFacts, bundle: TrustBundle, at: float) -> Client:
        """Who sent a request, by `bundle` at Unix time `at`; judged before, if possible."""
        credential = facts.credential
        if credential is None:
            return NOBODY
        entry = self._entries.get((credential, bundle.digest))
        if entry is not None:
            for client in entry.clients:
                if client.trust is bundle:
                    if not client.valid_from <= at < client.valid_until:
                        break
                    client.recent = True
                    self.hits += 1
                    for has, serial in client.lookups:
                        if has(serial):
                            return resolve(entry.judgement, bundle, at)
                    return client
        return self._settle(facts, bundle, at, entry)

    def let_go(self, bundles: Collection[TrustBundle]) -> None:
        """Drop what was settled by other bundles than these, and keep the judgements.

        Otherwise every client would hold the lists of revoked serials that were in force when it
        was last seen. Some microseconds for a hundred entries, on the thread that swaps.
        """
        live = set(map(id, bundles))
        for entry in list(self._entries.values()):
            for client in entry.clients:
                if id(client.trust) not in live:
                    with self._lock:
                        self._part(entry, client)

    def _settle(
        self, facts: RequestFacts, bundle: TrustBundle, at: float, entry: _Entry | None
    ) -> Client:
        """The first sight of a certificate, of other revocations, or of another span of time."""
        credential = facts.credential
        judgement = None if entry is None else entry.judgement
        if judgement is not None and judgement.valid_from <= at < judgement.valid_until:
            self.hits += 1
        else:
            judgement = self._judge(facts.presented, bundle, at, self._limits)
            self.misses += 1
            if judgement.certificate is not None:
                # What was needed to judge it is most of what it holds, and is read again on demand.
                judgement.certificate.shed()
        client = settle(judgement, bundle, at)
        if bundle.asks and (open_questions := unanswered_of(judgement, bundle, at)):
            self._ask(open_questions, at)
            # Until there is an answer, somebody has to be told again.
            client.valid_until = min(client.valid_until, at + ASK_AGAIN_SECONDS)
        client.recent = entry is not None
        client.credential = credential
        key = credential, bundle.digest
        if entry is None or entry.judgement is not judgement:
            presented = facts.presented
            size = 2 * (len(presented.certificate) + len(presented.chain)) + _ENTRY_OVERHEAD
            if size > self._max_bytes:
                return client
            entry = _Entry(credential, judgement, size)
        self._remember(key, entry, client)
        return client

    def _remember(self, key: Key, entry: _Entry, client: Client) -> None:
        """Hold an entry, and in it a client."""
        with self._lock:
            present = self._entries.get(key)
            if present is not entry:
                # Judged anew; or evicted, or judged anew by another thread, a moment ago.
                if present is not None:
                    self._drop(key)
                self._make_room(entry.size, entries=1)
                self._entries[key] = entry
                self._entry_bytes += entry.size
            client.credential = entry.credential
            others = [one for one in entry.clients if one.trust is not client.trust]
            for one in entry.clients:
                if one.trust is client.trust:
                    self._part(entry, one)
            for one in others[MAX_CLIENTS - 1 :]:
                self._part(entry, one)
            if entry.clients:
                entry.size += _CLIENT_OVERHEAD
                self._entry_bytes += _CLIENT_OVERHEAD
            entry.clients = (client, *entry.clients)
            client.is_remembered = True
            client.hold = self._hold_for
            self._make_room(0)

    def _hold(self, client: Client, name: str, value: Value) -> None:
        """Keep a large value of a client, if that does not take too much."""
        with self._lock:
            size = self._large.size_of(name, value)
            if client.is_remembered and self._large.make_room(size):
                self._make_room(size)
                # It may have been the one to go.
                if client.is_remembered:
                    self._large.keep(client, name, value, size)

    # --- with the lock held -----------------------------------------------------------------------

    def _part(self, entry: _Entry, client: Client) -> None:
        """Let go of one client of an entry."""
        if client in entry.clients:
            entry.clients = tuple(one for one in entry.clients if one is not client)
            if entry.clients:
                entry.size -= _CLIENT_OVERHEAD
                self._entry_bytes -= _CLIENT_OVERHEAD
            self._release(client)

    def _release(self, client: Client) -> None:
        client.release()
        self._large.drop(client)

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key)
        self._entry_bytes -= entry.size
        for client in entry.clients:
            self._release(client)
        # Whoever found it a moment ago may put it back.
        entry.size -= _CLIENT_OVERHEAD * max(0, len(entry.clients) - 1)
        entry.clients = ()

    def _make_room(self, size: int, *, entries: int = 0) -> None:
        while self._entries and (
            len(self._entries) + entries > self._max_entries or self.bytes + size > self._max_bytes
        ):
            self._evict_one()

    def _evict_one(self) -> None:
        # A dict keeps insertion order, so its first entry is where the hand points; an entry that
        # gets its second chance goes to the back. Each pass clears a flag, so this ends.
        while True:
            key = next(iter(self._entries))
            entry = self._entries[key]
            if not any(client.recent for client in entry.clients):
                self.evicted += entry.size
                self._drop(key)
                return
            for client in entry.clients:
                client.recent = False
            del self._entries[key]
            self._entries[key] = entry
