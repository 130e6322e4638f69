# SPDX-License-Identifier: Apache-2.0
"""Revoke, and the next request is refused; restore, and it passes: on what was open already.

A real Envoy, a node that answers by the store, and a client of the embedded CA over an HTTP/2
connection that stays open, or over connections that resume the TLS session of the first one (on a
listener that allows it, which the shipped one does not). Each round counts from the command's
return. `make test` does a few, `make acceptance` 200 of each kind.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import subprocess
import sys
import time
from socket import create_connection
from typing import TYPE_CHECKING

import pytest

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from authz.store.engine import open_store
from tests.e2e.harness import (
    Stack,
    authz_settings,
    default_options,
    http_client,
    send,
    wait_for_health,
)
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.demo.upstream import Upstream
    from authz.services.issuance import Issued

    #: One request; its status.
    Request = Callable[[], int]

#: From the command's return to the first answer that knows of it.
LIMIT_SECONDS = 0.5
#: Requests that are sent when the state is known: none may waver.
STEADY = 3
#: Every so many rounds are commands in a process of their own; the others call what they call.
COMMAND_EVERY = 5
HOST = "api.localhost"

#: What a client resumes by, as the greatest version it speaks and what it leaves out.
KINDS = {
    "TLS 1.3": (ssl.TLSVersion.TLSv1_3, ssl.Options(0)),
    "TLS 1.2 tickets": (ssl.TLSVersion.TLSv1_2, ssl.Options(0)),
    "TLS 1.2 session ids": (ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TICKET),
}


class _Node:
    """The stack, its store, and what revokes and restores."""

    def __init__(self, stack: Stack, world: World, directory: Path) -> None:
        self.stack = stack
        self.world = world
        self._config = directory / "authz.yaml"
        self._round = 0

    def client(self, name: str) -> Issued:
        """A new client certificate, where the stack looks for it."""
        issued = self.world.issue(name)
        assert issued.key_pem is not None
        file = self.stack.credentials.client_file(name)
        file.write_bytes(issued.bundle.encode() + issued.key_pem)
        return issued

    def change(self, issued: Issued, *, revoke: bool) -> float:
        """Revoke or restore; the moment when that had returned."""
        if self._round % COMMAND_EVERY == 0:
            verb = "revoke" if revoke else "restore"
            command = [sys.executable, "-P", "-m", "authz", "cert", verb, issued.certificate.id]
            subprocess.run(
                [*command, "--config", str(self._config)], check=True, capture_output=True
            )
        elif revoke:
            self.world.revoke(issued)
        else:
            self.world.restore(issued)
        return time.monotonic()

    def rounds(self, issued: Issued, request: Request, count: int) -> list[float]:
        """Revoke and restore `count` times; how long each of them took to count."""
        assert request() == 200
        took: list[float] = []
        for self._round in range(count):
            for revoke, status in ((True, 403), (False, 200)):
                returned = self.change(issued, revoke=revoke)
                while request() != status:
                    assert time.monotonic() - returned < 10 * LIMIT_SECONDS, "it does not count"
                took.append(time.monotonic() - returned)
                assert [request() for _ in range(STEADY)] == [status] * STEADY
        return took


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[_Node]:
    directory = tmp_path_factory.mktemp("revocation")
    credentials = make_credentials(directory, at=time.time())
    with Children() as children:
        settings = {**authz_settings("native"), "store": "on"}
        del settings["policy"]
        data = directory / "authz-data"
        with contextlib.closing(open_store("sqlite", data)) as store:
            world = World(store)
            world.protect(HOST)
            authz = start_authz(children, directory, settings)
            config = render_envoy_config(
                load_settings(directory / "authz.yaml"),
                default_options(credentials, upstream, authz.grpc),
            )
            allowed = config.replace("less_session_resumption: true", "less_session_resumption: no")
            allowed = allowed.replace("ful_session_resumption: true", "ful_session_resumption: no")
            assert allowed.count("_session_resumption: no") == 2
            envoy = start_envoy(children, directory, allowed)
            wait_for_health(envoy, 1)
            stack = Stack(credentials=credentials, authz=authz, envoy=envoy)
            yield _Node(stack, world, directory)


def _tell(kind: str, took: list[float]) -> None:
    ordered = sorted(took)
    print(
        f"\n{kind}: {len(took)} changes, "
        f"p50 {ordered[len(took) // 2] * 1000:.0f} ms, "
        f"p99 {ordered[len(took) * 99 // 100] * 1000:.0f} ms, "
        f"slowest {ordered[-1] * 1000:.0f} ms; "
        f"{sum(one <= LIMIT_SECONDS for one in took)} of {len(took)} within {LIMIT_SECONDS:g} s"
    )


class _Resuming:
    """Requests on connections of their own that all resume the session of the first one."""

    def __init__(self, node: _Node, name: str, kind: str) -> None:
        version, left_out = KINDS[kind]
        self._port = node.stack.envoy.port
        self._version = version
        self._context = ssl.create_default_context(cafile=str(node.stack.credentials.server_ca))
        self._context.load_cert_chain(node.stack.credentials.client_file(name))
        self._context.maximum_version = version
        self._context.options |= left_out
        self._session: ssl.SSLSession | None = None

    def request(self) -> int:
        """One request on a new connection."""
        with contextlib.closing(self._connect()) as socket:
            socket.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            response = http.client.HTTPResponse(socket)
            response.begin()
            response.read()
            if self._session is None:
                # With TLS 1.3 the server sends it after the handshake.
                self._session = socket.session
            else:
                assert socket.session_reused, "a full handshake"
            assert self._version is not ssl.TLSVersion.TLSv1_3 or socket.version() == "TLSv1.3"
            return response.status

    def _connect(self) -> ssl.SSLSocket:
        plain = create_connection(("127.0.0.1", self._port), 10.0)
        return self._context.wrap_socket(plain, server_hostname=HOST, session=self._session)


def _over_http_2(node: _Node, count: int) -> list[float]:
    issued = node.client("http2")
    with http_client("HTTP/2", node.stack.credentials, "http2") as client:
        streams: list[int] = []

        def request() -> int:
            response = send(client, node.stack.envoy.port, sni=HOST, host=HOST, path="/")
            streams.append(response.extensions["stream_id"])
            return response.status_code

        took = node.rounds(issued, request, count)
    # A connection of its own would have its streams numbered from 1 again.
    assert streams == sorted(set(streams))
    return took


def _resumed(node: _Node, kind: str, count: int) -> list[float]:
    name = kind.replace(" ", "-").replace(".", "-")
    issued = node.client(name)
    return node.rounds(issued, _Resuming(node, name, kind).request, count)


def test_on_an_http_2_connection_that_stays_open(node: _Node) -> None:
    took = _over_http_2(node, 5)

    _tell("HTTP/2", took)
    assert max(took) <= LIMIT_SECONDS


@pytest.mark.parametrize("kind", KINDS)
def test_on_tls_sessions_that_are_resumed(node: _Node, kind: str) -> None:
    took = _resumed(node, kind, 5)

    _tell(kind, took)
    assert max(took) <= LIMIT_SECONDS


@pytest.mark.acceptance
def test_200_of_200_on_an_http_2_connection_that_stays_open(node: _Node) -> None:
    took = _over_http_2(node, 200)

    _tell("HTTP/2", took)
    assert max(took) <= LIMIT_SECONDS


@pytest.mark.acceptance
@pytest.mark.parametrize("kind", KINDS)
def test_200_of_200_on_tls_sessions_that_are_resumed(node: _Node, kind: str) -> None:
    took = _resumed(node, kind, 200)

    _tell(kind, took)
    assert max(took) <= LIMIT_SECONDS
