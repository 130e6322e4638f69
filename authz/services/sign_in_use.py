# SPDX-License-Identifier: Apache-2.0
"""When each session of the dashboard was last used: noted beside the pages, as of tokens.

What this process saw counts as well: where the store cannot be written to for hours, whoever works
is not signed out for having done nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from authz.services.use_notes import EVERY_SECONDS, UseNotes

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.store.engine import Store
    from authz.store.records import SignIn
    from authz.store.session import Session

#: How many sessions are remembered here; beyond it, the one that was used the longest ago is not.
MOST_REMEMBERED: Final = 10_000


class SignInUse:
    """Notes when sessions are used.

    Args:
        store: raises StoreUnavailableError while it cannot be opened.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._notes = UseNotes(store, _keep, what="session")
        self._lock = threading.Lock()
        self._last: OrderedDict[str, float] = OrderedDict()

    def last(self, one: SignIn) -> float:
        """When a session was last used, Unix seconds: by the store, or seen here since."""
        return max(one.last_used_at, self._last.get(one.id, one.last_used_at))

    def used(self, one: SignIn, at: float) -> None:
        """Note that a session is used; returns at once."""
        with self._lock:
            self._last[one.id] = max(at, self._last.get(one.id, at))
            self._last.move_to_end(one.id)
            while len(self._last) > MOST_REMEMBERED:
                self._last.popitem(last=False)
        if at - one.last_used_at >= EVERY_SECONDS:
            self._notes.note(one.id, at)

    def settle(self) -> None:
        """Wait until what was noted so far is written, or could not be."""
        self._notes.settle()


def _keep(session: Session, sign_in_id: str, at: float) -> None:
    session.sign_ins.used(sign_in_id, at)
