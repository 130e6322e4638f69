# SPDX-License-Identifier: Apache-2.0
"""Messages over a stream socket between the supervisor and a worker.

Each message is four bytes of length (little-endian) and MessagePack. Receiving blocks a thread that
does nothing else; sending is bounded in time, so that a peer that stopped reading cannot hold the
sender. What the messages mean is in node.messages.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any, Generic, TypeVar

import msgspec

_Incoming = TypeVar("_Incoming")

_LENGTH = struct.Struct("<I")

#: A message beyond this is a defect of the sender; the bound is on what a reader allocates.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

#: A peer whose receive buffer stays full for two seconds is not reading any more (a timeval).
SEND_TIMEOUT = struct.pack("@ll", 2, 0)

#: What the system should take without a reader, so that a report (node.reporter) never waits for
#: one: Linux gives this much by default, and at most unless net.core.wmem_max says otherwise.
SEND_BUFFER_BYTES = 212_992


class ChannelClosedError(Exception):
    """The other end is gone or stopped reading. Never leaves authz.node."""


class Channel(Generic[_Incoming]):
    """One end. `incoming` is the union of the messages the other end sends."""

    def __init__(self, end: socket.socket, incoming: Any) -> None:
        end.setblocking(True)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, SEND_TIMEOUT)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._socket = end
        self._reader = end.makefile("rb")
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[_Incoming] = msgspec.msgpack.Decoder(incoming)
        self._sending = threading.Lock()

    def send(self, message: msgspec.Struct) -> None:
        """Hand `message` to the system, whole.

        Raises:
            ChannelClosedError: the other end is gone, or did not read for SEND_TIMEOUT. The
                stream may then end in half a message, so the channel is closed as well.
        """
        with self._sending:
            # One buffer, one system call: two would let a crash part the length from its message.
            data = self._encoder.encode(message)
            try:
                self._socket.sendall(_LENGTH.pack(len(data)) + data)
            except OSError as error:
                self.shutdown()
                raise ChannelClosedError(str(error)) from error

    def receive(self) -> _Incoming | None:
        """The next message; None when the other end is gone. One thread only.

        Raises:
            ChannelClosedError: what came is no message.
        """
        try:
            prefix = self._reader.read(_LENGTH.size)
            if len(prefix) < _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack(prefix)
            if length > MAX_MESSAGE_BYTES:
                raise ChannelClosedError(f"a message of {length} bytes")
            data = self._reader.read(length)
        except (OSError, ValueError):  # ValueError: closed by another thread meanwhile
            return None
        if len(data) < length:
            return None
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise ChannelClosedError(f"not a message: {error}") from error

    def shutdown(self) -> None:
        """End the conversation: both ends' `receive` return None. Safe from any thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # closed already

    def close(self) -> None:
        """Release the socket; call it from the thread that receives, after it stopped."""
        self.shutdown()
        self._reader.close()
        self._socket.close()
