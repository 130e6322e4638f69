# SPDX-License-Identifier: Apache-2.0
"""An installation to practise on: a store, SDS, the API, and an Envoy with a lenient and a strict
listener. Pages of docs/how-to are followed in its directory (tests.factories.page_drills)."""

from __future__ import annotations

import contextlib
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.demo.client import Connection
from authz.demo.running import LENIENT, STRICT, envoy_config, require_bundle
from authz.demo.stack import start_authz, start_envoy
from tests.e2e.harness import Load, eventually, wait_for_health
from tests.factories.page_drills import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.client import Answer
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.stack import Authz, Envoy
    from authz.demo.upstream import Upstream

HOST: Final = "devices.localhost"

#: A store, followed by two workers with ports of their own.
SETTINGS: Final[dict[str, Any]] = {
    "grpc": {"workers": 2, "port_per_worker": True},
    "sds": {"listen": "127.0.0.1:0"},
    "admin": {"enabled": True, "listen": "127.0.0.1:0"},
}

#: In the place of a status: the handshake was refused.
REFUSED: Final = 0


def client_pem(directory: Path) -> Path:
    """One file of the certificate, chain and key that `cert issue` put into a directory.

    Several threads ask, and none may see half a file.
    """
    file = directory / "all.pem"
    text = "".join((directory / name).read_text() for name in ("client.pem", "client.key"))
    if not file.exists() or file.read_text() != text:
        whole = directory / f"{threading.get_ident()}.tmp"
        whole.write_text(text)
        whole.replace(file)
    return file


@dataclass(kw_only=True)
class Drill:
    """The running installation."""

    credentials: Credentials
    children: Children
    shell: Shell
    authz: Authz
    envoy: Envoy

    def connect(self, client: str, listener: str = LENIENT) -> Connection:
        """A connection with the certificate in the directory `client`, made by `cert issue`."""
        return Connection(
            self.envoy.ports[listener], HOST, self.credentials.server_ca, self.pem(client)
        )

    def pem(self, client: str) -> Path | None:
        """Certificate, chain and key in one file; None for nobody."""
        return client_pem(self.shell.directory / client) if client else None

    def status(self, client: str, listener: str = LENIENT) -> int:
        """The answer to one request on a connection of its own."""
        try:
            with contextlib.closing(self.connect(client, listener)) as connection:
                return connection.send_request("/", hosts=(HOST,)).status
        except (ssl.SSLError, ConnectionError):
            return REFUSED

    def becomes(self, status: int, client: str, listener: str = LENIENT) -> None:
        """Wait until new connections get this answer."""
        eventually(lambda: self.status(client, listener) == status, f"{status} for {client}")

    def load(self, client: str, listener: str = LENIENT, threads: int = 1) -> Load:
        """Requests one after the other, on connections that stay open and on new ones in turn."""

        def send(connection: Connection) -> Answer:
            self_made = self.connect(client, listener)
            with contextlib.closing(self_made):
                fresh = self_made.send_request("/", hosts=(HOST,))
            kept = connection.send_request("/", hosts=(HOST,))
            return kept if kept.status != 200 else fresh

        return Load(
            connect=lambda: self.connect(client, listener),
            send=send,
            threads=threads,
        )


def start_drill(
    children: Children, credentials: Credentials, upstream: Upstream, **settings: Any
) -> Drill:
    """Start everything; the store is new."""
    directory = credentials.directory
    authz = start_authz(children, directory, {**SETTINGS, **settings})
    shell = Shell(directory=directory)
    envoy = start_envoy(children, directory, envoy_config(directory, authz, upstream.port))
    require_bundle(authz, envoy, 30.0)
    wait_for_health(envoy, len(authz.grpc))
    return Drill(credentials=credentials, children=children, shell=shell, authz=authz, envoy=envoy)


__all__ = [
    "HOST",
    "LENIENT",
    "REFUSED",
    "STRICT",
    "Drill",
    "client_pem",
    "start_drill",
]
