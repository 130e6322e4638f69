# SPDX-License-Identifier: Apache-2.0
"""Peers remembered: one certificate judged once, not once per request.

A judgement is remembered under what it depends on: the presented bytes, the digest of the trust
bundle, and the span of time in which it holds. Revocation is no part of it: that is looked up on
every check (architecture 3). Bounded by entries and by bytes, because whoever connects chooses the
certificates.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from authz.certs.judgement import judge
from authz.policy.client import NOBODY, peer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from authz.certs.judgement import Judgement
    from authz.certs.presented import CertificateLimits, Presented
    from authz.certs.trust import TrustBundle
    from authz.policy.client import Peer
    from authz.policy.facts import RequestFacts

    Judge = Callable[[Presented, TrustBundle, float, CertificateLimits], Judgement]
    Key = tuple[Hashable, bytes]

#: Most certificates remembered at once.
MAX_ENTRIES: Final = 16_384
#: Most bytes they may hold, as far as they can be counted: some 12,000 ordinary certificates.
MAX_BYTES: Final = 32 * 1024 * 1024
# An entry keeps the certificate as it was presented, its DER, and objects. Of 10,000 different
# certificates of 645 bytes (P-256), each grew a process by 2.6 KB.
_ENTRY_OVERHEAD: Final = 1536


class _Entry:
    """One peer; `recent` is the clock's reference bit."""

    __slots__ = ("peer", "recent", "size", "valid_from", "valid_until")

    def __init__(self, peer: Peer, size: int) -> None:
        self.peer = peer
        self.valid_from = peer.judgement.valid_from
        self.valid_until = peer.judgement.valid_until
        self.size = size
        self.recent = False


class PeerMemo:
    """Judges certificates, remembering what it found.

    Eviction is second chance (clock): an entry that was asked for since the hand last passed stays.
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

    def __len__(self) -> int:
        return len(self._entries)

    def peer_of(self, facts: RequestFacts, bundle: TrustBundle, at: float) -> Peer:
        """The peer of a request, judged by `bundle` at Unix time `at`; remembered if possible."""
        credential = facts.credential
        if credential is None:
            return NOBODY
        key = (credential, bundle.digest)
        entry = self._entries.get(key)
        if entry is not None and entry.valid_from <= at < entry.valid_until:
            entry.recent = True
            self.hits += 1
            return entry.peer
        presented = facts.presented
        judgement = self._judge(presented, bundle, at, self._limits)
        self.misses += 1
        if judgement.certificate is not None:
            # What was needed to judge it is most of what it holds, and is read again on demand.
            judgement.certificate.shed()
        found = peer(judgement)
        self._remember(key, found, 2 * (len(presented.certificate) + len(presented.chain)))
        return found

    def _remember(self, key: Key, peer: Peer, size: int) -> None:
        size += _ENTRY_OVERHEAD
        if size > self._max_bytes:
            return
        with self._lock:
            replaced = self._entries.pop(key, None)
            if replaced is not None:
                self.bytes -= replaced.size
            while self._entries and (
                len(self._entries) >= self._max_entries or self.bytes + size > self._max_bytes
            ):
                self._evict_one()
            self._entries[key] = _Entry(peer, size)
            self.bytes += size

    def _evict_one(self) -> None:
        # A dict keeps insertion order, so its first entry is where the hand points; an entry that
        # gets its second chance goes to the back. Each pass clears a flag, so this ends.
        while True:
            key = next(iter(self._entries))
            entry = self._entries.pop(key)
            if not entry.recent:
                self.bytes -= entry.size
                return
            entry.recent = False
            self._entries[key] = entry
