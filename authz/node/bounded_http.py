# SPDX-License-Identifier: Apache-2.0
"""A small HTTP server that a slow, silent or greedy client cannot keep from serving others.

Each connection has a thread, one request and a time limit, and there are at most so many; when more
come, those that have asked nothing yet make room, the oldest first. What is answered, the callers
say (http_server.py, control/publication.py). HTTP/1.0 with `Connection: close`: a client that asks
again connects again. There is no TLS and no authentication. RFC 9110, RFC 9112.
"""

from __future__ import annotations

import errno
import math
import socket
import socketserver
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final, cast

from authz.errors import TransportError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

PLAIN = "text/plain; charset=utf-8"

#: accept(2) fails for want of something; the connection waits on, and so the listener is readable
#: again at once.
_SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
#: From then until it is tried again, and from one line of the log about it to the next.
SHORTAGE_PAUSE_SECONDS: Final = 0.2
SHORTAGE_LOG_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server puts up with.

    Args:
        connections: at the same time.
        request_seconds: from accept to the end of the request.
        connection_seconds: from the end of the request to close.
        safe_seconds: from the end of the request, how long newcomers cannot crowd it out.
        request_bytes: of request line, headers and body together.
    """

    connections: int = 32
    request_seconds: float = 2.0
    connection_seconds: float = 10.0
    safe_seconds: float = math.inf
    request_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked. `target` is as it was sent; the names of `headers` are in any case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered; to HEAD without the body."""

    status: int
    body: bytes = b""
    content_type: str = PLAIN
    headers: tuple[tuple[str, str], ...] = ()


