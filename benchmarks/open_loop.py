# SPDX-License-Identifier: Apache-2.0
"""Checks at fixed moments over HTTP/2, and how long each took from the moment it was due.

An open loop: a check that waits behind a pause of the server does not keep the next ones from
being sent, so no pause hides. Speaks just enough HTTP/2 (RFC 9113) to send the same unary call
again and again over a few connections; the bytes are made once, which is what lets a client in
Python send some ten thousand a second with part of a core. Every answer must be as long as the
right one.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Final

from authz.extauthz.transport import CHECK

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTIONS: Final = 4
#: Checks are sent in bunches this many seconds apart.
TICK: Final = 0.0005
#: How long answers may take after the last check was sent.
PATIENCE: Final = 10.0
#: Streams of one connection at once; servers announce 100 at least (RFC 9113 section 6.5.2).
STREAMS: Final = 100

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_WINDOW_BYTES: Final = 65_535
_LARGE_WINDOW: Final = 2**31 - 1 - _WINDOW_BYTES
_PREFIX: Final = struct.Struct(">I")


class BadAnswerError(Exception):
    """The server refused, or answered something else."""


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + _PREFIX.pack(stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    # RFC 7541 section 6.2.2: literal without indexing, a new name; no Huffman code. Lengths below
    # 127 take one byte.
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


class _Connection:
    """One connection; `outgoing` is what `flush` sends."""

    def __init__(self, path: str, message: bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        headers = b"".join(
            (
                _literal(b":method", b"POST"),
                _literal(b":scheme", b"http"),
                _literal(b":path", CHECK.encode()),
                _literal(b":authority", b"authz"),
                _literal(b"content-type", b"application/grpc"),
                _literal(b"te", b"trailers"),
            )
        )
        body = b"\0" + _PREFIX.pack(len(message)) + message
        self._call = bytearray(
            _frame(_HEADERS, _END_HEADERS, 0, headers) + _frame(_DATA, _END_STREAM, 0, body)
        )
        self._second = 9 + len(headers)
        self._size = len(body)
        self._window = _WINDOW_BYTES
        self._next = 1
        self._received = b""
        self._messages: dict[int, bytes] = {}
        self.due: dict[int, float] = {}
        self.outgoing = bytearray(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, 2**31 - 1))
            + _frame(_WINDOW, 0, 0, _PREFIX.pack(_LARGE_WINDOW))
        )

    def call(self, due: float) -> bool:
        """Begin a call that was due then; False when the server wants no more for now."""
        if len(self.due) >= STREAMS or self._window < self._size:
            return False
        stream, call = self._next, self._call
        _PREFIX.pack_into(call, 5, stream)
        _PREFIX.pack_into(call, self._second + 5, stream)
        self.outgoing += call
        self.due[stream] = due
        self._next += 2
        self._window -= self._size
        return True

    def flush(self) -> None:
        if self.outgoing:
            self.socket.sendall(self.outgoing)
            self.outgoing.clear()

    def receive(self) -> Iterator[tuple[float, bytes]]:
        """When each call that was answered was due, and its message."""
        data = self._received + self.socket.recv(262_144)
        at, messages = 0, self._messages
        while len(data) - at >= 9:
            length = int.from_bytes(data[at : at + 3])
            if len(data) - at < 9 + length:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = _PREFIX.unpack_from(data, at + 5)[0]
            payload = data[at + 9 : at + 9 + length]
            at += 9 + length
            if kind == _DATA:
                messages[stream] = payload
            elif kind == _HEADERS and flags & _END_STREAM:
                yield self.due.pop(stream), messages.pop(stream, b"")
            elif kind == _WINDOW and not stream:
                self._window += _PREFIX.unpack(payload)[0]
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                self.outgoing += _frame(kind, _ACK, 0, payload if kind == _PING else b"")
            elif kind in (_RESET, _GOAWAY):
                raise BadAnswerError(f"frame {kind}: {payload!r}")
        self._received = data[at:]


class Client:
    """Connected to a Unix socket; always sends the same message.

    Raises:
        BadAnswerError: the first answer is none.
    """

    def __init__(self, path: str, message: bytes) -> None:
        self._connections = [_Connection(path, message) for _ in range(CONNECTIONS)]
        self._by_socket = {one.socket: one for one in self._connections}
        self.answer = b""
        self.run(1, 1)

    def close(self) -> None:
        """Hang up."""
        for one in self._connections:
            one.socket.close()

    def saturate(self, checks: int, streams: int = 16) -> float:
        """Checks a second when `streams` on each connection are always under way."""
        started = time.perf_counter()
        sent = answered = 0
        for one in self._connections:
            sent += sum(one.call(0.0) for _ in range(streams))
        while answered < checks:
            got = len(self._answers(PATIENCE))
            answered += got
            for one in self._connections:
                while sent < checks and len(one.due) < streams and one.call(0.0):
                    sent += 1
        return checks / (time.perf_counter() - started)

    def run(self, rate: float, seconds: float) -> list[float]:
        """Seconds that each check took from when it was due."""
        latencies: list[float] = []
        waiting: list[float] = []
        started = time.perf_counter()
        planned, total, turn = 0, max(1, int(rate * seconds)), 0
        while len(latencies) < total:
            now = time.perf_counter()
            ticks = int((now - started) / TICK)
            wanted = min(total, int(ticks * TICK * rate) + 1)
            waiting.extend(started + int(n / rate / TICK) * TICK for n in range(planned, wanted))
            planned = wanted
            unsent: list[float] = []
            for due in waiting:
                turn += 1
                if not self._connections[turn % CONNECTIONS].call(due):
                    unsent.append(due)
            waiting = unsent
            pause = started + (ticks + 1) * TICK - time.perf_counter()
            done = planned == total
            latencies += self._answers(PATIENCE if done and not waiting else max(0.0, pause))
        return latencies

    def _answers(self, timeout: float) -> list[float]:
        for one in self._connections:
            one.flush()
        # Not epoll, whose time-outs are whole milliseconds.
        events, _, _ = select.select(self._by_socket, (), (), timeout)
        if not events and timeout >= PATIENCE:
            raise BadAnswerError(f"no answer for {timeout:g} s")
        now = time.perf_counter()
        latencies: list[float] = []
        for readable in events:
            for due, message in self._by_socket[readable].receive():
                if not self.answer:
                    self.answer = message[5:]
                if len(message) - 5 != len(self.answer) or not self.answer:
                    raise BadAnswerError(f"{message!r} instead of {self.answer!r}")
                latencies.append(now - due)
        return latencies
