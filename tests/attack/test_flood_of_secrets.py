# SPDX-License-Identifier: Apache-2.0
"""The port on which Envoys get trust bundles (SDS) is flooded, by whoever reaches it.

Checks are answered meanwhile, an Envoy that comes gets its bundle, and what the control process
takes has a bound.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest

from authz.pb import secret_pb2 as pb
from authz.sds.server import FETCH_SECRETS, STREAM_SECRETS
from authz.sds.streams import MAX_NAMES
from tests.attack import frames
from tests.attack.flooded_control import Fetching, FloodedControl
from tests.attack.flooding import ACME, DEADLINE, GROWTH, PARTNER, counted
from tests.attack.frames import Connection
from tests.integration.asking import PROTECTED
from tests.integration.harness import Node, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = pytest.mark.attack

#: The headers of a stream, and a request of one that names one secret.
HEAD: Final = frames.block(
    fields=[(name, STREAM_SECRETS if name == ":path" else text) for name, text in frames.FIELDS]
)
ASK: Final = pb.DiscoveryRequest(resource_names=["trust"]).SerializeToString()
#: On each connection of the floods that have many connections.
FEW: Final = 50


class Secrets(FloodedControl):
    """A node that serves SDS."""

    def __init__(self, node: Node, address: str) -> None:
        (control,) = node._children("authz.node.control")
        super().__init__(node, "SDS", control.pid)
        self.port = address

    def fetching(self) -> Arriving:
        """Envoys that come."""
        return Arriving(self.port)


class Arriving(Fetching):
    """Fetches the bundle, as an Envoy that comes does."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def fetch(self) -> None:
        """On a connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self._address, options) as channel:
            fetch: Any = channel.unary_unary(FETCH_SECRETS, None, None)
            try:
                answer = pb.DiscoveryResponse.FromString(fetch(ASK, timeout=DEADLINE))
                if len(answer.resources) != 1:
                    self.wrong.append(str(answer)[:200])
            except grpc.RpcError as error:
                self.unanswered.append(str(error))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secrets]:
    """One node for all floods of the module."""
    directory = tmp_path_factory.mktemp("secrets")
    (directory / "acme.pem").write_bytes(ACME.pem)
    node = Node(directory, "--sds", "127.0.0.1:0", policy=PROTECTED + PARTNER)
    try:
        node.until_serving()
        yield Secrets(node, node.address("sds"))
    finally:
        node.destroy()


def test_idle_connections(secrets: Secrets) -> None:
    """Silent ones, and such as have said hello and no more."""
    count = counted(5_000)
    growth = GROWTH + count * 20 // 1000
    with secrets.flooded("idle connections", growth) as flood, contextlib.ExitStack() as stack:
        for turn in range(count):
            stack.enter_context(Connection(secrets.port, reads=False, hello=turn % 2 == 0))
            flood.times += 1


@pytest.mark.parametrize("part", ["headers", "request"])
def test_a_byte_at_a_time(secrets: Secrets, part: str) -> None:
    """Of many at once, and all but the last byte."""
    head, body = frames.headers(1, HEAD), frames.data(1, frames.message(ASK))
    at_once, slowly = (b"", head) if part == "headers" else (head, body)
    with secrets.flooded(f"a {part} byte at a time") as flood, contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(Connection(secrets.port, reads=False)) for _ in range(counted(500))
        ]
        for one in slow:
            one.send(at_once)
        for at in range(len(slowly) - 1):
            flood.times += sum(one.send(slowly[at : at + 1]) for one in slow)


def test_streams_that_are_reset(secrets: Secrets) -> None:
    """CVE-2023-44487, rapid reset."""
    parts = (
        frames.headers(stream, HEAD)
        + frames.data(stream, frames.message(ASK))
        + frames.reset(stream)
        for stream in frames.streams(counted(20_000))
    )
    # Up to 18 KB for each that waits.
    growth = GROWTH + counted(20_000) * 18 // 1000
    with secrets.flooded("streams that are reset", growth) as flood:
        flood.times = frames.sent(secrets.port, parts)


def test_messages_of_4_gb_that_are_begun(secrets: Secrets) -> None:
    with (
        secrets.flooded("messages of 4 GB that are begun") as flood,
        contextlib.ExitStack() as stack,
    ):
        ask = b"".join(
            frames.headers(stream, HEAD) + frames.data(stream, b"\0\xff\xff\xff\xff" + b"a" * 1000)
            for stream in frames.streams(FEW)
        )
        for _ in range(counted(300)):
            one = stack.enter_context(Connection(secrets.port))
            flood.times += FEW * one.send(ask)
            one.settle()


def test_streams_that_name_all_that_they_may(secrets: Secrets) -> None:
    """And read nothing: what each is to be sent waits."""
    # So short that they fit into what may be sent at once.
    names = [f"{number:04x}" for number in range(MAX_NAMES)]
    request = frames.message(pb.DiscoveryRequest(resource_names=names).SerializeToString())
    assert len(request) < 2**16
    ask = frames.headers(1, HEAD) + frames.data(1, request)
    with (
        # Two of them are answered; without a limit each is, by some 8 MB.
        secrets.flooded("streams that name ten thousand secrets", 2 * GROWTH) as flood,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(max(20, counted(400))):
            one = stack.enter_context(Connection(secrets.port, wide=False))
            flood.times += one.send(ask)
            # As much of the answer as it may send, or that it refused.
            eventually(lambda: bool(one.ended or one.messages), "it answers")  # noqa: B023 - right here
