# SPDX-License-Identifier: Apache-2.0
"""Requests go out exactly as they were asked for."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from authz.demo.client import Connection
from authz.demo.credentials import Credentials, make_credentials


class Recorder(BaseHTTPRequestHandler):
    """Keeps the bytes of the request line and headers, and the client's certificate."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        connection = self.connection
        assert isinstance(connection, ssl.SSLSocket)
        peer = connection.getpeercert(binary_form=True)
        lines = [self.requestline, *(f"{name}: {value}" for name, value in self.headers.items())]
        body = "\n".join([*lines, "certificate" if peer else "none"]).encode()
        self.send_response(418)
        self.send_header("content-length", str(len(body)))
        self.send_header("X-Answer", "yes")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    import time

    return make_credentials(tmp_path_factory.mktemp("demo"), at=time.time())


@pytest.fixture(scope="module")
def port(credentials: Credentials):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        credentials.directory / "server.crt", credentials.directory / "server.key"
    )
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(credentials.directory / "trust" / "demo-ca.pem")
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("certificate", "seen"), [("", "none"), ("valid", "certificate")])
def test_path_hosts_headers_and_certificate_arrive_as_given(
    credentials: Credentials, port: int, certificate: str, seen: str
) -> None:
    file = credentials.client_file(certificate) if certificate else None
    connection = Connection(port, "api.localhost", credentials.server_ca, file)

    answer = connection.send_request(
        "/a/../%61;b", hosts=("One", "two:0443"), headers=(("X-A", "1"), ("X-A", "2"))
    )
    connection.close()

    assert answer.body.decode().splitlines() == [
        "GET /a/../%61;b HTTP/1.1",
        "Host: One",
        "Host: two:0443",
        "X-A: 1",
        "X-A: 2",
        seen,
    ]
    assert answer.status == 418
    assert ("x-answer", "yes") in answer.headers


def test_a_server_that_nobody_vouches_for_is_refused(credentials: Credentials, port: int) -> None:
    connection = Connection(
        port, "api.localhost", credentials.directory / "trust" / "partner-ca.pem", None
    )

    with pytest.raises(ssl.SSLCertVerificationError):
        connection.send_request("/", hosts=("api.localhost",))
