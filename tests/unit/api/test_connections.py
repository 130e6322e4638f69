# SPDX-License-Identifier: Apache-2.0
"""How many connections there are, and who has been quiet for too long. On sockets: test_server."""

from __future__ import annotations

import json

from authz.api.connections import Connection, Connections, _State, raw_failure
from authz.api.limits import Limits
from authz.api.metrics import ApiMetrics, Cut

LIMITS = Limits(
    connections=3, handshake_seconds=1.0, header_seconds=2.0, stalled_seconds=3.0, idle_seconds=9.0
)


class _Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.metrics = ApiMetrics()
        self.connections = Connections(LIMITS, self.metrics, clock=lambda: self.now)
        self.ended: list[str] = []

    def open(self, name: str, state: _State = _State.HEADERS) -> Connection:
        one = self.connections.admit(lambda: self.ended.append(name))
        assert one is not None
        one.refuse = lambda status, _: self.ended.append(f"{name} {status}")
        one.now(state)
        return one

    def sweep(self, now: float) -> list[str]:
        self.now = now
        self.connections.sweep()
        ended, self.ended = self.ended, []
        return ended

    def cuts(self) -> dict[str, int]:
        return dict(self.metrics._cut)


def test_who_asks_nothing_makes_room_the_one_that_has_been_at_it_longest_first() -> None:
    bench = _Bench()
    first = bench.open("first")
    bench.open("second")
    bench.open("call", _State.CALL)
    first.now(_State.CALL)
    first.now(_State.IDLE)

    bench.open("newcomer")
    assert bench.ended == ["second"]
    bench.open("another")
    assert bench.ended == ["second", "first"]
    assert bench.metrics.connections == 3
    assert bench.cuts() == {Cut.CROWDED_OUT: 2}


def test_calls_under_way_make_no_room() -> None:
    bench = _Bench()
    for name in ("a", "b", "c"):
        bench.open(name, _State.CALL)

    assert bench.connections.admit(lambda: None) is None
    assert bench.ended == []
    assert bench.cuts() == {Cut.FULL: 1}


def test_bodies_that_are_on_their_way_do() -> None:
    bench = _Bench()
    for name in ("a", "b"):
        bench.open(name, _State.CALL)
    bench.open("slow", _State.BODY)

    bench.open("newcomer")
    assert bench.ended == ["slow"]


def test_one_that_is_gone_counts_no_more() -> None:
    bench = _Bench()
    one = bench.open("one")
    one.gone()
    one.gone()
    one.now(_State.CALL)
    assert bench.metrics.connections == 0


def test_a_handshake_and_headers_have_their_time() -> None:
    bench = _Bench()
    bench.open("shaking", _State.HANDSHAKE)
    asking = bench.open("asking")
    bench.open("idle", _State.IDLE)

    assert bench.sweep(0.9) == []
    assert bench.sweep(1.1) == ["shaking"]
    assert bench.sweep(2.1) == ["asking 408"]
    asking.now(_State.ENDED)
    assert bench.sweep(2.5) == []
    assert bench.cuts() == {Cut.HANDSHAKE: 1, Cut.SLOW_HEADERS: 1}


def test_who_is_refused_before_anything_could_be_said_is_only_counted() -> None:
    bench = _Bench()
    bench.open("asking").refuse = None
    assert bench.sweep(2.1) == []
    assert bench.cuts() == {Cut.SLOW_HEADERS: 1}


def test_an_answer_that_is_not_taken_ends_it_one_that_is_taken_slowly_does_not() -> None:
    bench = _Bench()
    unsent = 0
    bench.open("reader", _State.CALL).unsent = lambda: unsent

    assert bench.sweep(10.0) == []
    unsent = 100
    assert bench.sweep(11.0) == []
    unsent = 90
    assert bench.sweep(13.5) == []
    unsent = 95
    assert bench.sweep(16.0) == [], "more was written meanwhile"
    assert bench.sweep(16.6) == ["reader"]
    assert bench.cuts() == {Cut.STALLED: 1}


def test_an_answer_without_an_application_is_in_the_envelope() -> None:
    head, _, body = raw_failure(503, "too many connections").partition(b"\r\n\r\n")
    first, *headers = head.split(b"\r\n")

    assert first == b"HTTP/1.1 503 Service Unavailable"
    assert f"content-length: {len(body)}".encode() in headers
    assert b"cache-control: no-store" in headers
    assert b"connection: close" in headers
    assert json.loads(body)["errors"] == [{"code": 1001, "message": "too many connections"}]
