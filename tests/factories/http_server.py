# SPDX-License-Identifier: Apache-2.0
"""A loopback HTTP server whose answers are bytes, so that it can answer what no server should.

    with serving(lambda request: b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi") as server:
        fetcher.get(server.url("/x"), …)

An answer may be an iterable of pieces; each is sent when the one before was taken.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    Answer = Callable[["Request"], bytes | Iterable[bytes]]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Server:
    """A server at work.

    Attributes:
        requests: what was asked so far.
        gone: set when a client has closed a connection before the answer's end.
    """

    port: int
    scheme: str
    requests: list[Request] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def url(self, target: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{target}"


def response(
    body: bytes = b"", *fields: str, status: str = "200 OK", length: int | None = None
) -> bytes:
    """An HTTP response with a Content-Length, true unless given."""
    lines = [f"HTTP/1.1 {status}", *fields]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on 127.0.0.1, gone at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(port=listener.getsockname()[1], scheme="http" if tls is None else "https")
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_serve, args=(connection, answer, server, tls))
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *threads):
            thread.join(10)


def _serve(
    connection: socket.socket, answer: Answer, server: Server, tls: ssl.SSLContext | None
) -> None:
    with contextlib.closing(connection):
        connection.settimeout(10)
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            request = _read(connection)
            server.requests.append(request)
            said = answer(request)
            for piece in [said] if isinstance(said, bytes) else said:
                connection.sendall(piece)
        except OSError:
            server.gone.set()
        finally:
            connection.close()


def _read(connection: socket.socket) -> Request:
    with connection.makefile("rb") as file:
        first = file.readline().decode()
        if not first:
            raise ConnectionResetError
        method, target, _ = first.split(" ")
        headers: dict[str, str] = {}
        while line := file.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", "0")))
    return Request(method=method, target=target, headers=headers, body=body)
