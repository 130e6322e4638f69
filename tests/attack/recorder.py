# SPDX-License-Identifier: Apache-2.0
"""The application behind Envoy: keeps what it receives, octet by octet, and answers 200.

HTTP/1.1 as Envoy speaks it to its upstreams. It reads nothing into a request: what several servers
would make of it is application.py's business.
"""

from __future__ import annotations

import socketserver
import threading
from typing import TYPE_CHECKING, Self

from tests.attack.application import Request

if TYPE_CHECKING:
    from types import TracebackType

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class _Handler(socketserver.StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        while line := self.rfile.readline():
            request = self._read(line)
            self.server.received.append(request)
            self.wfile.write(_ANSWER)

    def _read(self, line: bytes) -> Request:
        method, _, rest = line.rstrip(b"\r\n").partition(b" ")
        headers = self._fields()
        named = {name.lower(): value for name, value in headers}
        body = b""
        trailers: tuple[tuple[bytes, bytes], ...] = ()
        if b"chunked" in named.get(b"transfer-encoding", b""):
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            trailers = self._fields()
        else:
            body = self.rfile.read(int(named.get(b"content-length", b"0")))
        return Request(
            method=method,
            target=rest.rpartition(b" ")[0],
            host=b",".join(value for name, value in headers if name.lower() == b"host"),
            headers=tuple(line for line in headers if line[0].lower() != b"host"),
            body=body,
            trailers=trailers,
        )

    def _fields(self) -> tuple[tuple[bytes, bytes], ...]:
        found: list[tuple[bytes, bytes]] = []
        while (line := self.rfile.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.partition(b":")
            # One blank is Envoy's own; any other is the client's.
            found.append((name, value.removeprefix(b" ")))
        return tuple(found)


class Recorder(socketserver.ThreadingTCPServer):
    """A context manager.

    Attributes:
        received: every request, in order.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.received: list[Request] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()
