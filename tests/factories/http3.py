# SPDX-License-Identifier: Apache-2.0
"""A client for HTTP/3 with a client certificate.

Neither httpx nor the standard library speaks QUIC; this is aioquic's. `get` is one request on a
connection of its own; `connected` a connection for several, which knows what the server gave it to
resume by and can go on from another address.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aioquic.quic.connection
from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent, StreamReset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from aioquic.tls import SessionTicket

#: How long one request may take, in seconds.
PATIENCE = 10.0

# aioquic's own room for a handshake is 16 KiB: less than some certificates of these tests.
aioquic.quic.connection.CRYPTO_BUFFER_SIZE = 2**18


@dataclass(kw_only=True)
class Http3Answer:
    """What came back; the status 0 is a stream that was reset."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class Http3Connection(QuicConnectionProtocol):
    """One connection; one request at a time."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._http = H3Connection(self._quic)
        self._answer = Http3Answer()
        self._done: asyncio.Future[Http3Answer] = asyncio.get_running_loop().create_future()
        self._handshake: HandshakeCompleted | None = None
        self._there: asyncio.DatagramTransport | None = None
        #: Datagrams that came to the address it moved to.
        self.received_there = 0
        #: What the server gave to resume this session by.
        self.tickets: list[SessionTicket] = []

    @property
    def is_resumed(self) -> bool:
        """Whether it resumed the session of an earlier one."""
        return self._handshake is not None and self._handshake.session_resumed

    @property
    def came_early(self) -> bool:
        """Whether the server took what was sent before the handshake (0-RTT)."""
        return self._handshake is not None and self._handshake.early_data_accepted

    async def get(
        self, host: str, path: str = "/", headers: Sequence[tuple[str, str]] = ()
    ) -> Http3Answer:
        """Send a GET and wait for its answer.

        Raises:
            ConnectionError: the server refused the handshake or closed the connection.
        """
        self._answer = Http3Answer()
        if self._done.done():
            # Closed meanwhile, if that is what it says.
            self._done.result()
            self._done = asyncio.get_running_loop().create_future()
        lines = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
        stream = self._quic.get_next_available_stream_id()
        sent = [(name.encode(), value.encode()) for name, value in (*lines, *headers)]
        self._http.send_headers(stream, sent, end_stream=True)
        self.transmit()
        return await asyncio.wait_for(asyncio.shield(self._done), PATIENCE)

    async def move_to(self, address: str) -> None:
        """Go on from another IPv4 address of this machine, as a telephone between networks does."""
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((f"::ffff:{address}", 0, 0, 0))
        loop = asyncio.get_running_loop()
        self._there, _ = await loop.create_datagram_endpoint(lambda: _Elsewhere(self), sock=sock)
        self._transport = self._there
        # RFC 9000 section 9.5: an identifier is not used from two addresses.
        self.change_connection_id()

    def close_there(self) -> None:
        """Close the socket it moved to; aioquic closes the first one."""
        if self._there is not None:
            self.close()
            self.transmit()
            self._there.close()

    def quic_event_received(self, event: QuicEvent) -> None:
        """What aioquic calls."""
        if isinstance(event, HandshakeCompleted):
            self._handshake = event
        if isinstance(event, ConnectionTerminated):
            if self._done.done():
                self._done = asyncio.get_running_loop().create_future()
            self._done.set_exception(ConnectionError(event.reason_phrase or str(event.error_code)))
            # Nobody may be waiting.
            self._done.exception()
        if isinstance(event, StreamReset) and not self._done.done():
            self._done.set_result(self._answer)
        for one in self._http.handle_event(event):
            if isinstance(one, HeadersReceived):
                named = [(name.decode(), value.decode()) for name, value in one.headers]
                self._answer.status = int(dict(named)[":status"])
                self._answer.headers += named
            elif isinstance(one, DataReceived):
                self._answer.body += one.data
            if getattr(one, "stream_ended", False) and not self._done.done():
                self._done.set_result(self._answer)


class _Elsewhere(asyncio.DatagramProtocol):
    """The socket of a connection that has moved."""

    def __init__(self, of: Http3Connection) -> None:
        self._of = of

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        """What asyncio calls."""
        self._of.received_there += 1
        self._of.datagram_received(data, addr)


@contextlib.asynccontextmanager
async def connected(
    port: int,
    sni: str,
    *,
    server_ca: Path,
    certificate: Path | None = None,
    ticket: SessionTicket | None = None,
) -> AsyncIterator[Http3Connection]:
    """A connection to loopback.

    Args:
        certificate: the client's certificate, intermediates and key (PEM).
        ticket: of an earlier connection, whose session is to be resumed; the first request is then
            sent at once, before the handshake, where the ticket allows it.

    Raises:
        ConnectionError: the server refused the handshake.
    """
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name=sni)
    configuration.verify_mode = ssl.CERT_REQUIRED
    configuration.load_verify_locations(cafile=str(server_ca))
    configuration.session_ticket = ticket
    if certificate is not None:
        configuration.load_cert_chain(certificate, certificate)
    tickets: list[SessionTicket] = []
    async with connect(
        "127.0.0.1",
        port,
        configuration=configuration,
        create_protocol=Http3Connection,
        session_ticket_handler=tickets.append,
        wait_connected=ticket is None,
    ) as client:
        assert isinstance(client, Http3Connection)
        client.tickets = tickets
        try:
            yield client
        finally:
            client.close_there()


def get(
    port: int,
    host: str,
    path: str = "/",
    *,
    server_ca: Path,
    certificate: Path | None = None,
    sni: str = "",
    headers: Sequence[tuple[str, str]] = (),
) -> Http3Answer:
    """One GET over HTTP/3 to loopback, on a connection of its own.

    Raises:
        ConnectionError: the server refused the handshake or closed the connection.
    """

    async def run() -> Http3Answer:
        async with connected(
            port, sni or host, server_ca=server_ca, certificate=certificate
        ) as connection:
            return await connection.get(host, path, headers)

    return asyncio.run(asyncio.wait_for(run(), 2 * PATIENCE))
