# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames by the thousand, over TCP or TLS, from a client that keeps to no rule.

`send` takes octets that were made beforehand: a flood is to cost the server more than the client.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Final, Self

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from authz.extauthz.transport import CHECK
from tests.attack.encrypted import Encrypted
from tests.integration.asking import OPEN
from tests.integration.harness import PATIENCE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: How long a server may take nothing before the client gives up sending, in seconds.
STALLED: Final = 3.0
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: The largest frame that a server takes which said nothing else (RFC 9113 4.2).
MAX_FRAME: Final = 16384
#: How often a connection that the server closed is replaced.
RECONNECTIONS: Final = 200
#: What the certificate of a service with TLS says.
NAME: Final = "authz"
_SETTLED: Final = b"settled!"
#: RFC 9113 7
CANCEL: Final = 8

FIELDS: Final = (
    (":method", "POST"),
    (":scheme", "http"),
    (":path", CHECK),
    (":authority", "authz"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


def block(*more: tuple[str, str], fields: Sequence[tuple[str, str]] = FIELDS) -> bytes:
    """A header block that is the same on every stream: nothing of it is indexed."""
    return Encoder().encode([(name, value, True) for name, value in (*fields, *more)])


def message(data: bytes = OPEN, *, compressed: bool = False) -> bytes:
    """A message with its prefix (gRPC over HTTP/2, Length-Prefixed-Message)."""
    return struct.pack(">?I", compressed, len(data)) + data


def headers(stream: int, fragment: bytes, *flags: str) -> bytes:
    """HEADERS, with END_HEADERS unless other flags are given."""
    return HeadersFrame(stream, fragment, flags=list(flags or ("END_HEADERS",))).serialize()


def long_headers(stream: int, block: bytes) -> bytes:
    """HEADERS and as many CONTINUATION as it takes, on a stream that stays open."""
    first, *rest = _fragments(block)
    frames: list[Frame] = [HeadersFrame(stream, first)]
    frames += [ContinuationFrame(stream, one) for one in rest]
    frames[-1].flags.add("END_HEADERS")
    return b"".join(frame.serialize() for frame in frames)


def continuation(stream: int, fragment: bytes = b"", *flags: str) -> bytes:
    """CONTINUATION, without END_HEADERS unless it is given."""
    return ContinuationFrame(stream, fragment, flags=list(flags)).serialize()


def data(stream: int, octets: bytes, *, last: bool = False) -> bytes:
    """DATA of any length, in as many frames as that takes."""
    frames = [DataFrame(stream, part) for part in _fragments(octets)]
    if last:
        frames[-1].flags.add("END_STREAM")
    return b"".join(frame.serialize() for frame in frames)


def reset(stream: int) -> bytes:
    """RST_STREAM with CANCEL."""
    return RstStreamFrame(stream, error_code=CANCEL).serialize()


def ping(octets: bytes = b"\0" * 8) -> bytes:
    """PING."""
    return PingFrame(0, octets).serialize()


def settings(*flags: str) -> bytes:
    """SETTINGS that change nothing."""
    return SettingsFrame(0, flags=list(flags)).serialize()


def window(stream: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return WindowUpdateFrame(stream, window_increment=increment).serialize()


class Connection:
    """A connection that has said hello, and sends whatever it is told.

    Args:
        address: HOST:PORT.
        reads: whether it takes what comes back, and acknowledges the server's SETTINGS.
        hello: whether it sends the preface, SETTINGS, and a large window.
        wide: whether the window for all streams is large.
        tls: with what it shakes hands first; None for plain TCP.

    Attributes:
        ended: how many streams have been ended by the server, by an answer or a reset.
        messages: what came as DATA, for each stream.
    """

    def __init__(
        self,
        address: str,
        *,
        reads: bool = True,
        hello: bool = True,
        wide: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), STALLED)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream: socket.socket | Encrypted = self._socket
        if tls is not None:
            try:
                self._stream = Encrypted(self._socket, tls, NAME)
            except BaseException:
                self._socket.close()
                raise
        self.ended = 0
        self.messages: dict[int, bytes] = {}
        self._greeted = self._settled = self._closed = False
        self._changed = threading.Condition()
        self._reader: threading.Thread | None = None
        if hello:
            self.send(PREFACE + settings() + (window(0, 2**30) if wide else b""))
        if reads:
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            self._until(lambda: self._greeted, "says hello")
            self.send(settings("ACK"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, whatever is under way."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._reader is not None:
            self._reader.join()
        self._socket.close()

    def send(self, octets: bytes) -> bool:
        """Whether the server took (or will take) all of it: False when it closed, or stalls."""
        try:
            self._stream.sendall(octets)
        except OSError:
            return False
        return True

    def settle(self) -> None:
        """Wait until the server has read all that was sent, or has closed.

        A PING is answered in its turn.
        """
        if self.send(ping(_SETTLED)):
            self._until(lambda: self._settled, "answers a PING")

    def until_ended(self, streams: int) -> None:
        """Wait until the server has ended so many streams in all, or has closed."""
        self._until(lambda: self.ended >= streams, "ends a stream")

    def _until(self, true: Callable[[], bool], what: str) -> None:
        with self._changed:
            came = self._changed.wait_for(lambda: true() or self._closed, PATIENCE)
        assert came, f"not within {PATIENCE} s: the server {what}, or closes"

    def _read(self) -> None:
        waiting = b""
        while octets := self._some():
            waiting = self._frames(waiting + octets)
            with self._changed:
                self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _some(self) -> bytes:
        """What comes next; nothing once the connection is closed."""
        while True:
            try:
                return self._stream.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError:
                return b""

    def _frames(self, octets: bytes) -> bytes:
        """Look at all whole frames (RFC 9113 4.1); gives back what is left."""
        at = 0
        while (end := at + 9) <= len(octets):
            end += int.from_bytes(octets[at : at + 3], "big")
            if end > len(octets):
                break
            kind, flags = octets[at + 3], octets[at + 4]
            ends = kind in (DataFrame.type, HeadersFrame.type) and flags & 1
            self.ended += bool(ends or kind == RstStreamFrame.type)
            if kind == DataFrame.type:
                stream = int.from_bytes(octets[at + 5 : at + 9], "big")
                self.messages[stream] = self.messages.get(stream, b"") + octets[at + 9 : end]
            self._greeted = self._greeted or kind == SettingsFrame.type
            if kind == PingFrame.type and octets[at + 9 : end] == _SETTLED:
                self._settled = True
            at = end
        return octets[at:]


def _fragments(octets: bytes) -> list[bytes]:
    return [octets[i : i + MAX_FRAME] for i in range(0, len(octets), MAX_FRAME)] or [b""]


def batches(parts: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for part in parts:
        batch.append(part)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def streams(count: int) -> range:
    """The ids of the first streams of a client (RFC 9113 5.1.1)."""
    return range(1, 2 * count, 2)


def sent(
    address: str,
    parts: Iterable[bytes],
    *,
    opening: bytes = b"",
    reads: bool = True,
    settles: bool = True,
    together: int = 100,
    tls: ssl.SSLContext | None = None,
) -> int:
    """How many of `parts` were taken, each after `opening`, on as many connections as it takes.

    A connection that the server closes is replaced. `settles`: the last one is not left before all
    of it was read; a PING is not allowed in a header block (RFC 9113 6.10).
    """
    rest = iter(parts)
    taken = 0
    for _ in range(RECONNECTIONS):
        with Connection(address, reads=reads, tls=tls) as connection:
            connection.send(opening)
            batch: list[bytes] = []
            for batch in batches(rest, together):
                if not connection.send(b"".join(batch)):
                    break
                taken += len(batch)
            else:
                if settles and reads:
                    connection.settle()
                return taken
    return taken
