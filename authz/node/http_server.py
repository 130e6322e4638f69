# SPDX-License-Identifier: Apache-2.0
"""/metrics, /healthz and /readyz for Prometheus and for whoever supervises this process.

Nothing here is on the check path. Loopback by default; there is no TLS and no authentication. What
slow and silent clients may do is in bounded_http.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.node.bounded_http import PLAIN, BoundedServer, Limits, Reply, Request, listen

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

#: A scrape, a probe of an orchestrator and a person with curl at the same time, with room to spare.
MAX_CONNECTIONS = 32

#: From accept to the end of the request's headers. Whoever wants something says so at once.
HEADER_SECONDS = 2.0

#: From there to close. Prometheus gives up after 10 s (its scrape_timeout), and so do we.
CONNECTION_SECONDS = 10.0

_NO_STORE = (("Cache-Control", "no-store"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether checks are answered as they should be; `why` is the body of /readyz."""

    ready: bool
    why: str


def open_listener(host: str, port: int) -> socket.socket:
    """A listening TCP socket, before anything needs to be served on it.

    Raises:
        TransportError: the address is taken, not ours, or not allowed.
    """
    hint = "choose another address with --metrics or metrics.listen"
    return listen(host, port, purpose="metrics", hint=hint)


class MetricsServer(BoundedServer):
    """Serves on `listener` from a daemon thread until `stop`."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        render: Callable[[], bytes],
        readiness: Callable[[], Readiness],
        header_seconds: float = HEADER_SECONDS,
        connection_seconds: float = CONNECTION_SECONDS,
    ) -> None:
        self._render = render
        self._readiness = readiness
        super().__init__(
            listener,
            self._answer,
            name="metrics",
            limits=Limits(
                connections=MAX_CONNECTIONS,
                request_seconds=header_seconds,
                connection_seconds=connection_seconds,
            ),
        )

    def _answer(self, request: Request) -> Reply:
        path = request.target.partition("?")[0]
        if path == "/metrics":
            # Not before the first scrape: it costs 13 MB (observability.exposition).
            from authz.observability.exposition import CONTENT_TYPE

            return _reply(200, self._render(), CONTENT_TYPE)
        if path == "/healthz":
            return _reply(200, b"alive\n")
        if path == "/readyz":
            readiness = self._readiness()
            return _reply(200 if readiness.ready else 503, f"{readiness.why}\n".encode())
        return _reply(404, b"/metrics, /healthz or /readyz\n")


def _reply(status: int, body: bytes, content_type: str = PLAIN) -> Reply:
    return Reply(status=status, body=body, content_type=content_type, headers=_NO_STORE)
