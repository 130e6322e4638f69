# SPDX-License-Identifier: Apache-2.0
"""What clients may do to a server, and what it does about it. Its pages are tested elsewhere."""

from __future__ import annotations

import errno
import http.client
import itertools
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from authz.errors import TransportError
from authz.node.bounded_http import (
    SHORTAGE_PAUSE_SECONDS,
    BoundedServer,
    Limits,
    Reply,
    Request,
    listen,
)
from authz.observability.log import flush

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 4096


class _Echo:
    """Answers what it was told last, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.reply = Reply(status=200, body=b"done\n")

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        return self.reply


@pytest.fixture
def start() -> Iterator[Callable[..., BoundedServer]]:
    servers: list[BoundedServer] = []

    def _start(answer: Callable[[Request], Reply], **limits: float) -> BoundedServer:
        server = BoundedServer(
            listen("127.0.0.1", 0, purpose="tests", hint="choose another one"),
            answer,
            name="tests",
            methods=("GET", "HEAD", "POST"),
            limits=Limits(**{"request_bytes": LIMIT, **limits}),  # type: ignore[arg-type]  # counts and seconds
        )
        server.start()
        servers.append(server)
        return server

    yield _start
    for one in servers:
        one.stop()


@pytest.fixture
def echo() -> _Echo:
    return _Echo()


def _connect(server: BoundedServer) -> socket.socket:
    host, _, port = server.address.rpartition(":")
    connection = socket.create_connection((host, int(port)))
    connection.settimeout(10)
    return connection


def _send(server: BoundedServer, data: bytes) -> bytes:
    """Everything that is answered to these bytes."""
    with _connect(server) as connection:
        connection.sendall(data)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_a_request_arrives_with_its_body(start: Callable[..., BoundedServer], echo: _Echo) -> None:
    server = start(echo)
    connection = http.client.HTTPConnection(server.address, timeout=10)
    connection.request("POST", "/ocsp?x=1", body=b"abc", headers={"If-None-Match": '"1"'})
    response = connection.getresponse()

    assert (response.status, response.read()) == (200, b"done\n")
    assert response.headers["Connection"] == "close"
    connection.close()
    (asked,) = echo.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/ocsp?x=1", b"abc")
    assert asked.headers.get("if-none-match") == '"1"'


def test_not_modified_has_neither_body_nor_length(
    start: Callable[..., BoundedServer], echo: _Echo
) -> None:
    echo.reply = Reply(status=304, headers=(("ETag", '"1"'),))
    answer = _send(start(echo), b"GET / HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.0 304")
    assert b'ETag: "1"' in answer
    assert b"Content-" not in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", b"411"),
        (b"Content-Length: -1\r\n", b"411"),
        (b"Content-Length: 1e3\r\n", b"411"),
        ("Content-Length: ٣\r\n".encode(), b"411"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"411"),
        (b"Content-Length: %d\r\n" % LIMIT, b"413"),
        (b"Content-Length: " + b"9" * 1000 + b"\r\n", b"413"),
        (b"X: " + b"y" * LIMIT + b"\r\nContent-Length: 3\r\n", b"431"),
        (b"X: y\r\n" * (LIMIT // 6), b"431"),
    ],
)
def test_a_body_without_a_length_or_beyond_the_limit_is_refused(
    start: Callable[..., BoundedServer], echo: _Echo, headers: bytes, status: bytes
) -> None:
    server = start(echo)
    with _connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n" + headers + b"\r\n")
        assert connection.recv(12).split()[1] == status
    assert not echo.asked


def test_headers_and_body_share_the_limit(start: Callable[..., BoundedServer], echo: _Echo) -> None:
    server = start(echo)
    head = b"POST / HTTP/1.0\r\nContent-Length: 4000\r\n\r\n"

    assert b" 200 " in _send(server, head + bytes(4000))
    padding = b"X: " + b"y" * 60 + b"\r\n"
    with _connect(server) as connection:
        connection.sendall(head[:-2] + padding + b"\r\n")
        assert b" 413 " in connection.recv(100)
    assert len(echo.asked) == 1


def test_a_client_that_ends_in_the_middle_of_its_body_gets_nothing(
    start: Callable[..., BoundedServer], echo: _Echo
) -> None:
    with _connect(start(echo)) as connection:
        connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\nabc")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert not echo.asked


def test_a_body_that_does_not_come_is_cut_off_like_any_silence(
    start: Callable[..., BoundedServer], echo: _Echo
) -> None:
    server = start(echo, request_seconds=0.1, connection_seconds=3600)
    with _connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\nabc")
        assert connection.recv(1) == b""
    assert not echo.asked


def test_who_reads_too_slowly_makes_room_when_there_is_none(
    start: Callable[..., BoundedServer],
) -> None:
    answering = threading.Event()

    def large(request: Request) -> Reply:
        if request.target == "/large":
            answering.set()
            # More than the buffers of the two sockets hold.
            return Reply(status=200, body=bytes(64 << 20))
        return Reply(status=200, body=b"small\n")

    server = start(
        large, connections=1, request_seconds=3600, connection_seconds=3600, safe_seconds=0.0
    )
    with _connect(server) as slow:
        slow.sendall(b"GET /large HTTP/1.0\r\n\r\n")
        assert answering.wait(10)
        assert b"small" in _send(server, b"GET / HTTP/1.0\r\n\r\n")


def test_who_reads_slowly_is_safe_for_a_while(start: Callable[..., BoundedServer]) -> None:
    answering = threading.Event()

    def large(_: Request) -> Reply:
        answering.set()
        return Reply(status=200, body=bytes(16 << 20))

    server = start(
        large, connections=1, request_seconds=3600, connection_seconds=3600, safe_seconds=3600
    )
    with _connect(server) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert answering.wait(10)
        with _connect(server) as newcomer:
            assert newcomer.recv(1) == b""
        size = 0
        while part := slow.recv(1 << 20):
            size += len(part)
        assert size > 16 << 20


class _Short(socket.socket):
    """A listener that has no descriptors for a while."""

    until = 0
    tried: ClassVar[list[float]] = []

    def accept(self) -> tuple[socket.socket, Any]:
        self.tried.append(time.monotonic())
        if len(self.tried) <= self.until:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_without_descriptors_it_waits_says_so_once_and_goes_on(
    echo: _Echo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Short, "until", 3)
    monkeypatch.setattr(_Short, "tried", [])
    open_one = listen("127.0.0.1", 0, purpose="tests", hint="choose another one")
    server = BoundedServer(_Short(fileno=open_one.detach()), echo, name="tests")
    server.start()
    try:
        assert b"done" in _send(server, b"GET / HTTP/1.0\r\n\r\n")
    finally:
        server.stop()

    # Four times, not as often as a core can.
    pauses = [after - before for before, after in itertools.pairwise(_Short.tried)]
    assert len(pauses) == 3
    assert min(pauses) >= SHORTAGE_PAUSE_SECONDS
    flush()
    lines = [one for one in capsys.readouterr().err.splitlines() if "not accepted" in one]
    assert len(lines) == 1
    assert "Too many open files" in lines[0]


def test_an_address_that_cannot_be_had_says_what_for_and_what_to_do() -> None:
    with listen("127.0.0.1", 0, purpose="CRLs", hint="choose another one") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TransportError, match="cannot listen for CRLs") as caught:
            listen("127.0.0.1", port, purpose="CRLs", hint="choose another one")
    assert str(caught.value.hint).endswith("choose another one")
    with pytest.raises(TransportError) as caught:
        listen("2001:db8::1", 0, purpose="CRLs", hint="choose another one")
    assert caught.value.where == "[2001:db8::1]:0"
