# SPDX-License-Identifier: Apache-2.0
"""Clients that send what they are told, right or wrong: octets over HTTP/1.1, frames over HTTP/2.

No library in between that would refuse, order or fold anything. A connection's certificate and SNI
are chosen when it is opened; nothing of the server is verified.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tests.attack.corpus import Fields

#: How long anything may take, in seconds.
PATIENCE: Final = 10.0
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back; the status 0 is a connection or stream that was closed without an answer."""

    status: int = 0
    headers: Fields = ()
    body: bytes = b""


def context(certificate: Path | None, *alpn: str) -> ssl.SSLContext:
    """TLS of a client that verifies nobody, takes any algorithm, and may have a certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    # Some certificates of the corpus are weak.
    made.set_ciphers("DEFAULT@SECLEVEL=0")
    made.set_alpn_protocols([*alpn])
    if certificate is not None:
        made.load_cert_chain(certificate)
    return made


def connect(
    port: int, tls: ssl.SSLContext, sni: str | None, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    """A TLS connection to loopback; `sni` None sends none."""
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain, server_hostname=sni, session=session)


class _Client:
    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Http1(_Client):
    """An HTTP/1.1 connection."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        super().__init__(connection)
        self._file = connection.makefile("rb")

    def close(self) -> None:
        """Close it."""
        self._file.close()
        super().close()

    def send(self, data: bytes) -> None:
        """Send octets; that nobody takes them any more is seen when an answer is waited for."""
        with contextlib.suppress(OSError):
            self._connection.sendall(data)

    def answer(self, *, head: bool = False) -> Answer | None:
        """The next answer; None when the server has closed the connection.

        100 and 103 are no answers yet (RFC 9110 15.2).
        """
        try:
            return self._answer(head=head)
        except OSError:
            return None

    def _answer(self, *, head: bool) -> Answer | None:
        while True:
            line = self._file.readline()
            if not line:
                return None
            status = int(line.split(b" ")[1])
            headers: list[tuple[bytes, bytes]] = []
            while (field := self._file.readline()) not in (b"\r\n", b""):
                name, _, value = field.partition(b":")
                headers.append((name.lower(), value.strip()))
            if status >= 200 or status == 101:
                return Answer(
                    status=status,
                    headers=tuple(headers),
                    body=b"" if head else self._body(dict(headers)),
                )

    def _body(self, headers: dict[bytes, bytes]) -> bytes:
        if headers.get(b"transfer-encoding") != b"chunked":
            return self._file.read(int(headers.get(b"content-length", b"0")))
        body = b""
        while size := int(self._file.readline() or b"0", 16):
            body += self._file.read(size)
            self._file.readline()
        self._file.readline()
        return body


class Http2(_Client):
    """An HTTP/2 connection; one request at a time, of any fields in any order."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        super().__init__(connection)
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._stream = 1
        self.is_open = True
        window = WindowUpdateFrame(0, window_increment=2**30)
        self._connection.sendall(_PREFACE + SettingsFrame(0).serialize() + window.serialize())

    def request(self, fields: Fields, body: bytes = b"", trailers: Fields = ()) -> Answer:
        """Send one request and wait for what comes of it."""
        stream, self._stream = self._stream, self._stream + 2
        frames: list[Frame] = [self._headers(stream, fields)]
        if body:
            frames.append(DataFrame(stream, body))
        if trailers:
            frames.append(self._headers(stream, trailers))
        frames[-1].flags.add("END_STREAM")
        try:
            self._connection.sendall(b"".join(frame.serialize() for frame in frames))
            return self._answer(stream)
        except OSError:
            self.is_open = False
            return Answer()

    def _headers(self, stream: int, fields: Fields) -> HeadersFrame:
        # Never indexed: otherwise a table grows that the server may have thrown away.
        block = self._encoder.encode([(name, value, True) for name, value in fields])
        return HeadersFrame(stream, block, flags=["END_HEADERS"])

    def _answer(self, stream: int) -> Answer:
        status, body = 0, b""
        headers: Fields = ()
        while (frame := self._frame()) is not None:
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                self._connection.sendall(SettingsFrame(0, flags=["ACK"]).serialize())
            elif isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                self._connection.sendall(PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize())
            elif isinstance(frame, GoAwayFrame):
                self.is_open = False
                if frame.error_code:
                    # Nothing more comes; Envoy closes the connection a second later.
                    break
            elif isinstance(frame, HeadersFrame):
                fields = tuple(
                    (_octets(name), _octets(value))
                    for name, value in self._decoder.decode(frame.data, raw=True)
                )
                if frame.stream_id == stream:
                    status, headers = int(dict(fields)[b":status"]), fields
            elif isinstance(frame, DataFrame) and frame.stream_id == stream:
                body += frame.data
            if frame.stream_id == stream and (
                isinstance(frame, RstStreamFrame) or "END_STREAM" in frame.flags
            ):
                return Answer(status=status, headers=headers, body=body)
        self.is_open = False
        return Answer(status=status, headers=headers, body=body)

    def _frame(self) -> Frame | None:
        head = self._octets(9)
        if len(head) < 9:
            return None
        frame, length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(self._octets(length)))
        return frame

    def _octets(self, count: int) -> bytes:
        found = b""
        while len(found) < count and (more := self._connection.recv(count - len(found))):
            found += more
        return found


def _octets(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
