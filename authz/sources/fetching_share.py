# SPDX-License-Identifier: Apache-2.0
"""Whether this node asks, and what another one brought: the seam between fetching and other nodes.

A node alone (`ALONE`) asks when something is due. Of several, one asks for all (ADR-0040); what the
others are brought, they verify as if they had asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from authz.sources.fetch import Fetched, NotModified
    from authz.sources.fetching_state import Attempts


class Share(Protocol):
    """What fetching asks of whoever knows of other nodes. Attempts are known by their key."""

    def is_due(self, attempts: Attempts, at: float, /) -> bool:
        """Whether to ask now, at Unix time `at`, or to take what somebody brought."""

    def next_at(self, attempts: Attempts, at: float, /) -> float:
        """When that will be, as far as it is known: like `at`, in Unix seconds."""

    def is_brought(self, attempts: Attempts, /) -> bool:
        """Whether another node brought something that was not taken yet."""

    def has(self, attempts: Attempts, digest: bytes, /) -> bool:
        """Whether others have a body of this SHA-256, so that it need not be sent again."""

    def brought(self, attempts: Attempts, digest: bytes, /) -> Fetched | NotModified | None:
        """What another node brought since this was asked last; None: ask for yourself.

        Args:
            digest: SHA-256 of the body that we have, which is not handed out again.

        Raises:
            StoreError: it cannot be had at the moment.
        """

    def verified(self, attempts: Attempts, answer: Fetched | NotModified, /) -> None:
        """This came, and is good: for others, too."""


class Alone:
    """A node of which no other knows."""

    def is_due(self, attempts: Attempts, at: float) -> bool:
        return attempts.due_at(at) <= at

    def next_at(self, attempts: Attempts, at: float) -> float:
        return attempts.due_at(at)

    def is_brought(self, _attempts: Attempts) -> bool:
        return False

    def has(self, _attempts: Attempts, _digest: bytes) -> bool:
        return True

    def brought(self, _attempts: Attempts, _digest: bytes) -> None:
        return None

    def verified(self, _attempts: Attempts, _answer: Fetched | NotModified) -> None:
        return None


ALONE: Final[Share] = Alone()
