# SPDX-License-Identifier: Apache-2.0
"""Keeping CRLs and OCSP answers fresh: one round after another, no thread of its own.

    rounds = FetchRounds(fetcher, FetchedFiles(data_dir / "fetched"))
    done = rounds.run(targets, at=time.time())      # call again at done.next_at

A round asks for what is due and keeps what is good. Whatever fails leaves the last good in place
and is tried again (refresh.py). Whoever calls decides in which process, far from the check path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from authz.sources.fetch_targets import CrlTarget, OcspTarget
from authz.sources.fetching_crls import CrlFetching
from authz.sources.fetching_ocsp import OcspFetching
from authz.sources.fetching_share import ALONE
from authz.sources.fetching_state import Allowance
from authz.sources.refresh import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authz.certs.authority import OcspStatus
    from authz.sources.fetch import Fetcher
    from authz.sources.fetch_targets import AuthorityId, Target
    from authz.sources.fetched import Stored
    from authz.sources.fetching_share import Share
    from authz.sources.fetching_state import Fact

#: Questions of one round, so that it comes to an end.
MOST: Final = 100


class Sink(Protocol):
    """Where fetched things are kept. Writing may raise OSError."""

    def stored(self, url: str) -> Stored | None:
        """What was fetched from a URL."""

    def store(self, stored: Stored) -> None:
        """Keep a CRL that is good."""

    def statuses(self, authority: AuthorityId) -> tuple[OcspStatus, ...]:
        """The answers about an authority's certificates."""

    def store_statuses(self, authority: AuthorityId, statuses: Iterable[OcspStatus]) -> None:
        """Keep all answers about an authority's certificates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of a round: when the next one is due (Unix seconds), whether something new was
    kept, and what metrics and logs say about each URL."""

    next_at: float
    changed: bool
    facts: tuple[Fact, ...]


class FetchRounds:
    """Remembers, from round to round, when what was asked for and what came of it.

    Args:
        most: questions of one round at most; when more are due, the next round is due at once.
        share: knows what other nodes do.
    """

    def __init__(
        self, fetcher: Fetcher, sink: Sink, *, most: int = MOST, share: Share = ALONE
    ) -> None:
        self._most = most
        self._crls = CrlFetching(fetcher, sink, share)
        self._ocsp = OcspFetching(fetcher, sink, share)

    def run(
        self,
        targets: Iterable[Target],
        at: float,
        *,
        enough: Callable[[], bool] = lambda: False,
    ) -> Round:
        """Ask for what of `targets` is due at Unix time `at`; forget what is not among them.

        Args:
            enough: asked before each question, which may take `fetch.timeout_seconds`: true ends
                the round, and what is still due is for the next one.
        """
        targets = list(targets)
        crls = [one for one in targets if isinstance(one, CrlTarget)]
        questions = [one for one in targets if isinstance(one, OcspTarget)]
        allowance = Allowance(self._most, enough)
        self._crls.run(crls, at, allowance)
        self._ocsp.run(questions, at, allowance)
        due = [*self._crls.due(at), *self._ocsp.due(at)]
        return Round(
            next_at=max(min(due, default=at + LONGEST), at),
            changed=self._crls.changed or self._ocsp.changed,
            facts=(*self._crls.facts(), *self._ocsp.facts()),
        )
