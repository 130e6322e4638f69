# SPDX-License-Identifier: Apache-2.0
"""What is begun and never ended: connections, headers, bodies, streams."""

from __future__ import annotations

import contextlib

import pytest

from tests.attack import frames
from tests.attack.flooding import GROWTH, Flooded, counted
from tests.attack.frames import Connection, streams

pytestmark = pytest.mark.attack

#: On each connection of the floods that have many connections.
FEW = 50


def test_idle_connections(flooded: Flooded) -> None:
    """Silent ones, and such as have said hello and no more."""
    # 16 KB each were measured.
    growth = GROWTH + counted(5_000) * 60 // 1000
    with flooded.flood("idle connections", growth=growth) as flood, contextlib.ExitStack() as stack:
        for turn in range(counted(5_000)):
            one = Connection(flooded.address, reads=False, hello=turn % 2 == 0)
            stack.enter_context(one)
            flood.times += 1


def test_connections_that_come_and_go(flooded: Flooded) -> None:
    """Each asks one thing and does not wait for the answer."""
    ask = frames.headers(1, frames.block()) + frames.data(1, frames.message(), last=True)
    with flooded.flood("connections that come and go") as flood:
        for _ in range(counted(10_000)):
            with Connection(flooded.address, reads=False) as one:
                flood.times += one.send(ask)


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_byte_at_a_time(flooded: Flooded, part: str) -> None:
    """Of many at once, and all but the last byte."""
    head, body = frames.headers(1, frames.block()), frames.data(1, frames.message(), last=True)
    at_once, slowly = (b"", head) if part == "headers" else (head, body)
    with flooded.flood(f"a {part} byte at a time") as flood, contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(Connection(flooded.address, reads=False))
            for _ in range(counted(500))
        ]
        for one in slow:
            one.send(at_once)
        for at in range(len(slowly) - 1):
            flood.times += sum(one.send(slowly[at : at + 1]) for one in slow)


def test_streams_without_a_body_on_one_connection(flooded: Flooded) -> None:
    # So many that without a limit they take twice what is allowed.
    head, count = frames.block(), max(10_000, counted(50_000))
    parts = (frames.headers(stream, head) for stream in streams(count))
    with flooded.flood("streams without a body, on one connection") as flood:
        flood.times = frames.sent(flooded.address, parts)


@pytest.mark.parametrize("begun", [False, True])
def test_streams_without_an_end_on_many_connections(flooded: Flooded, begun: bool) -> None:
    """No more on any than it may have, and fewer in all than grpcio lets wait (ADR-0042).

    A message that was begun announces 4 GB.
    """
    head = frames.block()
    ask = b"".join(
        frames.headers(stream, head)
        + (frames.data(stream, b"\0\xff\xff\xff\xff") if begun else b"")
        for stream in streams(FEW)
    )
    what = "messages of 4 GB that are begun" if begun else "streams without a body, on many"
    # Up to 18 KB each were measured.
    growth = GROWTH + counted(300) * FEW * 40 // 1000
    with flooded.flood(what, growth=growth) as flood, contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(Connection(flooded.address)) for _ in range(counted(300))
        ]
        for one in connections:
            flood.times += FEW * one.send(ask)
        for one in connections:
            one.settle()
