# SPDX-License-Identifier: Apache-2.0
"""The server on real sockets: what it serves, and what it does not put up with."""

from __future__ import annotations

import asyncio
import json
import queue
import resource
import socket
import ssl
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI, Request

from authz.api import problems
from authz.api.hosts import Hosts
from authz.api.limits import Limits
from authz.api.server import ApiServer, Serving, _Server
from authz.api.tls import ServerTls
from authz.demo.pki import make_root
from authz.extauthz.transport import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 20.0
OK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class _Running:
    """A server, and what its application waits for."""

    def __init__(
        self,
        limits: Limits,
        tls: ServerTls | None,
        drain_seconds: int,
        listener: socket.socket | None = None,
    ) -> None:
        self.go = threading.Event()
        self.begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        app = FastAPI()
        problems.install(app)
        app.add_api_route("/", self.quick)
        app.add_api_route("/slow", self.slow)
        app.add_api_route("/large", self.large)
        app.add_api_route("/body", self.body, methods=["POST"])
        app.add_api_route("/who", self.who)
        listener = listener or socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = listener.getsockname()[1]
        self.server = ApiServer(
            app,
            listener,
            Serving(hosts=Hosts(local=True), tls=tls, limits=limits),
            drain_seconds=drain_seconds,
            ended=self.ended.put,
        )
        self.server.start()

    def quick(self) -> str:
        return "ok"

    def slow(self) -> str:
        self.begun.put("slow")
        assert self.go.wait(PATIENCE)
        return "at last"

    def large(self) -> str:
        return "x" * 32_000_000

    async def body(self, request: Request) -> int:
        return len(await request.body())

    def who(self, request: Request) -> dict[str, Any]:
        assert request.client is not None
        return {"host": request.client.host, "scheme": request.url.scheme}

    def get(self, path: str = "/", **more: Any) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE, **more)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def cuts(self, why: str) -> int:
        return self.server.metrics._cut[why]


@contextmanager
def _running(
    limits: Limits | None = None,
    tls: ServerTls | None = None,
    *,
    drain_seconds: int = 5,
    listener: socket.socket | None = None,
) -> Iterator[_Running]:
    running = _Running(limits or Limits(), tls, drain_seconds, listener)
    try:
        yield running
    finally:
        running.go.set()
        running.server.stop()


@pytest.fixture(scope="module")
def running() -> Iterator[_Running]:
    """One with the limits it has unless told otherwise, for those who do it no harm."""
    with _running() as made:
        yield made


