# SPDX-License-Identifier: Apache-2.0
"""Messages that are large, or become so when they are inflated."""

from __future__ import annotations

import gzip
from functools import cache
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from authz.extauthz.service import MAX_CHECK_BYTES
from authz.extauthz.transport import CHECK
from authz.pb.ext_authz_pb2 import CheckResponse
from tests.attack import frames
from tests.attack.flooding import DEADLINE, Flooded, counted
from tests.attack.frames import Connection
from tests.factories.checks import check_request

if TYPE_CHECKING:
    from tests.attack.flooding import Flood

pytestmark = pytest.mark.attack

MEGABYTE = 1 << 20
#: What a bomb becomes; as it is sent, it fits into the first window of a stream (RFC 9113 6.9.2).
INFLATED = 48 * MEGABYTE
#: Megabytes. The native transport has no limit of its own, and has a message several times at once:
#: as it arrives, as a message, as bytes of Python. grpcio refuses it by its prefix, and lets go of
#: what is still under way a little later (ADR-0042).
GROWTH = 512
RAW = check_request(path="/admin", raw_body=bytes(MEGABYTE), size=MEGABYTE).SerializeToString()
BEYOND = check_request(
    path="/", raw_body=bytes(MAX_CHECK_BYTES), size=MAX_CHECK_BYTES
).SerializeToString()


@cache
def bomb() -> bytes:
    """Some 48 KB."""
    return frames.message(gzip.compress(bytes(INFLATED), 9), compressed=True)


def test_compressed_messages(flooded: Flooded) -> None:
    """One after the other; whatever answer there is."""
    head = frames.headers(1, frames.block(("grpc-encoding", "gzip")))
    with flooded.flood("gzip, 48 KB that become 48 MB", growth=GROWTH) as flood:
        for _ in range(counted(50)):
            with Connection(flooded.address) as one:
                flood.times += one.send(head + frames.data(1, bomb(), last=True))
                one.until_ended(1)
            for message in one.messages.values():
                flood.wrong += CheckResponse.FromString(message[5:]).status.code == 0


def test_messages_of_48_megabytes(flooded: Flooded) -> None:
    with flooded.flood("messages of 48 MB", growth=GROWTH) as flood:
        _ask(flood, flooded.address, bytes(INFLATED), counted(50), may_fail=True)


def test_bodies(flooded: Flooded) -> None:
    with flooded.flood("checks with 1 MB of body") as flood:
        _ask(flood, flooded.address, RAW, counted(500))


def test_checks_beyond_the_limit(flooded: Flooded) -> None:
    with flooded.flood("checks beyond 4 MB", growth=128) as flood:
        _ask(flood, flooded.address, BEYOND, counted(200))


def _ask(flood: Flood, address: str, request: bytes, times: int, *, may_fail: bool = False) -> None:
    """Ask what has to be denied, over a client that keeps to flow control."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        call: Any = channel.unary_unary(CHECK, None, None)
        for _ in range(times):
            flood.times += 1
            try:
                data = call(request, timeout=DEADLINE)
            except grpc.RpcError:
                flood.unanswered += not may_fail
            else:
                flood.wrong += CheckResponse.FromString(data).status.code == 0
