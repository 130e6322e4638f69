# SPDX-License-Identifier: Apache-2.0
"""The connections of the API: how many there are, and who has been quiet for too long.

uvicorn speaks HTTP on them (h11); what it leaves to whoever runs it is here: a bound that does not
lock others out, the time for a request's headers, and clients that read nothing. An answer of this
level is an envelope as well. RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from authz.api.guard import HEADERS
from authz.api.metrics import Cut
from authz.api.problems import INVALID_REQUEST, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.api.limits import Limits
    from authz.api.metrics import ApiMetrics


class _State(StrEnum):
    HANDSHAKE = "handshake"  # of TLS
    HEADERS = "headers"  # a request is to come, or has begun to
    IDLE = "idle"  # between two requests
    BODY = "body"  # of a request, on its way
    CALL = "call"  # a call is under way
    ENDED = "ended"  # what was written may not have been taken yet


class Connection:
    """One connection, from accept to its end.

    Args:
        cut: ends it at once.
    """

    def __init__(self, connections: Connections, cut: Callable[[], object]) -> None:
        self.cut = cut
        self.refuse: Callable[[int, str], None] | None = None
        #: How many bytes of an answer were not taken yet.
        self.unsent: Callable[[], int] = lambda: 0
        self.state = _State.HANDSHAKE
        self.since = connections.clock()
        self.stalled = (0, self.since)
        self._all = connections

    def now(self, state: _State) -> None:
        """Something has happened on it."""
        if state is not self.state:
            self.state, self.since = state, self._all.clock()
            self._all.moved(self)

    def counted(self, why: Cut) -> None:
        """It is ended for what was wrong with it."""
        self._all.cut(why)

    def gone(self) -> None:
        """It is no more."""
        self._all.forget(self)


class Connections:
    """All of them. On the server's one thread."""

    def __init__(
        self,
        limits: Limits,
        metrics: ApiMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._limits = limits
        self._metrics = metrics
        # In the order of their last change of state.
        self._open: dict[Connection, None] = {}

    def admit(self, cut: Callable[[], object]) -> Connection | None:
        """A newcomer; None when there is no room.

        Who has not asked anything makes room, and who has been at it for the longest time does so
        first: silent connections, as many as somebody likes to open, keep nobody out.
        """
        if len(self._open) >= self._limits.connections:
            idle = (one for one in self._open if one.state is not _State.CALL)
            least = next(idle, None)
            if least is None:
                self._metrics.cut(Cut.FULL)
                return None
            self._end(least, Cut.CROWDED_OUT)
        made = Connection(self, cut)
        self._open[made] = None
        self._metrics.connections = len(self._open)
        return made

    def moved(self, connection: Connection) -> None:
        """Its state has changed."""
        if connection in self._open:
            del self._open[connection]
            self._open[connection] = None

    def forget(self, connection: Connection) -> None:
        """It has ended."""
        self._open.pop(connection, None)
        self._metrics.connections = len(self._open)

    def cut(self, why: Cut) -> None:
        """Count one that was ended by what was wrong with it."""
        self._metrics.cut(why)

    def sweep(self) -> None:
        """End those that take too long; to be called again and again."""
        now = self.clock()
        for one in list(self._open):
            waited = now - one.since
            unsent = one.unsent()
            if not unsent or unsent < one.stalled[0]:
                one.stalled = (unsent, now)
            elif unsent > one.stalled[0]:
                one.stalled = (unsent, one.stalled[1] if one.stalled[0] else now)
            if now - one.stalled[1] > self._limits.stalled_seconds:
                self._end(one, Cut.STALLED)
            elif one.state is _State.HANDSHAKE and waited > self._limits.handshake_seconds:
                self._end(one, Cut.HANDSHAKE)
            elif one.state is _State.HEADERS and waited > self._limits.header_seconds:
                self._metrics.cut(Cut.SLOW_HEADERS)
                if one.refuse is not None:
                    one.refuse(408, "the request did not arrive in time")

    def _end(self, connection: Connection, why: Cut) -> None:
        self._metrics.cut(why)
        self.forget(connection)
        connection.cut()


class Protocol(H11Protocol):
    """HTTP on one connection. `place` is set by whoever makes it, before anything comes."""

    place: Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base class has it
        super().connection_made(transport)
        self.place.cut = transport.abort
        self.place.refuse = self._refuse
        self.place.unsent = transport.get_write_buffer_size
        self.place.now(_State.HEADERS)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.place.gone()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        # Called where h11 has said what is wrong, and whether it has a status of its own (431).
        status = getattr(sys.exc_info()[1], "error_status_hint", 400)
        self.place.counted(Cut.NOT_HTTP)
        self._refuse(status, "the headers are too large" if status == 431 else msg)

    def _look(self) -> None:
        if self.transport.is_closing():
            self.place.now(_State.ENDED)
        elif self._under_way():
            coming = self.conn.their_state is h11.SEND_BODY
            self.place.now(_State.BODY if coming else _State.CALL)
        elif self.conn.trailing_data[0]:
            self.place.now(_State.HEADERS)
        elif self.cycle is not None:
            self.place.now(_State.IDLE)

    def _under_way(self) -> bool:
        # The base class declares it as never None, and begins with None.
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        if not (self._under_way() and self.cycle.response_started):
            self.transport.write(raw_failure(status, message))
        self.transport.close()
        self.place.now(_State.ENDED)


def raw_failure(status: int, message: str) -> bytes:
    """An answer in the envelope, and the end of the connection, without an application."""
    body = json.dumps(
        {
            "success": False,
            "errors": [problem(INVALID_REQUEST, message)],
            "messages": [],
            "result": None,
        }
    ).encode()
    headers = [
        *HEADERS,
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", body])
