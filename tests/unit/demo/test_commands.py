# SPDX-License-Identifier: Apache-2.0
"""Commands as a user would run them, and what a refused handshake looks like to each client."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authz.demo import commands
from authz.demo.commands import (
    REFUSED,
    Client,
    ask_by_curl,
    ask_on,
    connect,
    curl_words,
    run_authz,
    shell_function,
)
from authz.demo.credentials import Credentials, make_credentials
from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "devices.localhost"


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return make_credentials(tmp_path_factory.mktemp("demo"), at=time.time())


@pytest.fixture(scope="module")
def port(credentials: Credentials) -> Iterator[int]:
    """A server that verifies clients in the handshake, as the strict listener does."""
    directory = credentials.directory
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.crt", directory / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(directory / "trust" / "demo-ca.pem")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as tls:
                        tls.recv(65536)
                        tls.sendall(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n")
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(5)


def test_what_a_command_prints_is_returned(tmp_path: Path) -> None:
    (tmp_path / "authz.yaml").write_text("log: {level: warning}\n")

    assert run_authz(tmp_path, "--version").strip()


def test_a_command_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"`authz cert show` ended with status 2") as caught:
        run_authz(tmp_path, "cert show")

    assert "ID" in str(caught.value.hint)


def test_a_command_that_does_not_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **given: object) -> None:
        raise subprocess.TimeoutExpired("authz", 1.0)

    monkeypatch.setattr(subprocess, "run", run)

    with pytest.raises(DemoError, match="took more than"):
        run_authz(tmp_path, "cert list")


@pytest.mark.parametrize("with_curl", [True, False])
@pytest.mark.parametrize(("name", "answer"), [("valid", "204"), ("partner", REFUSED)])
def test_either_client_sees_who_is_refused_in_the_handshake(
    name: str,
    answer: str,
    with_curl: bool,
    credentials: Credentials,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not with_curl:
        monkeypatch.setattr(shutil, "which", lambda _: None)
    client = Client(certificate=f"clients/{name}.pem")

    assert ask_by_curl(credentials.directory, HOST, port, client) == answer


def test_a_key_may_be_a_file_of_its_own(
    credentials: Credentials, port: int, tmp_path: Path
) -> None:
    valid = credentials.clients["valid"]
    (tmp_path / "client.pem").write_bytes(valid.chain_pem)
    (tmp_path / "client.key").write_bytes(valid.key_pem)
    (tmp_path / "server-ca.pem").write_bytes(credentials.server_ca.read_bytes())
    client = Client(certificate="client.pem", key="client.key")

    assert ask_by_curl(tmp_path, HOST, port, client) == "204"
    connection = connect(tmp_path, HOST, port, client)
    assert ask_on(connection, HOST) == "204"
    connection.close()


def test_nobody_who_answers_is_not_a_refusal(credentials: Credentials, port: int) -> None:
    """curl: 60, the server's certificate has another name."""
    assert ask_by_curl(credentials.directory, "other.localhost", port, None) == "curl: 60"


def test_without_a_certificate_none_is_named() -> None:
    assert curl_words("https://a/", None) == [
        *("curl", "-i", "--cacert", "server-ca.pem"),
        "https://a/",
    ]


def test_authz_means_this_one_where_commands_are_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path(sys.executable).parent / "authz"
    monkeypatch.setattr(commands.shutil, "which", lambda _: None)
    function = shell_function()

    assert function is not None
    said = subprocess.run(
        ["sh", "-c", f"{function}\nauthz --version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.strip()
    if own.exists():
        monkeypatch.setattr(commands.shutil, "which", lambda _: str(own))
        assert shell_function() is None
