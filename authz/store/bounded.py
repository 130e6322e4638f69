# SPDX-License-Identifier: Apache-2.0
"""A connection to PostgreSQL that does not wait for ever.

The server's own limits (`statement_timeout`) help while the server lives. One that is stopped, or
whose machine is gone behind a network that still says yes, answers nothing: its socket is open, and
psycopg would wait as long as it is. Whoever asks waits SECONDS at most.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg

if TYPE_CHECKING:
    from collections.abc import Generator

_Result = TypeVar("_Result")

#: How long a statement may take: a store that hangs is a store that is down, and whoever waits for
#: it has better things to do. The server gives up somewhat earlier, and says why.
SECONDS: Final = 30.0


class BoundedConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends."""

    #: None: wait as long as it takes (migrations, copies of everything).
    seconds: float | None = SECONDS

    def wait(self, gen: Generator[Any, Any, _Result], *args: Any, **named: Any) -> _Result:
        """Wait for the server, `seconds` at most.

        Raises:
            psycopg.OperationalError: there was no answer; the connection is closed.
        """
        if self.seconds is None:
            return super().wait(gen, *args, **named)
        return super().wait(self._limited(gen, self.seconds), *args, **named)

    def _limited(
        self, waiting: Generator[Any, Any, _Result], seconds: float
    ) -> Generator[Any, Any, _Result]:
        """What `waiting` does; psycopg asks it several times a second also when nothing came."""
        until = time.monotonic() + seconds
        try:
            wanted = next(waiting)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > until:
                    # Nothing can be said on it any more: not even that a transaction is over.
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"the server has not answered for {seconds:g} seconds"
                    )
                wanted = waiting.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # of the generator's own type