def _one(connection: socket.socket) -> int:
    """The status of the next answer, which is read to its end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, head
        head += byte
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while length > 0:
        length -= len(connection.recv(length))
    return int(head.split()[1])


def _answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """The status and body of whatever comes until the other end closes."""
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_it_says_little_of_itself(running: _Running) -> None:
    answer = running.get()

    assert answer.json() == "ok"
    assert "server" not in answer.headers
    assert answer.headers["date"]
    assert answer.headers["cache-control"] == "no-store"


def test_what_a_proxy_says_of_the_client_is_not_believed(running: _Running) -> None:
    forged = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=1.2.3.4",
    }
    assert running.get("/who", headers=forged).json() == {"host": "127.0.0.1", "scheme": "http"}


def test_a_connection_is_used_again(running: _Running) -> None:
    with running.connect() as connection:
        for _ in range(3):
            connection.sendall(OK)
            assert _one(connection) == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"not http\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
        (
            b"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000, 431),
        (b"GET / HTTP/1.0\r\n\r\n", 421),
    ],
)
def test_what_is_no_request_is_answered_in_the_envelope(
    running: _Running, sent: bytes, status: int
) -> None:
    with running.connect() as connection:
        connection.sendall(sent)
        found, body = _answer(connection)
    assert found == status
    assert body["success"] is False


def test_what_comes_behind_an_answer_does_it_no_harm(running: _Running) -> None:
    with running.connect() as connection:
        connection.sendall(OK + b"not http\r\n\r\n")
        data = b""
        while chunk := connection.recv(65536):
            data += chunk
    assert data.count(b"HTTP/1.1 ") == 2
    assert b'"ok"' in data
    assert b"HTTP/1.1 400" in data


def test_there_are_no_web_sockets(running: _Running) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert running.get(headers=upgrade).json() == "ok"


def test_a_body_that_is_too_large_is_read_to_its_end_before_it_is_refused(
    running: _Running,
) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{running.port}/body", content=b"x" * 20_000_000, timeout=PATIENCE
    )
    assert answer.status_code == 413
    assert answer.json()["success"] is False


def test_a_thousand_connections_are_open_and_one_more_is_answered(running: _Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4000, hard), hard))
    with ExitStack() as stack:
        opened = [stack.enter_context(running.connect()) for _ in range(1000)]
        for one in opened:
            one.sendall(OK)
        for one in opened:
            assert _one(one) == 200
        assert running.server.metrics.connections >= 1000
        assert running.get().json() == "ok"
        for one in opened:
            one.sendall(OK)
            assert _one(one) == 200, "and they are of use still"


def test_silent_connections_make_room() -> None:
    with _running(Limits(connections=2)) as running, running.connect() as first, running.connect():
        first.sendall(OK)
        assert _one(first) == 200
        assert running.get().json() == "ok"
        assert running.cuts("crowded_out") >= 1


def test_beyond_the_bound_a_newcomer_is_refused_and_calls_are_finished() -> None:
    with _running(Limits(connections=2)) as running, ExitStack() as stack:
        calls = [stack.enter_context(running.connect()) for _ in range(2)]
        for one in calls:
            one.sendall(OK.replace(b"/", b"/slow", 1))
            assert running.begun.get(timeout=PATIENCE) == "slow"
        with running.connect() as refused:
            assert _answer(refused)[0] == 503
        running.go.set()
        for one in calls:
            assert _one(one) == 200
        assert running.cuts("full") == 1


@pytest.mark.parametrize("sent", [b"", b"GET / HT", OK + b"GET / HT"])
def test_headers_have_their_time(sent: bytes) -> None:
    with _running(Limits(header_seconds=0.3)) as running, running.connect() as connection:
        connection.sendall(sent)
        if sent.startswith(OK):
            assert _one(connection) == 200
        assert _answer(connection)[0] == 408
        assert running.cuts("slow_headers") == 1


def test_a_byte_now_and_then_gains_no_time() -> None:
    with _running(Limits(header_seconds=0.5)) as running, running.connect() as connection:
        ended = threading.Event()

        def drip() -> None:
            for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000:
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return
                if ended.wait(0.05):
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert _one(connection) == 408
        finally:
            ended.set()
            dripping.join()


def test_a_body_has_its_time() -> None:
    with (
        _running(Limits(body_seconds=0.2, discard_seconds=0.1)) as running,
        running.connect() as connection,
    ):
        connection.sendall(
            b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"
        )
        status, body = _answer(connection)
        assert status == 408
        assert "in time" in body["errors"][0]["message"]


def test_an_idle_connection_is_closed_after_a_while() -> None:
    with _running(Limits(idle_seconds=1.0)) as running, running.connect() as connection:
        connection.sendall(OK)
        began = time.monotonic()
        assert _one(connection) == 200
        assert connection.recv(1) == b""
        assert time.monotonic() - began > 0.5


def test_a_client_that_does_not_take_its_answer_is_left() -> None:
    with _running(Limits(stalled_seconds=0.5)) as running, running.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(OK.replace(b"/", b"/large", 1))
        _until(lambda: running.cuts("stalled") == 1)
        _until(lambda: running.server.metrics.connections == 0)


def test_calls_that_take_for_ever_leave_room_for_others() -> None:
    with _running(Limits(readers=3)) as running, ExitStack() as stack:
        for _ in range(2):
            one = stack.enter_context(running.connect())
            one.sendall(OK.replace(b"/", b"/slow", 1))
            running.begun.get(timeout=PATIENCE)
        assert running.get().json() == "ok"


def test_stop_finishes_calls_and_accepts_no_more() -> None:
    with _running() as running, running.connect() as connection:
        connection.sendall(OK.replace(b"/", b"/slow", 1))
        running.begun.get(timeout=PATIENCE)
        stopping = threading.Thread(target=running.server.stop)
        stopping.start()
        _until(lambda: _refuses(running.port))
        running.go.set()
        assert _one(connection) == 200
        stopping.join(PATIENCE)
        assert running.ended.get(timeout=PATIENCE) is None


def test_stop_does_not_wait_for_ever() -> None:
    with _running(drain_seconds=1) as running, running.connect() as connection:
        connection.sendall(OK.replace(b"/", b"/slow", 1))
        running.begun.get(timeout=PATIENCE)
        running.server.stop()
        assert running.ended.get(timeout=PATIENCE) is None


def test_a_server_that_never_started_stops() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = ApiServer(FastAPI(), listener, Serving(hosts=Hosts(local=True)))
    server.call(lambda: None)
    server.stop()
    listener.close()


def test_what_is_asked_of_its_thread_shows_that_it_lives(running: _Running) -> None:
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    running.server.call(lambda: asked.put(threading.current_thread().name))
    assert asked.get(timeout=PATIENCE) == "api"


def test_a_defect_of_the_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: _Server, loop: asyncio.AbstractEventLoop) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(_Server, "_accept", broken)
    with _running() as running:
        assert isinstance(running.ended.get(timeout=PATIENCE), ZeroDivisionError)
        running.server.call(lambda: None)


class _Listener(socket.socket):
    """Listens; what `accept` raises first, and what it is told of each connection."""

    failures: list[OSError]
    accepting: Callable[[], None]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            raise self.failures.pop()
        accepted = super().accept()
        self.accepting()
        return accepted


def _listener() -> _Listener:
    listener = _Listener(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    listener.failures = []
    listener.accepting = lambda: None
    return listener


def test_without_descriptors_it_waits_and_goes_on(log_lines: list[dict[str, Any]]) -> None:
    listener = _listener()
    listener.failures = [OSError(24, "Too many open files")] * 3
    with _running(listener=listener) as running:
        assert running.get().json() == "ok"
    (told,) = (one for one in log_lines if "not accepted" in one["event"])
    assert (told["server"], told["suppressed"]) == ("admin", 0)
    assert "Too many open files" in told["reason"]


def test_a_connection_that_is_given_up_before_its_first_step_is_closed() -> None:
    """As when the server ends at that moment: its client must not wait for ever."""
    listener = _listener()

    def give_up() -> None:
        for task in asyncio.all_tasks():
            if task.get_coro().__qualname__ == "_Server._begin":
                task.cancel()

    # Before the task that is made of what is accepted now.
    listener.accepting = lambda: asyncio.get_running_loop().call_soon(give_up)
    with _running(listener=listener) as running, running.connect() as connection:
        assert connection.recv(1) == b""


class _Pki:
    def __init__(self, directory: Path, *, mutual: bool = False) -> None:
        self.authority = make_root("CA", at=time.time())
        server = self.authority.server("localhost", at=time.time())
        files = TlsFiles(
            certificate=directory / "c.pem",
            key=directory / "k.pem",
            client_ca=directory / "ca.pem" if mutual else None,
        )
        files.certificate.write_bytes(server.pem)
        files.key.write_bytes(server.key_pem)
        self.anchors = directory / "ca.pem"
        self.anchors.write_bytes(self.authority.pem)
        client = self.authority.client("alice", at=time.time())
        (directory / "client.pem").write_bytes(client.pem + client.key_pem)
        self.client = directory / "client.pem"
        self.tls = ServerTls(files)

    def context(self, *, client: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.anchors)
        if client:
            context.load_cert_chain(self.client)
        return context


def test_tls(tmp_path: Path) -> None:
    pki = _Pki(tmp_path)
    with _running(Limits(handshake_seconds=0.3), pki.tls) as running:
        url = f"https://localhost:{running.port}/who"
        answer = httpx.get(url, verify=pki.context(), timeout=PATIENCE)
        assert answer.json()["scheme"] == "https"

        with pytest.raises(httpx.HTTPError):
            running.get()  # in the clear
        with running.connect() as silent:
            assert silent.recv(1) == b""
        _until(lambda: running.cuts("handshake") >= 2)
        assert httpx.get(url, verify=pki.context(), timeout=PATIENCE).status_code == 200
        _until(lambda: running.server.metrics.connections == 0)


def test_mutual_tls(tmp_path: Path) -> None:
    pki = _Pki(tmp_path, mutual=True)
    with _running(Limits(), pki.tls) as running:
        url = f"https://localhost:{running.port}/"
        assert httpx.get(url, verify=pki.context(client=True), timeout=PATIENCE).json() == "ok"
        with pytest.raises(httpx.HTTPError):
            httpx.get(url, verify=pki.context(), timeout=PATIENCE)


def test_a_newcomer_without_room_is_closed_on_tls(tmp_path: Path) -> None:
    pki = _Pki(tmp_path)
    with _running(Limits(connections=1), pki.tls) as running, ExitStack() as stack:
        call = stack.enter_context(
            pki.context().wrap_socket(running.connect(), server_hostname="localhost")
        )
        call.sendall(OK.replace(b"/", b"/slow", 1))
        running.begun.get(timeout=PATIENCE)
        with running.connect() as refused:
            assert refused.recv(1) == b""
        running.go.set()
        assert _one(call) == 200


def test_stop_ends_handshakes(tmp_path: Path) -> None:
    with _running(Limits(), _Pki(tmp_path).tls) as running, running.connect() as silent:
        _until(lambda: running.server.metrics.connections == 1)
        running.server.stop()
        assert silent.recv(1) == b""


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except OSError:
        return True
    return False


def _until(condition: Any) -> None:
    moment = threading.Event()
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit
        moment.wait(0.01)
