# SPDX-License-Identifier: Apache-2.0
"""When each token was last used: noted at most once a minute, beside the calls (`use_notes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.use_notes import EVERY_SECONDS, UseNotes

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.store.engine import Store
    from authz.store.records import Token
    from authz.store.session import Session


class TokenUse:
    """Notes when tokens are used.

    Args:
        store: raises StoreUnavailableError while it cannot be opened.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._notes = UseNotes(store, _keep, what="token")

    def used(self, token: Token, at: float) -> None:
        """Note that a token is used; returns at once."""
        if token.last_used_at is None or at - token.last_used_at >= EVERY_SECONDS:
            self._notes.note(token.id, at)

    def settle(self) -> None:
        """Wait until what was noted so far is written, or could not be."""
        self._notes.settle()


def _keep(session: Session, token_id: str, at: float) -> None:
    session.tokens.used(token_id, at)
