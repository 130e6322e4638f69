# SPDX-License-Identifier: Apache-2.0
"""A connection to one address that ends at a moment, whatever the other side does.

A timeout of each read would let a server that sends a byte a second hold us for days. Here every
read gets what is left until the deadline, in the headers as well as in the body and the handshake.
"""

from __future__ import annotations

import socket
import ssl
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.sources.fetch_url import FetchUrl


class Deadline:
    """A moment by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then, more than 0.

        Raises:
            TimeoutError: it has come.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


class _DeadlineSocket(socket.socket):
    """A socket that waits no longer than until its deadline."""

    deadline: Deadline

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(self.deadline.left())
        return super().recv_into(*arguments, **named)


class _DeadlineTlsSocket(ssl.SSLSocket):
    """The same for TLS. A handshake is one wait with the timeout that the socket has."""

    deadline: Deadline

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self.settimeout(self.deadline.left())
        return super().recv_into(*arguments, **named)


class PinnedConnection(HTTPConnection):
    """HTTP/1.1 to the first of some addresses that answers; names are not looked up again."""

    def __init__(
        self,
        url: FetchUrl,
        addresses: Sequence[str],
        deadline: Deadline,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(url.host, url.port, timeout=deadline.left())
        self._url = url
        self._addresses = addresses
        self._deadline = deadline
        self._tls = tls

    def connect(self) -> None:
        """Connect, and for TLS shake hands with whoever has the URL's name.

        Raises:
            OSError: no address can be reached, or the certificate is not good.
        """
        plain = self._reach()
        try:
            self.sock = plain if self._tls is None else self._secured(plain, self._tls)
        except BaseException:
            plain.close()
            raise

    def _reach(self) -> _DeadlineSocket:
        failed: OSError | None = None
        for index, address in enumerate(self._addresses):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = _DeadlineSocket(family, socket.SOCK_STREAM)
            connection.deadline = self._deadline
            try:
                # An address that swallows packets leaves time for those after it.
                connection.settimeout(self._deadline.left() / (len(self._addresses) - index))
                connection.connect((address, self._url.port))
            except OSError as error:
                connection.close()
                failed = error
            else:
                return connection
        raise failed or OSError("no address")

    def _secured(self, plain: _DeadlineSocket, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain.settimeout(self._deadline.left())
        secured = context.wrap_socket(plain, server_hostname=self._url.host)
        assert isinstance(secured, _DeadlineTlsSocket)
        secured.deadline = self._deadline
        return secured


def tls_context() -> ssl.SSLContext:
    """TLS as it is verified here: the system's authorities, names checked."""
    context = ssl.create_default_context()
    return prepared(context)


def prepared(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, making sockets that keep to a deadline."""
    context.sslsocket_class = _DeadlineTlsSocket
    return context


def look_up(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, each once, in the order in which the system prefers them.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def as_literal(host: str) -> tuple[str, ...]:
    """The address that a host is written as, nothing if it is a name."""
    try:
        return (str(ip_address(host)),)
    except ValueError:
        return ()
