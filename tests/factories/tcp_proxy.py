# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy between a node and its database, whose line can be cut, held and slowed."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class TcpProxy:
    """Forwards connections to a port of loopback until it is closed.

    Attributes:
        delay: seconds that everything takes longer, in each direction.
        forwarded: bytes that came through.
    """

    def __init__(self, port: int) -> None:
        self.delay = 0.0
        self.forwarded = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flows = threading.Event()
        self._flows.set()
        self._refuses = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def cut(self) -> None:
        """End every connection, and let none begin."""
        self._refuses = True
        self._drop()

    def hold(self) -> None:
        """Let nothing through any more, and say so to nobody: connections seem to be there."""
        self._flows.clear()

    def mend(self) -> None:
        """As it was before."""
        self._refuses = False
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self._closed = True
        self._flows.set()
        self._listener.close()
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            gone, self._open = self._open, set()
        for one in gone:
            # A reset, as when a cable's other end is a host that does not know us.
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses:
                ours.close()
                continue
            try:
                theirs = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                ours.close()
                continue
            theirs.settimeout(None)
            with self._lock:
                self._open |= {ours, theirs}
            for pair in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                self._flows.wait()
                target.sendall(data)
                self.forwarded += len(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
