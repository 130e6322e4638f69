# SPDX-License-Identifier: Apache-2.0
"""When something was last used: noted at most once a minute, beside the calls.

A call waits for none of it, and none of it makes a call fail: it is written by a thread of its
own, and a store that cannot be written to is left alone until somebody uses the thing again.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from authz.errors import StoreError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.store.engine import Store
    from authz.store.session import Session

#: How exact the note is, in seconds.
EVERY_SECONDS: Final = 60.0


class UseNotes:
    """Notes moments by identifier.

    Args:
        store: raises StoreUnavailableError while it cannot be opened.
        write: what keeps a moment (Unix seconds) of an identifier.
        what: what is used, for the log and the thread: "token".
    """

    def __init__(
        self,
        store: Callable[[], Store],
        write: Callable[[Session, str, float], None],
        *,
        what: str,
    ) -> None:
        self._store = store
        self._keep = write
        self._what = what
        self._lock = threading.Lock()
        #: What is to be written.
        self._pending: dict[str, float] = {}
        self._tried: dict[str, float] = {}
        self._writer: threading.Thread | None = None

    def note(self, identifier: str, at: float) -> None:
        """Note that something is used; returns at once."""
        with self._lock:
            # Also where writing fails: once a minute is tried. Of what was tried ahead of now, the
            # clock was put back since.
            if 0 <= at - self._tried.get(identifier, -EVERY_SECONDS) < EVERY_SECONDS:
                return
            self._tried = {
                one: moment
                for one, moment in self._tried.items()
                if 0 <= at - moment < EVERY_SECONDS
            }
            self._tried[identifier] = at
            self._pending[identifier] = at
            if self._writer is None or not self._writer.is_alive():
                writer = threading.Thread(target=self._write, name=f"{self._what} use", daemon=True)
                # Where there can be no more threads, this is the least that is missing.
                with contextlib.suppress(RuntimeError):
                    writer.start()
                    self._writer = writer

    def settle(self) -> None:
        """Wait until what was noted so far is written, or could not be."""
        writer = self._writer
        if writer is not None:
            writer.join()

    def _write(self) -> None:
        while True:
            with self._lock:
                pending, self._pending = self._pending, {}
                if not pending:
                    self._writer = None
                    return
            try:
                with self._store().note() as session:
                    for identifier, at in sorted(pending.items()):
                        self._keep(session, identifier, at)
            except StoreError as error:
                get_logger().debug("a use is not kept", what=self._what, reason=str(error))
