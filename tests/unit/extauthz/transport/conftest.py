# SPDX-License-Identifier: Apache-2.0
"""Both transports, opened on loopback or a Unix socket: the same tests run on each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import grpc
import pytest

from authz.extauthz.health import HealthState
from authz.extauthz.transport import TransportKind, TransportOptions, open_transport
from authz.settings.addresses import ListenAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.extauthz.transport import Transport

LOOPBACK = ListenAddress(host="127.0.0.1", port=0)


class Opened(Protocol):
    """What `opened` gives: a started transport, its health and a channel to it."""

    transport: Transport
    health: HealthState
    channel: Any


class Service:
    """Answers with what it was asked, or as `answer` says."""

    def __init__(
        self, answer: Callable[[bytes], bytes] = lambda data: b"answer to " + data
    ) -> None:
        self.answer = answer
        self.remaining: list[float | None] = []

    def check(self, data: bytes, remaining: float | None = None) -> bytes:
        self.remaining.append(remaining)
        return self.answer(data)

    def shed(self, data: bytes) -> bytes:
        return b"shed " + data


@pytest.fixture(params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    """The name of the transport under test."""
    return str(request.param)


@pytest.fixture(params=["tcp", "unix"])
def listen(request: pytest.FixtureRequest, tmp_path: Path) -> ListenAddress:
    """A TCP port of the system's choice, or a Unix socket."""
    return LOOPBACK if request.param == "tcp" else ListenAddress(path=str(tmp_path / "a.sock"))


@contextmanager
def opened(
    transport: str,
    service: Any = None,
    listen: ListenAddress = LOOPBACK,
    **options: Any,
) -> Iterator[Any]:
    """Open, start, and stop in the end."""
    from types import SimpleNamespace

    health = HealthState()
    open_options = TransportOptions(listen=listen, kind=TransportKind(transport), **options)
    running = open_transport(open_options, service or Service(), health)
    running.start()
    channel = grpc.insecure_channel(running.address)
    try:
        yield SimpleNamespace(transport=running, health=health, channel=channel)
    finally:
        channel.close()
        running.stop(0)
