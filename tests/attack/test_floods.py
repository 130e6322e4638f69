# SPDX-License-Identifier: Apache-2.0
"""Frames by the thousand: what costs a client little and could cost a server much.

The attacks have names: CVE-2023-44487 (rapid reset), CVE-2019-9511 to 9518 (PING, SETTINGS, empty
frames, resets, windows), CVE-2024-27316 and its like (CONTINUATION), CVE-2016-6581 (HPACK).
"""

from __future__ import annotations

import contextlib

import pytest
from hpack import Encoder

from tests.attack import frames
from tests.attack.flooding import Flooded, counted
from tests.attack.frames import Connection, sent, streams

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("reads", [True, False])
def test_rapid_reset(flooded: Flooded, reads: bool) -> None:
    """Who does not read does not acknowledge the server's limit of streams either."""
    head = frames.block()
    parts = (frames.headers(one, head) + frames.reset(one) for one in streams(counted(100_000)))
    with flooded.flood(_with("HEADERS, RST_STREAM", reads)) as flood:
        flood.times = sent(flooded.address, parts, reads=reads)


def test_rapid_reset_on_many_connections(flooded: Flooded) -> None:
    """On each of them fewer at once than a limit of one connection would notice.

    16,000 at most: when 20,000 wait for Python, grpcio ends calls of whomever (ADR-0042).
    """
    head, ids = frames.block(), streams(50)
    part = b"".join(frames.headers(one, head) for one in ids)
    part += b"".join(frames.reset(one) for one in ids)
    what = "HEADERS, RST_STREAM, on many connections"
    with flooded.flood(what, growth=512) as flood:
        for _ in range(min(8, counted(80))):
            with contextlib.ExitStack() as stack:
                many = [stack.enter_context(Connection(flooded.address)) for _ in range(40)]
                flood.times += sum(len(ids) * one.send(part) for one in many)
                for one in many:
                    one.settle()


def test_rapid_reset_of_whole_checks(flooded: Flooded) -> None:
    head, body = frames.block(), frames.message()
    parts = (
        frames.headers(one, head) + frames.data(one, body, last=True) + frames.reset(one)
        for one in streams(counted(20_000))
    )
    with flooded.flood("a check, RST_STREAM") as flood:
        flood.times = sent(flooded.address, parts)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("kind", ["PING", "SETTINGS", "WINDOW_UPDATE"])
def test_frames_of_the_connection(flooded: Flooded, kind: str, reads: bool) -> None:
    """From somebody who takes what it answers, and from somebody who does not."""
    part = {
        "PING": frames.ping(),
        "SETTINGS": frames.settings(),
        "WINDOW_UPDATE": frames.window(0, 1),
    }[kind]
    with flooded.flood(_with(kind, reads)) as flood:
        flood.times = sent(flooded.address, [part] * counted(500_000), reads=reads, together=500)


@pytest.mark.parametrize("kind", ["DATA", "WINDOW_UPDATE"])
def test_frames_of_a_stream(flooded: Flooded, kind: str) -> None:
    """Empty ones, and such as change next to nothing."""
    part = frames.data(1, b"") if kind == "DATA" else frames.window(1, 1)
    what = "empty DATA" if kind == "DATA" else "WINDOW_UPDATE of a stream"
    opening = frames.headers(1, frames.block())
    with flooded.flood(what) as flood:
        parts = [part] * counted(500_000)
        flood.times = sent(flooded.address, parts, opening=opening, together=500)


@pytest.mark.parametrize("size", [0, frames.MAX_FRAME])
def test_header_blocks_that_never_end(flooded: Flooded, size: int) -> None:
    # No END_HEADERS. PRIORITY would add fields, PADDED a length: neither is set.
    opening = frames.headers(1, frames.block(), "END_STREAM")
    # `x: x...`, never indexed, as often as fits (RFC 7541 6.2.3).
    field = b"\x10\x01x\x7f\x81\x1f" + b"x" * 4096
    fragment = (field * 5)[:size]
    count = counted(500_000 if size == 0 else 10_000)
    with flooded.flood(f"CONTINUATION of {size} bytes without an end") as flood:
        parts = [frames.continuation(1, fragment)] * count
        flood.times = sent(flooded.address, parts, opening=opening, settles=False, together=20)


def test_header_lists_that_are_small_to_send(flooded: Flooded) -> None:
    """One field of 4,000 bytes in the table, and then one byte for each time it is named."""
    encoder = Encoder()
    first = encoder.encode([*frames.FIELDS, ("x", "x" * 4000)])
    # What went into the table last has the first index behind the static ones (RFC 7541 2.3.3).
    again = encoder.encode(frames.FIELDS) + b"\xbe" * 4000
    opening = frames.headers(1, first) + frames.reset(1)
    parts = (
        frames.headers(one, again) + frames.reset(one) for one in streams(counted(5_000) + 1)[1:]
    )
    with flooded.flood("header lists of 16 MB in 4 KB") as flood:
        flood.times = sent(flooded.address, parts, opening=opening, together=1)


def test_large_headers(flooded: Flooded) -> None:
    """Of 60 KB, on streams that stay open."""
    large = frames.block(*((f"x-{number}", "x" * 6000) for number in range(10)))
    parts = (frames.long_headers(stream, large) for stream in streams(counted(5_000)))
    with flooded.flood("headers of 60 KB", growth=256) as flood:
        flood.times = sent(flooded.address, parts, together=1)


def _with(what: str, reads: bool) -> str:
    return what if reads else f"{what}, answers not read"
