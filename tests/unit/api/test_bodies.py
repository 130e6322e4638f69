# SPDX-License-Identifier: Apache-2.0
"""Bodies, read within limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from authz.api.bodies import Bodies, ClientGoneError, again
from authz.api.limits import Limits
from authz.api.problems import ApiError
from authz.errors import UnauthenticatedError

if TYPE_CHECKING:
    from starlette.types import Message, Scope

LIMITS = Limits(
    body_bytes=100,
    unknown_body_bytes=10,
    held_bytes=150,
    body_seconds=0.05,
    discard_seconds=0.05,
)


class _Call:
    """One that comes in pieces; an empty list of what is left to come is a client that waits."""

    def __init__(self, *pieces: bytes | None, **headers: str) -> None:
        self.pieces = list(pieces)
        self.scope: Scope = {
            "type": "http",
            "path": "/rulesets",
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
            ],
        }

    async def receive(self) -> Message:
        if not self.pieces:
            await asyncio.Event().wait()
        piece = self.pieces.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}


def _read(call: _Call, *, known: bool = True, bodies: Bodies | None = None) -> tuple[bytes, int]:
    """The body, and what was held meanwhile."""
    asked: list[Any] = []

    async def know(scope: Scope) -> None:
        asked.append(scope)
        if not known:
            raise UnauthenticatedError("the token is not known")

    made = bodies or Bodies(LIMITS, know)

    async def read() -> tuple[bytes, int]:
        async with made.read(call.scope, call.receive) as body:
            return body, made.held

    before = made.held
    try:
        return asyncio.run(read())
    finally:
        assert made.held == before


def test_a_call_without_a_body_is_not_waited_for() -> None:
    assert _read(_Call()) == (b"", 0)
    assert _read(_Call(content_length="0")) == (b"", 0)


@pytest.mark.parametrize("headers", [{"content_length": "9"}, {"transfer_encoding": "chunked"}])
def test_pieces_are_put_together_and_held(headers: dict[str, str]) -> None:
    assert _read(_Call(b"abc", b"def", b"ghi", **headers), known=False) == (b"abcdefghi", 9)


@pytest.mark.parametrize("headers", [{"content_length": "12"}, {"transfer_encoding": "chunked"}])
def test_a_large_one_is_taken_of_whoever_has_a_token(headers: dict[str, str]) -> None:
    pieces = (b"abcdef", b"ghijkl", b"")
    assert _read(_Call(*pieces, **headers)) == (b"abcdefghijkl", 12)
    with pytest.raises(UnauthenticatedError):
        _read(_Call(*pieces, **headers), known=False)


@pytest.mark.parametrize(
    "call",
    [
        _Call(b"x" * 101, content_length="101"),
        _Call(b"x" * 60, b"x" * 60, b"more", transfer_encoding="chunked"),
        _Call(b"x" * 60, b"x" * 60, transfer_encoding="chunked"),
        _Call(content_length="1" + "0" * 30, expect="100-continue"),
        _Call(b"x" * 500, b"x", content_length="501"),
        _Call(b"x", None, content_length="501"),
    ],
)
def test_one_that_is_too_large_is_refused_when_it_has_come_as_far_as_it_is_waited_for(
    call: _Call,
) -> None:
    expected = ClientGoneError if None in call.pieces else ApiError
    with pytest.raises(expected) as caught:
        _read(call)
    if isinstance(caught.value, ApiError):
        assert caught.value.status == 413
        assert call.pieces in ([], [b"x"]), "what is behind it is read, up to a bound"


def test_who_sends_more_and_more_is_not_waited_for_for_ever() -> None:
    call = _Call(b"x" * 60, b"x" * 60, transfer_encoding="chunked")
    call.pieces += [b"x"] * 3
    receive = call.receive

    async def endless() -> Message:
        return await receive() if len(call.pieces) > 1 else await asyncio.Event().wait()  # type: ignore[return-value]  # never comes

    call.receive = endless  # type: ignore[method-assign]  # plays a client that stops
    with pytest.raises(ApiError) as caught:
        _read(call)
    assert caught.value.status == 413


def test_one_that_takes_too_long_is_refused() -> None:
    call = _Call(b"abc", b"", content_length="9")

    async def slow() -> Message:
        if len(call.pieces) == 1:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": call.pieces.pop(0), "more_body": True}

    call.receive = slow  # type: ignore[method-assign]  # plays a slow client
    with pytest.raises(ApiError) as caught:
        _read(call)
    assert caught.value.status == 408


def test_a_client_that_leaves_is_nobodys_fault() -> None:
    with pytest.raises(ClientGoneError):
        _read(_Call(b"abc", None, content_length="9"))


def test_all_of_them_together_have_a_bound() -> None:
    async def know(_: Scope) -> None:
        """Everybody may."""

    bodies = Bodies(LIMITS, know)
    bodies.held = 145
    assert _read(_Call(b"abcd", b"", content_length="4"), bodies=bodies) == (b"abcd", 149)
    with pytest.raises(ApiError) as caught:
        _read(_Call(b"abcdefghi", b"", content_length="9"), bodies=bodies)
    assert caught.value.status == 503
    assert caught.value.headers == {"Retry-After": "5"}


def test_what_was_received_comes_again_before_the_rest() -> None:
    rest = _Call(b"b", None)
    first: Message = {"type": "http.request", "body": b"a", "more_body": True}
    receive = again([first], rest.receive)

    async def all_of_it() -> list[str | bytes]:
        messages = [await receive() for _ in range(3)]
        return [one.get("body", one["type"]) for one in messages]

    assert asyncio.run(all_of_it()) == [b"a", b"b", "http.disconnect"]
