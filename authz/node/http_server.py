# SPDX-License-Identifier: Apache-2.0
"""/metrics, /healthz and /readyz for Prometheus and for whoever supervises this process.

Nothing here is on the check path, and a slow or silent client cannot keep others from being served:
each connection has a thread, one request and a time limit, and there are at most MAX_CONNECTIONS;
when more come, those that have asked nothing yet make room.
Loopback by default; there is no TLS and no authentication.
"""

from __future__ import annotations

import errno
import socket
import socketserver
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast

from authz.errors import TransportError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

#: A scrape, a probe of an orchestrator and a person with curl at the same time, with room to spare.
MAX_CONNECTIONS = 32

#: From accept to the end of the request's headers. Whoever wants something says so at once.
HEADER_SECONDS = 2.0

#: From accept to close. Prometheus gives up after 10 s (its scrape_timeout), and so do we.
CONNECTION_SECONDS = 10.0

_PLAIN = "text/plain; charset=utf-8"


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=64)
    except OSError as error:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        hint = "choose another address with --metrics or metrics.listen"
        if error.errno == errno.EADDRINUSE:
            hint = f"stop what listens there (ss -ltnp 'sport = :{port}'), or {hint}"
        raise TransportError(
            f"cannot listen for metrics: {error.strerror or error}", where=address, hint=hint
        ) from error


class MetricsServer:
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
        limits = (header_seconds, connection_seconds)
        self._server = _Server(listener, render, readiness, limits)
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": min(0.5, *limits)},
            name="metrics",
            daemon=True,
        )

    def start(self) -> None:
        """Begin to answer; connections made since the listener was opened are answered too."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; also fine when it never started. Requests under way are cut off."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        listener: socket.socket,
        render: Callable[[], bytes],
        readiness: Callable[[], Readiness],
        limits: tuple[float, float],
    ) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()  # the base class made one; ours listens already
        self.socket = listener
        self.render = render
        self.readiness = readiness
        self._header_seconds, self._seconds = limits
        # Until when each may go on: those that have not asked yet, the oldest first, and the rest.
        self._silent: dict[socket.socket, float] = {}
        self._asked: dict[socket.socket, float] = {}
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        crowded_out = None
        with self._lock:
            full = len(self._silent) + len(self._asked) >= MAX_CONNECTIONS
            if full and self._silent:
                # Idle connections must not keep a probe of /readyz out.
                crowded_out = next(iter(self._silent))
                del self._silent[crowded_out]
                full = False
            if not full:
                self._silent[request] = time.monotonic() + self._header_seconds
        if crowded_out is not None:
            _cut_off(crowded_out)
        if full:
            # Closing at once is honest; waiting in a queue would look like a dead process.
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def has_asked(self, request: socket.socket) -> None:
        """Its request has come: from now on it is let alone until the answer is out."""
        with self._lock:
            if self._silent.pop(request, None) is not None:
                self._asked[request] = time.monotonic() + self._seconds

    def service_actions(self) -> None:
        """Cut off what takes too long: a client may send one byte a second for ever."""
        now = time.monotonic()
        with self._lock:
            every = (*self._silent.items(), *self._asked.items())
        for request, until in every:
            if until < now:
                _cut_off(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._silent.pop(request, None)
            self._asked.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class names them
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # else the client left or was cut off: nobody's fault
            get_logger().error("metrics cannot be rendered", exc_info=error)


def _cut_off(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads or writes
    except OSError:
        return  # it ended meanwhile


class _Handler(BaseHTTPRequestHandler):
    server_version = "authz"
    sys_version = ""

    # Other methods are answered 501 by the base class.

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = cast("_Server", self.server)
        server.has_asked(self.connection)
        path = self.path.partition("?")[0]
        if path == "/metrics":
            # Not before the first scrape: it costs 13 MB (observability.exposition).
            from authz.observability.exposition import CONTENT_TYPE

            self._answer(200, CONTENT_TYPE, server.render())
        elif path == "/healthz":
            self._answer(200, _PLAIN, b"alive\n")
        elif path == "/readyz":
            readiness = server.readiness()
            status = 200 if readiness.ready else 503
            self._answer(status, _PLAIN, f"{readiness.why}\n".encode())
        else:
            self._answer(404, _PLAIN, b"/metrics, /healthz or /readyz\n")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Nothing: probes come every second and say nothing new."""
