# SPDX-License-Identifier: Apache-2.0
"""Something of another server's that is fetched when it is needed, and kept for a while.

One thread fetches, the others wait for it. When it cannot be had, nobody asks again for a moment,
and what was there stays good for longer.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from authz.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long it is kept, in seconds; and how long at most while it cannot be had.
KEEP_SECONDS: Final = 3600.0
MOST_SECONDS: Final = 24 * 3600.0
#: From one attempt to the next when it failed, or found what was there already.
PAUSE_SECONDS: Final = 10.0

_T = TypeVar("_T")


class Kept(Generic[_T]):
    """One thing.

    Args:
        fetch: raises ProviderError when it cannot be had.
    """

    def __init__(self, fetch: Callable[[], _T]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._found: tuple[_T, float] | None = None
        self._failed: tuple[ProviderError, float] | None = None

    @property
    def known(self) -> _T | None:
        """What was fetched last, if anything; nobody is asked."""
        found = self._found
        return None if found is None else found[0]

    def get(self, at: float, *, anew: bool = False) -> _T:
        """It, at Unix time `at`.

        Args:
            anew: what was there is not enough; it is fetched again unless it just was.

        Raises:
            ProviderError: it cannot be had.
        """
        with self._lock:
            if self._is_good(at, PAUSE_SECONDS if anew else KEEP_SECONDS):
                assert self._found is not None
                return self._found[0]
            try:
                if self._failed is not None and 0 <= at - self._failed[1] < PAUSE_SECONDS:
                    # A new one: an exception is one thread's.
                    raise ProviderError(self._failed[0].message, hint=self._failed[0].hint)
                self._found = (self._fetch(), at)
            except ProviderError as error:
                if self._failed is None or at - self._failed[1] >= PAUSE_SECONDS:
                    self._failed = (error, at)
                if self._found is not None and self._is_good(at, MOST_SECONDS):
                    return self._found[0]
                raise
            self._failed = None
            return self._found[0]

    def _is_good(self, at: float, seconds: float) -> bool:
        # Also what is in the future is not: the clock was set back.
        return self._found is not None and 0 <= at - self._found[1] < seconds
