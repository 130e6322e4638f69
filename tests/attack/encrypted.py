# SPDX-License-Identifier: Apache-2.0
"""A TCP connection under TLS that one thread may read and another one write.

An `ssl.SSLSocket` may not be used so: OpenSSL's object of a connection is for one thread at a time.
"""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_SOME: Final = 1 << 16
Got = TypeVar("Got")


class Encrypted:
    """Shakes hands over a connected socket, and then sends and receives.

    Raises:
        OSError: the other end does not want to, or says nothing in the socket's time.
    """

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._plain = plain
        self._lock = threading.Lock()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while not self._tried(lambda: self._tls.do_handshake() is None):
            self._flush()
            self._take()
        self._flush()

    def sendall(self, octets: bytes) -> None:
        """As `socket.sendall`; for one thread."""
        with self._lock:
            self._tls.write(octets)
        self._flush()

    def recv(self, size: int) -> bytes:
        """As `socket.recv`; for one thread, which may be another one."""
        while True:
            try:
                octets = self._tried(lambda: self._tls.read(size))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            if octets:
                return octets
            if not self._take():
                return b""

    def _tried(self, do: Callable[[], Got]) -> Got | None:
        """None while more has to come from the other end first."""
        with self._lock:
            try:
                return do()
            except ssl.SSLWantReadError:
                return None

    def _flush(self) -> None:
        with self._lock:
            octets = self._outgoing.read()
        self._plain.sendall(octets)

    def _take(self) -> bool:
        octets = self._plain.recv(_SOME)
        with self._lock:
            if octets:
                self._incoming.write(octets)
            else:
                self._incoming.write_eof()
        return bool(octets)
