# SPDX-License-Identifier: Apache-2.0
"""A client for HTTP/3 with a client certificate: one request on a connection of its own.

Neither httpx nor the standard library speaks QUIC; this is aioquic's.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: How long one request may take, in seconds.
PATIENCE = 10.0


@dataclass(kw_only=True)
class Http3Answer:
    """What came back; the status 0 is a stream that was reset."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class _Client(QuicConnectionProtocol):
    """Sends one request and collects its answer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._http = H3Connection(self._quic)
        self._answer = Http3Answer()
        self._done: asyncio.Future[Http3Answer] = asyncio.get_running_loop().create_future()

    async def get(self, headers: Sequence[tuple[bytes, bytes]]) -> Http3Answer:
        """Send a GET with these headers (pseudo headers included) and wait."""
        stream = self._quic.get_next_available_stream_id()
        self._http.send_headers(stream, list(headers), end_stream=True)
        self.transmit()
        return await self._done

    def quic_event_received(self, event: QuicEvent) -> None:
        """What aioquic calls."""
        if isinstance(event, ConnectionTerminated) and not self._done.done():
            self._done.set_exception(ConnectionError(event.reason_phrase or str(event.error_code)))
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
    """One GET over HTTP/3 to loopback.

    `certificate` has the client's certificate, intermediates and key (PEM).

    Raises:
        ConnectionError: the server refused the handshake or closed the connection.
    """
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=["h3"], server_name=sni or host
    )
    configuration.verify_mode = ssl.CERT_REQUIRED
    configuration.load_verify_locations(cafile=str(server_ca))
    if certificate is not None:
        configuration.load_cert_chain(certificate, certificate)
    lines = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
    sent = [(name.encode(), value.encode()) for name, value in (*lines, *headers)]

    async def run() -> Http3Answer:
        async with connect(
            "127.0.0.1", port, configuration=configuration, create_protocol=_Client
        ) as client:
            assert isinstance(client, _Client)
            return await client.get(sent)

    return asyncio.run(asyncio.wait_for(run(), PATIENCE))
