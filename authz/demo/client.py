# SPDX-License-Identifier: Apache-2.0
"""One HTTPS request with exactly the certificate, SNI, Host and path that were asked for.

http.client over ssl, HTTP/1.1: nothing is normalised on the way, which is the point. Connects to
loopback whatever the name is.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: How long one request may take, in seconds; far above what Envoy allows the authorizer.
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Connection(http.client.HTTPSConnection):
    """An HTTPS connection to a port on loopback, by the name `sni`.

    Args:
        port: where to connect.
        sni: the name in the TLS handshake, which the server's certificate must have.
        server_ca: who vouches for the server (PEM).
        certificate: the client's certificate and its intermediates (PEM), or None to present none.
        key: the private key (PEM); None when it is in the same file.
    """

    def __init__(
        self,
        port: int,
        sni: str,
        server_ca: Path,
        certificate: Path | None,
        key: Path | None = None,
    ) -> None:
        context = ssl.create_default_context(cafile=str(server_ca))
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        super().__init__(sni, port, timeout=TIMEOUT_SECONDS, context=context)
        self._tls = context
        self._sni = sni

    def connect(self) -> None:
        """Connect to loopback under the name that was asked for."""
        plain = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._sni)

    def send_request(
        self,
        path: str,
        *,
        hosts: Sequence[str],
        method: str = "GET",
        headers: Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """Send one request and read the whole answer; `hosts` are the Host headers, as they are."""
        self.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for host in hosts:
            self.putheader("Host", host)
        for name, value in headers:
            self.putheader(name, value)
        self.endheaders()
        response = self.getresponse()
        return Answer(
            status=response.status,
            headers=tuple((name.lower(), value) for name, value in response.getheaders()),
            body=response.read(),
        )
