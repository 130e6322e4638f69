# SPDX-License-Identifier: Apache-2.0
"""Noticing that the policy changed, and loading it again, off the check path.

What changed and how it is loaded are functions that app injects. A load that fails leaves
everything as it was: whoever publishes does so as the last step.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from authz.errors import AuthzError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often the files are looked at. A revocation should count within a second of its file.
POLL_SECONDS = 0.25


class Reloader:
    """Calls `reload` from a thread of its own when `changed()` or when asked.

    Args:
        changed: whether the content of any file differs from what the last attempt saw, be it a
            success or not: the same broken file is tried once.
        reload: load, compile and publish; raises AuthzError when it cannot.
        failed: told of every attempt that failed.
        settled: told after each one that was asked for, whatever came of it.
    """

    def __init__(
        self,
        *,
        changed: Callable[[], bool],
        reload: Callable[[], None],
        failed: Callable[[AuthzError], None],
        settled: Callable[[], None] = lambda: None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._changed = changed
        self._reload = reload
        self._failed = failed
        self._settled = settled
        self._poll_seconds = poll_seconds
        self._asked = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def request(self) -> None:
        """Load again now, changed or not. Not from a signal handler: it takes a lock."""
        self._asked.set()

    @property
    def alive(self) -> bool:
        """False once watching ended although nobody stopped it: changes would go unseen."""
        return self._stopped or self._thread.ident is None or self._thread.is_alive()

    def stop(self) -> None:
        """Stop watching; a load under way is not waited for."""
        self._stopped = True
        self._asked.set()

    def _run(self) -> None:
        # Attempt and report are futures so that whatever goes wrong in them, a defect of ours
        # included, is a value here: watching must outlive it.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="load") as pool:
            while True:
                forced = self._asked.wait(self._poll_seconds)
                # One that comes between the end of waiting and here is for the next round.
                if forced:
                    self._asked.clear()
                if self._stopped:
                    return
                error = pool.submit(self._attempt, forced=forced).exception()
                if error is not None:
                    # What goes wrong in telling cannot be told.
                    pool.submit(self._tell, error).exception()
                if forced:
                    pool.submit(self._settled).exception()

    def _tell(self, error: BaseException) -> None:
        if isinstance(error, AuthzError):
            self._failed(error)
        else:
            get_logger().error("reloading failed; the last good stays", exc_info=error)

    def _attempt(self, *, forced: bool) -> None:
        # Asked first in any case: it also remembers what was seen.
        if self._changed() or forced:
            self._reload()
