# SPDX-License-Identifier: Apache-2.0
"""How many checks there were, by what became of them and for whose certificate.

A decision that is remembered is one client's, and has a cell that its checks are counted in: one
addition on the thread that answers them, and nothing else, whatever is told apart. `fold` adds up
what is in the cells, on any other thread. What becomes of the sums is for others: metrics.py makes
metrics of them, node.reporter tells them.

Bounded: labels are the operator's names and closed sets, and a policy whose rules get new names
again and again is counted without them in the end. Certificates are the clients': a cell of one
goes when no decision holds it any more, and when there are too many at once, checks of further
ones are counted without their certificate.
"""

from __future__ import annotations

import threading
from sys import getrefcount
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from authz.observability.activity import CertificateCounted
from authz.policy.decision import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.certs.presented import CertificateSource
    from authz.policy.decision import Decision

#: Sets of labels that are told apart, some 10 MB. When a policy whose rules get new names again and
#: again has made as many, further rules of a site are counted together, without a name.
MAX_LABELS: Final = 32_768
#: Cells of certificates that were verified, and of others: whoever connects makes those.
MAX_VERIFIED: Final = 32_768
MAX_UNVERIFIED: Final = 4_096
#: Certificates whose counts wait to be told.
MAX_WAITING: Final = 32_768
#: Between two looks at which cells nobody holds any more, in folds.
SWEEP_FOLDS: Final = 30

_ALLOW: Final = Verdict.ALLOW.value
_NOBODY: Final = b""

_VERIFIED: Final = frozenset({"verified", "revoked"})
_Key = TypeVar("_Key")

#: How many checks there were, how many of them have been added up, and how many were told of
#: (policy.decision.TOLD).
Cell: TypeAlias = list[int]


class Labels(NamedTuple):
    """What is told apart of a check: few combinations, none of a client's.

    `rule` is no label of a metric: a thousand rules on some hundred sites would be too many.
    `result` is what the certificate was, `""` when nobody asked.
    """

    verdict: str
    site: str
    rule: str
    action: str
    reason: str
    result: str
    source: str


class CheckCounts:
    """Counts the checks of one process. One thread asks for cells; any may ask for sums.

    Attributes:
        uncounted: checks that are missing in the counts of their certificate.
    """

    def __init__(self) -> None:
        self.uncounted = 0
        self._cells: dict[Labels, Cell] = {}
        self._verified: dict[tuple[Labels, bytes], Cell] = {}
        self._unverified: dict[tuple[Labels, bytes], Cell] = {}
        # Of certificates that there was no room for.
        self._others: dict[Labels, Cell] = {}
        # Out of the two above, by when they went.
        self._orphans: dict[tuple[tuple[Labels, bytes], int], Cell] = {}
        self._folding = threading.Lock()
        self._folds = 0
        self._sums: dict[Labels, int] = {}
        # By fingerprint: allowed, blocked, whether it was verified.
        self._waiting: dict[bytes, tuple[int, int, bool]] = {}

    # --- the thread that answers checks ---------------------------------------------------------

    def cell(self, decision: Decision, source: CertificateSource) -> Cell:
        """Where checks with this decision are counted."""
        ruling, standing, client = decision.ruling, decision.standing, decision.client
        if not standing.judged:
            result = ""
        else:
            result = standing.failure or ("revoked" if standing.revoked else "verified")
        labels = Labels(
            ruling.verdict.value,
            ruling.site,
            ruling.rule,
            ruling.action,
            ruling.reason.value,
            result,
            source.value,
        )
        if labels not in self._sums:
            if len(self._sums) >= MAX_LABELS:
                labels = labels._replace(rule="")
            self._sums.setdefault(labels, 0)
        if client is None or not client.fingerprint:
            return self._cells.setdefault(labels, [0, 0, 0])
        cells, most = (
            (self._verified, MAX_VERIFIED)
            if standing.verified
            else (self._unverified, MAX_UNVERIFIED)
        )
        key = labels, client.fingerprint
        cell = cells.get(key)
        if cell is None:
            if len(cells) >= most:
                return self._others.setdefault(labels, [0, 0, 0])
            cell = cells[key] = [0, 0, 0]
        return cell

    # --- any other thread -----------------------------------------------------------------------

    def fold(self) -> None:
        """Add up what was counted since the last time."""
        with self._folding:
            for labels, cell in _moved(self._cells):
                self._fold(labels, _NOBODY, cell)
            for labels, cell in _moved(self._others):
                self.uncounted += self._fold(labels, _NOBODY, cell)
            for cells in (self._verified, self._unverified):
                for (labels, fingerprint), cell in _moved(cells):
                    self._fold(labels, fingerprint, cell)
            for ((labels, fingerprint), _), cell in _moved(self._orphans):
                self._fold(labels, fingerprint, cell)
            self._folds += 1
            if self._folds % SWEEP_FOLDS == 0:
                self._sweep()

    def sums(self) -> dict[Labels, int]:
        """All checks so far, by their labels."""
        self.fold()
        return dict(self._sums)

    def drain_certificates(self, most: int) -> tuple[CertificateCounted, ...]:
        """What was counted of certificates since they were drained last, `most` of them."""
        with self._folding:
            some = [self._waiting.popitem() for _ in range(min(most, len(self._waiting)))]
        return tuple(
            CertificateCounted(
                fingerprint=fingerprint.decode(),
                allowed=allowed,
                blocked=blocked,
                verified=verified,
            )
            for fingerprint, (allowed, blocked, verified) in some
        )

    def _fold(self, labels: Labels, fingerprint: bytes, cell: Cell) -> int:
        now = cell[0]
        more = now - cell[1]
        cell[1] = now
        self._sums[labels] = self._sums.get(labels, 0) + more
        if fingerprint:
            self._wait(labels, fingerprint, more)
        return more

    def _wait(self, labels: Labels, fingerprint: bytes, more: int) -> None:
        before = self._waiting.get(fingerprint)
        if before is None:
            if len(self._waiting) >= MAX_WAITING:
                self.uncounted += more
                return
            before = (0, 0, False)
        allowed, blocked, verified = before
        if labels.verdict == _ALLOW:
            allowed += more
        else:
            blocked += more
        verified = verified or labels.result in _VERIFIED
        self._waiting[fingerprint] = allowed, blocked, verified

    def _sweep(self) -> None:
        """Let go of the cells of certificates that no decision holds."""
        for orphan in _unheld(self._orphans):
            del self._orphans[orphan]
        for cells in (self._verified, self._unverified):
            for key in _unheld(cells):
                # Nobody finds it from here on. Who has found it meanwhile counts on in it: it is
                # looked at until the next sweep at least.
                self._orphans[key, self._folds] = cells.pop(key)


def _moved(cells: Mapping[_Key, Cell]) -> list[tuple[_Key, Cell]]:
    """Where something was counted; most have nothing, and are passed over without a call."""
    return [one for one in list(cells.items()) if one[1][0] != one[1][1]]


def _unheld(cells: Mapping[_Key, Cell]) -> list[_Key]:
    """The keys of cells that nobody has but this mapping, and that have been added up."""
    return [key for key, holders in _holders(cells) if holders <= _OWN]


def _holders(cells: Mapping[_Key, Cell]) -> list[tuple[_Key, int]]:
    """The references to each cell that has been added up."""
    return [(one[0], getrefcount(one[1])) for one in list(cells.items()) if one[1][0] == one[1][1]]


#: What is seen of a cell that nobody else holds.
((_, _OWN),) = _holders({0: [0, 0, 0]})
