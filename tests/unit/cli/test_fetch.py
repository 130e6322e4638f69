# SPDX-License-Identifier: Apache-2.0
"""An answer that ends before it said it would is none, and says so."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from authz.cli import fetch
from authz.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that says just this to one who asks, and hangs up."""

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            serving.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"Content-Length: 10\r\n\r\n12345",
        b"Content-Length: 10\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n5\r\n123",
    ],
)
def test_an_answer_that_ends_early_is_an_error(answer: bytes) -> None:
    with (
        answering(HEAD + answer) as address,
        pytest.raises(TransportError, match="the answer ends early") as found,
    ):
        fetch.get(address, "/metrics")

    assert found.value.where == f"http://{address}/metrics"
    assert found.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        b"Content-Length: 5\r\n\r\n12345",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
        # Who announces nothing ends by hanging up.
        b"Connection: close\r\n\r\n12345",
    ],
)
def test_a_whole_one_is_read(answer: bytes) -> None:
    with answering(HEAD + answer) as address:
        assert fetch.get(address, "/metrics").body == b"12345"


def test_a_status_that_is_no_http_is_an_error() -> None:
    with (
        answering(b"SSH-2.0-OpenSSH_9.6\r\n") as address,
        pytest.raises(TransportError, match="cannot be asked"),
    ):
        fetch.get(address, "/metrics")
