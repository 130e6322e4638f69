# SPDX-License-Identifier: Apache-2.0
"""Bodies of calls, read whole before anything else is done with them, within limits.

The framework would read them itself, and before it looks who calls: any size, for any time. Here
a large body is only taken of whoever has a valid token, and all of them together have a bound, so
that memory is not what a client decides about.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from authz.api.problems import BUSY, INVALID_REQUEST, ApiError
from authz.errors import AuthzError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from starlette.types import Message, Receive, Scope

    from authz.api.limits import Limits


class ClientGoneError(Exception):
    """The client went before its call was there. Never leaves authz.api."""


class Bodies:
    """Reads bodies, on one thread.

    Args:
        known: raises AuthzError or ApiError unless the call has a valid token.

    Attributes:
        held: bytes that are in memory now.
    """

    def __init__(self, limits: Limits, known: Callable[[Scope], Awaitable[None]]) -> None:
        self.held = 0
        self._limits = limits
        self._known = known

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """The body of a call, held until the end of the block.

        Raises:
            ApiError: it is too large (413), too late (408), or there is no room (503). Something
                may be on its way still: the connection is of no use any more.
            AuthzError: whatever `known` raises.
            ClientGoneError: nobody waits for an answer.
        """
        body = _Body(receive)
        try:
            await self._read(scope, body)
            yield b"".join(body.chunks)
        finally:
            self.held -= body.size

    async def _read(self, scope: Scope, body: _Body) -> None:
        headers = Headers(scope=scope)
        declared = int(headers.get("content-length", "0"))
        if not (declared or "transfer-encoding" in headers):
            return
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                await self._collect(scope, body, declared)
        except (ApiError, AuthzError):
            # Whoever waits to be asked for the body has not sent it.
            if "expect" not in headers or body.size:
                await self._discard(body)
            raise
        except TimeoutError:
            raise ApiError(408, INVALID_REQUEST, "the body did not arrive in time") from None

    async def _collect(self, scope: Scope, body: _Body, declared: int) -> None:
        limits = self._limits
        most = limits.body_of(scope["path"])
        is_known = False
        while True:
            size = max(body.size, declared)
            if size > most:
                raise ApiError(413, INVALID_REQUEST, f"the body is larger than {most} bytes")
            if size > limits.unknown_body_bytes and not is_known:
                await self._known(scope)
                is_known = True
            if self.held > limits.held_bytes:
                raise ApiError(
                    503,
                    BUSY,
                    "too many large calls at the same time",
                    headers={"Retry-After": "5"},
                )
            if body.is_whole:
                return
            chunk = await body.next()
            body.chunks.append(chunk)
            body.size += len(chunk)
            self.held += len(chunk)

    async def _discard(self, body: _Body) -> None:
        """Read what still comes, for a while: who is still sending does not hear an answer."""
        left = 4 * self._limits.body_bytes
        try:
            async with asyncio.timeout(self._limits.discard_seconds):
                while left > 0 and not body.is_whole:
                    left -= len(await body.next())
        except TimeoutError:
            return


class _Body:
    """What has come of one."""

    def __init__(self, receive: Receive) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.is_whole = False
        self._receive = receive

    async def next(self) -> bytes:
        """The next piece; raises ClientGoneError."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        self.is_whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))


def again(messages: Iterable[Message], receive: Receive) -> Receive:
    """What was received already, for the application to read, and then what comes."""
    waiting = iter(messages)

    async def received() -> Message:
        for message in waiting:
            return message
        return await receive()

    return received
