# SPDX-License-Identifier: Apache-2.0
"""Clients remembered: one certificate judged once, not once per request.

A judgement is remembered under what it depends on: the presented bytes, the digest of the trust
bundle, and the span of time in which it holds. Revocation is no part of it: that is looked up on
every check (architecture 3). Bounded by entries and by bytes, because whoever connects chooses the
certificates.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from authz.certs.judgement import judge
from authz.policy.client import NOBODY, resolve, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from authz.certs.judgement import Judgement
    from authz.certs.presented import CertificateLimits, Presented
    from authz.certs.trust import TrustBundle
    from authz.policy.client import Client
    from authz.policy.facts import RequestFacts

    Judge = Callable[[Presented, TrustBundle, float, CertificateLimits], Judgement]
    Key = tuple[Hashable, bytes]

#: Most certificates remembered at once.
MAX_ENTRIES: Final = 16_384
#: Most bytes they may hold, as far as they can be counted: some 11,000 ordinary certificates.
MAX_BYTES: Final = 40 * 1024 * 1024
# An entry keeps the certificate as it was presented, its DER, objects, and a decision: 10,000
# certificates of 645 bytes (P-256, as presented) grew a process by 3.7 KB each.
_ENTRY_OVERHEAD: Final = 2400


class _Entry:
    """One judged certificate, and who it is by the revocations in force, when that was asked."""

    __slots__ = ("client", "credential", "judgement", "size")

    def __init__(
        self, credential: Hashable, judgement: Judgement, client: Client, size: int
    ) -> None:
        self.credential = credential
        self.judgement = judgement
        self.client: Client | None = client
        self.size = size


class ClientMemo:
    """Judges certificates, remembering what it found.

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
    ) -> None:
        self._limits = limits
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._judge = judge
        self._entries: dict[Key, _Entry] = {}
        self._lock = threading.Lock()
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        #: Bytes of what was evicted, until somebody sets it back.
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def client_of(self, facts: RequestFacts, bundle: TrustBundle, at: float) -> Client:
        """Who sent a request, by `bundle` at Unix time `at`; judged before, if possible."""
        credential = facts.credential
        if credential is None:
            return NOBODY
        entry = self._entries.get((credential, bundle.digest))
        if entry is not None:
            client = entry.client
            if (
                client is not None
                and client.trust is bundle
                and client.valid_from <= at < client.valid_until
            ):
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
            client = entry.client
            if client is not None and id(client.trust) not in live:
                entry.client = None
                client.release()

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
        client.recent = entry is not None
        client.credential = credential
        if entry is not None and entry.judgement is judgement:
            client.credential = entry.credential
            client.is_remembered = True
            if entry.client is not None:
                entry.client.release()
            entry.client = client
        else:
            presented = facts.presented
            size = 2 * (len(presented.certificate) + len(presented.chain)) + _ENTRY_OVERHEAD
            made = _Entry(credential, judgement, client, size)
            self._remember((credential, bundle.digest), made)
        return client

    def _remember(self, key: Key, entry: _Entry) -> None:
        size = entry.size
        if size > self._max_bytes:
            return
        with self._lock:
            replaced = self._entries.pop(key, None)
            if replaced is not None:
                self.bytes -= replaced.size
                if replaced.client is not None:
                    replaced.client.release()
            while self._entries and (
                len(self._entries) >= self._max_entries or self.bytes + size > self._max_bytes
            ):
                self._evict_one()
            self._entries[key] = entry
            self.bytes += size
            if entry.client is not None:
                entry.client.is_remembered = True

    def _evict_one(self) -> None:
        # A dict keeps insertion order, so its first entry is where the hand points; an entry that
        # gets its second chance goes to the back. Each pass clears a flag, so this ends.
        while True:
            key = next(iter(self._entries))
            entry = self._entries.pop(key)
            if entry.client is None or not entry.client.recent:
                self.bytes -= entry.size
                self.evicted += entry.size
                if entry.client is not None:
                    entry.client.release()
                return
            entry.client.recent = False
            self._entries[key] = entry
