# SPDX-License-Identifier: Apache-2.0
"""When each token was last used: noted at most once a minute, beside the calls.

A call waits for none of it, and none of it makes a call fail: it is written by a thread of its
own, and a store that cannot be written to is left alone until somebody uses the token again.
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
    from authz.store.records import Token

#: How exact the note is, in seconds.
EVERY_SECONDS: Final = 60.0


class TokenUse:
    """Notes when tokens are used.

    Args:
        store: raises StoreUnavailableError while it cannot be opened.
    """

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._lock = threading.Lock()
        #: What is to be written: identifiers of tokens, and Unix seconds.
        self._pending: dict[str, float] = {}
        self._tried: dict[str, float] = {}
        self._writer: threading.Thread | None = None

    def used(self, token: Token, at: float) -> None:
        """Note that a token is used; returns at once."""
        if token.last_used_at is not None and at - token.last_used_at < EVERY_SECONDS:
            return
        with self._lock:
            # Also where writing fails: once a minute is tried.
            if at - self._tried.get(token.id, -EVERY_SECONDS) < EVERY_SECONDS:
                return
            self._tried = {
                one: moment for one, moment in self._tried.items() if at - moment < EVERY_SECONDS
            }
            self._tried[token.id] = at
            self._pending[token.id] = at
            if self._writer is None or not self._writer.is_alive():
                writer = threading.Thread(target=self._write, name="token-use", daemon=True)
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
                    for token_id, at in sorted(pending.items()):
                        session.tokens.used(token_id, at)
            except StoreError as error:
                get_logger().debug("when tokens were used is not kept", reason=str(error))