def listen(host: str, port: int, *, purpose: str, hint: str, backlog: int = 64) -> socket.socket:
    """A listening TCP socket, before anything needs to be served on it.

    Args:
        purpose: what it is for, for the error's message.
        hint: what to do when it cannot be had.
        backlog: how many connections wait to be accepted.

    Raises:
        TransportError: the address is taken, not ours, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            hint = f"stop what listens there (ss -ltnp 'sport = :{port}'), or {hint}"
        raise TransportError(
            f"cannot listen for {purpose}: {error.strerror or error}", where=address, hint=hint
        ) from error


class BoundedServer:
    """Serves on `listener` from a daemon thread until `stop`.

    Args:
        answer: called in the connection's thread; a defect in it ends that one connection.
        name: of the thread, and of the server in the log.
        methods: others are answered 501.

    Attributes:
        address: where it listens, with the actual port.
    """

    def __init__(
        self,
        listener: socket.socket,
        answer: Callable[[Request], Reply],
        *,
        name: str,
        methods: tuple[str, ...] = ("GET", "HEAD"),
        limits: Limits = Limits(),
    ) -> None:
        self._server = _Server(listener, answer, name, methods, limits)
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        look = min(0.5, limits.request_seconds, limits.connection_seconds)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": look},
            name=name,
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
        answer: Callable[[Request], Reply],
        name: str,
        methods: tuple[str, ...],
        limits: Limits,
    ) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()  # the base class made one; ours listens already
        self.socket = listener
        self.answer = answer
        self.methods = methods
        self.limits = limits
        self._name = name
        # Since when: those that have not asked yet, the oldest first, and the rest.
        self._silent: dict[socket.socket, float] = {}
        self._asked: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._told_at = -math.inf

    def get_request(self) -> tuple[Any, Any]:
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _SHORTAGE:
                self._wait_for_more(error)
            raise

    def _wait_for_more(self, error: OSError) -> None:
        """Try again a little later: at once would take a whole core from whoever answers checks."""
        now = time.monotonic()
        if now - self._told_at >= SHORTAGE_LOG_SECONDS:
            self._told_at = now
            get_logger().warning(
                "a connection is not accepted", server=self._name, reason=str(error)
            )
        time.sleep(SHORTAGE_PAUSE_SECONDS)

    def process_request(self, request: Any, client_address: Any) -> None:
        now = time.monotonic()
        crowded_out = None
        with self._lock:
            full = len(self._silent) + len(self._asked) >= self.limits.connections
            if full:
                crowded_out = self._least_worth(now)
                if crowded_out is not None:
                    self._forget(crowded_out)
                    full = False
            if not full:
                self._silent[request] = now
        if crowded_out is not None:
            _cut_off(crowded_out)
        if full:
            # Closing at once is honest; waiting in a queue would look like a dead process.
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def _least_worth(self, now: float) -> socket.socket | None:
        """Who makes room: an idle connection, or else one that reads its answer too slowly."""
        if self._silent:
            return next(iter(self._silent))
        oldest = next(iter(self._asked.items()), None)
        if oldest is not None and now - oldest[1] > self.limits.safe_seconds:
            return oldest[0]
        return None

    def has_asked(self, request: socket.socket) -> None:
        """Its request has come: from now on it is let alone until the answer is out."""
        with self._lock:
            if self._silent.pop(request, None) is not None:
                self._asked[request] = time.monotonic()

    def service_actions(self) -> None:
        """Cut off what takes too long: a client may send one byte a second for ever."""
        now = time.monotonic()
        with self._lock:
            late = [
                one
                for held, most in (
                    (self._silent, self.limits.request_seconds),
                    (self._asked, self.limits.connection_seconds),
                )
                for one, since in held.items()
                if since + most < now
            ]
        for request in late:
            _cut_off(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._forget(request)
        super().shutdown_request(request)

    def _forget(self, request: socket.socket) -> None:
        self._silent.pop(request, None)
        self._asked.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class names them
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # else the client left or was cut off: nobody's fault
            get_logger().error("a request cannot be answered", server=self._name, exc_info=error)


def _cut_off(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads or writes
    except OSError:
        return  # it ended meanwhile


class _Handler(BaseHTTPRequestHandler):
    server_version = "authz"
    sys_version = ""

    # Methods that are not here are answered 501 by the base class.

    def setup(self) -> None:
        super().setup()
        self._input = _BoundedReader(self.rfile, cast("_Server", self.server).limits.request_bytes)
        self.rfile = cast("Any", self._input)

    def do_GET(self) -> None:
        server = cast("_Server", self.server)
        if self.command not in server.methods:
            self.send_error(501, f"Unsupported method ({self.command!r})")
            return
        if self._input.exceeded:
            self._send(Reply(status=431, body=b"the request is too large\n"))
            return
        body = self._body() if self.command == "POST" else b""
        if isinstance(body, Reply):
            self._send(body)
            return
        server.has_asked(self.connection)
        self._send(
            server.answer(
                Request(
                    method=self.command,
                    target=self.path,
                    headers=cast("Mapping[str, str]", self.headers),
                    body=body,
                )
            )
        )

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def _body(self) -> bytes | Reply:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return Reply(status=411, body=b"a Content-Length is needed\n")
        # Of a number of thousands of digits nothing is computed.
        if len(length) > 9 or int(length) > self._input.left:
            return Reply(status=413, body=b"the request is too large\n")
        body = self._input.read(int(length))
        if len(body) < int(length):
            raise ConnectionError("the client ended in the middle of its request")
        return body

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.status != 304:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        """Nothing: probes come every second and say nothing new."""


class _BoundedReader:
    """What a client sends, up to a limit; what is beyond it is the end of the stream.

    Attributes:
        left: how many bytes may still come.
        exceeded: whether more came.
    """

    def __init__(self, stream: BufferedIOBase, limit: int) -> None:
        self.left = limit
        self.exceeded = False
        self._stream = stream

    def readline(self, size: int) -> bytes:
        """The next line, `size` bytes at most."""
        line = self._stream.readline(min(size, self.left + 1))
        if len(line) > self.left:
            self.exceeded = True
            return b""
        self.left -= len(line)
        return line

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end of the stream."""
        data = self._stream.read(min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()
