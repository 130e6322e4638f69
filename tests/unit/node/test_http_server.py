# SPDX-License-Identifier: Apache-2.0
"""/metrics, /healthz and /readyz, for polite clients and for others."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from authz.errors import TransportError
from authz.node import http_server
from authz.node.http_server import MAX_CONNECTIONS, MetricsServer, Readiness, open_listener
from authz.observability.log import flush
from authz.observability.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Node:
    """A node as the server sees it."""

    def __init__(self) -> None:
        self.readiness = Readiness(ready=False, why="starting")
        self.page: Callable[[], bytes] = Metrics().render

    def render(self) -> bytes:
        return self.page()


@pytest.fixture
def node() -> _Node:
    return _Node()


@pytest.fixture
def server(node: _Node) -> Iterator[MetricsServer]:
    made = MetricsServer(
        open_listener("127.0.0.1", 0),
        render=node.render,
        readiness=lambda: node.readiness,
        header_seconds=0.2,
        connection_seconds=0.2,
    )
    made.start()
    yield made
    made.stop()


def _get(server: MetricsServer, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    request = urllib.request.Request(f"http://{server.address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def test_metrics_are_in_prometheus_text_format(server: MetricsServer) -> None:
    status, content_type, body = _get(server, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain; version=")
    assert b"# TYPE authz_build_info gauge" in body


def test_healthz_says_that_the_process_lives(server: MetricsServer) -> None:
    assert _get(server, "/healthz")[::2] == (200, b"alive\n")


def test_readyz_follows_the_node(server: MetricsServer, node: _Node) -> None:
    assert _get(server, "/readyz")[::2] == (503, b"starting\n")
    node.readiness = Readiness(ready=True, why="ready")
    assert _get(server, "/readyz")[::2] == (200, b"ready\n")
    node.readiness = Readiness(ready=False, why="draining")
    assert _get(server, "/readyz")[::2] == (503, b"draining\n")


def test_a_query_does_not_change_the_page(server: MetricsServer) -> None:
    assert _get(server, "/healthz?verbose=1")[0] == 200


@pytest.mark.parametrize("path", ["/", "/metrics/", "/healthz/x", "/debug/pprof"])
def test_anything_else_is_not_found(server: MetricsServer, path: str) -> None:
    assert _get(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_only_get_and_head_are_answered(server: MetricsServer, method: str) -> None:
    assert _get(server, "/metrics", method)[0] == 501


def test_head_has_the_headers_and_no_body(server: MetricsServer) -> None:
    status, content_type, body = _get(server, "/metrics", "HEAD")
    assert (status, body) == (200, b"")
    assert content_type.startswith("text/plain")


def test_a_defect_in_rendering_ends_one_request_only(
    server: MetricsServer, node: _Node, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> bytes:
        raise ValueError("a defect")

    node.page = broken
    with pytest.raises(OSError, match="Remote end closed"):
        _get(server, "/metrics")
    node.page = Metrics().render
    assert _get(server, "/metrics")[0] == 200
    flush()
    assert "a defect" in capfd.readouterr().err


def test_a_client_that_says_nothing_is_cut_off(server: MetricsServer) -> None:
    with socket.create_connection(_target(server)) as silent:
        silent.settimeout(10)
        assert silent.recv(1) == b""


def test_a_client_that_sends_a_byte_at_a_time_is_cut_off_all_the_same(
    server: MetricsServer,
) -> None:
    with socket.create_connection(_target(server)) as slow:
        # Each byte comes in time; only the whole request does not.
        slow.settimeout(0.02)
        for _ in range(1000):
            try:
                slow.sendall(b"G")
                if slow.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("still connected")


def test_slow_clients_do_not_keep_others_waiting(server: MetricsServer) -> None:
    idle = [socket.create_connection(_target(server)) for _ in range(MAX_CONNECTIONS - 1)]
    try:
        assert _get(server, "/healthz")[0] == 200
    finally:
        for connection in idle:
            connection.close()


def test_idle_connections_make_room_for_a_probe(node: _Node) -> None:
    server = MetricsServer(
        open_listener("127.0.0.1", 0),
        render=node.render,
        readiness=lambda: Readiness(ready=True, why="ready"),
        header_seconds=3600,
        connection_seconds=3600,
    )
    server.start()
    idle = [socket.create_connection(_target(server)) for _ in range(2 * MAX_CONNECTIONS)]
    try:
        assert _get(server, "/readyz")[0] == 200
        # The oldest went.
        idle[0].settimeout(10)
        assert idle[0].recv(1) == b""
        idle[-1].sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        idle[-1].settimeout(10)
        assert idle[-1].recv(15) == b"HTTP/1.0 200 OK"
    finally:
        for connection in idle:
            connection.close()
        server.stop()


def test_whoever_has_asked_is_not_sent_away_by_newcomers(node: _Node) -> None:
    asked, answer = threading.Semaphore(0), threading.Event()

    def slow() -> bytes:
        asked.release()
        assert answer.wait(10)
        return b"done\n"

    node.page = slow
    server = MetricsServer(
        open_listener("127.0.0.1", 0),
        render=node.render,
        readiness=lambda: node.readiness,
        header_seconds=3600,
        connection_seconds=3600,
    )
    server.start()
    waiting = [socket.create_connection(_target(server)) for _ in range(MAX_CONNECTIONS)]
    try:
        for connection in waiting:
            connection.settimeout(10)
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert asked.acquire(timeout=10)
        with socket.create_connection(_target(server)) as newcomer:
            newcomer.settimeout(10)
            assert newcomer.recv(1) == b""
        answer.set()
        assert all(connection.recv(15) == b"HTTP/1.0 200 OK" for connection in waiting)
    finally:
        answer.set()
        for connection in waiting:
            connection.close()
        server.stop()


def test_a_client_that_asks_nothing_is_cut_off_sooner_than_one_that_waits(node: _Node) -> None:
    assert http_server.HEADER_SECONDS <= 2.0
    server = MetricsServer(
        open_listener("127.0.0.1", 0),
        render=node.render,
        readiness=lambda: node.readiness,
        header_seconds=0.05,
        connection_seconds=3600,
    )
    server.start()
    with socket.create_connection(_target(server)) as silent:
        silent.settimeout(10)
        assert silent.recv(1) == b""
    server.stop()


def test_connections_beyond_the_bound_are_closed_and_the_server_recovers(
    server: MetricsServer,
) -> None:
    connections = [socket.create_connection(_target(server)) for _ in range(3 * MAX_CONNECTIONS)]
    for connection in connections:
        connection.settimeout(10)
        assert connection.recv(1) == b""
        connection.close()
    assert _get(server, "/healthz")[0] == 200


def test_a_request_made_before_the_start_is_answered(node: _Node) -> None:
    listener = open_listener("127.0.0.1", 0)
    server = MetricsServer(listener, render=node.render, readiness=lambda: node.readiness)
    with socket.create_connection(_target(server)) as early:
        early.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        server.start()
        early.settimeout(10)
        assert early.recv(15) == b"HTTP/1.0 200 OK"
    server.stop()


def test_stopping_what_never_started_frees_the_address(node: _Node) -> None:
    listener = open_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]
    MetricsServer(listener, render=node.render, readiness=lambda: node.readiness).stop()
    open_listener("127.0.0.1", port).close()


def test_an_address_that_is_taken_is_named_with_what_to_do() -> None:
    with open_listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TransportError, match="in use") as caught:
            open_listener("127.0.0.1", port)
    assert caught.value.where == f"127.0.0.1:{port}"
    assert "--metrics" in str(caught.value.hint)


def test_the_limit_of_a_connection_is_prometheus_own() -> None:
    assert http_server.CONNECTION_SECONDS == 10.0


def _target(server: MetricsServer) -> tuple[str, int]:
    host, _, port = server.address.rpartition(":")
    return host, int(port)
