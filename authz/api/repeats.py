# SPDX-License-Identifier: Apache-2.0
"""Repeated requests: a change whose answer was lost is not made twice.

The SDK repeats what failed on the way, or with a status from 500 on, also a POST, and says so in
`x-stainless-retry-count`; it sends no key. So the answers to changes are remembered for a while, by
a hash of credentials, method, address, body and the headers that say what is asked:

    count 0, or none     a new request, whatever was answered before: it is done
    count 1 and more     a retry: while the first attempt is at work it waits; when that was done,
                         it gets its answer; when it was not, or nobody knows of it, it is done

Only what was done (2xx) is remembered: anything else changed nothing, and is asked again. (Unless a
database was lost while it committed: nobody knows then, and it is asked again as well.) A retry
has to show a token that is still good and may do no less than then, and gets only what the same
token was answered. What another change has made untrue is nobody's answer (`answers`).

What cannot be told apart: two new requests that are the same to the last byte, and a retry of the
one that never arrived. It gets the answer of the other, unless something happened in between.

In memory, of one process. Of certificates the store knows as well (`request_keys`).
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from authz.api.access import Access
from authz.api.answers import Answer, Answers, is_done_again
from authz.api.bodies import again
from authz.api.limits import BODY_BYTES
from authz.api.problems import ApiError, answer_to, failed
from authz.errors import AuthzError, ForbiddenError
from authz.services.permissions import exceeding

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from typing import Any

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from authz.services.backend import Backend

#: Larger bodies are handed on without being remembered: they will be refused.
MAX_BODY_BYTES: Final = BODY_BYTES

_CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_COUNT: Final = b"x-stainless-retry-count"
#: Who asks, and what makes the same body another request.
_TELLING: Final = (
    b"authorization",
    b"x-auth-key",
    b"x-auth-user-service-key",
    b"if-match",
    b"idempotency-key",
)


class Repeats:
    """The ASGI application around the API. All of it runs on one event loop."""

    def __init__(
        self, app: ASGIApp, *, backend: Backend, access: Access, answers: Answers | None = None
    ) -> None:
        self._app = app
        self._access = access
        self._backend = backend
        self._answers = answers or Answers()
        #: The latest attempt that is at work, by its key.
        self._at_work: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what is asked, or say again how it was answered."""
        if scope["type"] != "http" or scope["method"] not in _CHANGES:
            await self._app(scope, receive, send)
            return
        messages, body = await _read(receive)
        receive = again(messages, receive)
        if body is None:
            await self._done(None, scope, receive, send)
            return
        headers = dict(reversed(scope["headers"]))
        key = _key(scope, headers, body)
        if is_retry(headers.get(_COUNT, b"").decode("latin-1")):
            while (first := self._at_work.get(key)) is not None:
                await first.wait()
            answer = self._answers.find(key, self._backend.clock())
            if answer is not None:
                refused = await run_in_threadpool(self._refused, scope, answer)
                await (answer.send(send) if refused is None else refused(scope, receive, send))
                return
        else:
            self._answers.forget(key)
        await self._done(key, scope, receive, send)

    async def _done(self, key: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Have it done, and remember the answer before anybody gets it; without a key, not."""
        finished = asyncio.Event()
        if key is not None:
            self._at_work[key] = finished
        begun: MutableMapping[str, Any] = {}
        parts: list[bytes] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False) and 200 <= begun["status"] < 300:
                    self._answers.changed(key or "", scope["method"], scope["path"])
                    if key is not None and not is_done_again(scope["method"], scope["path"]):
                        answer = Answer(
                            status=begun["status"],
                            headers=begun["headers"],
                            body=b"".join(parts),
                            method=scope["method"],
                            path=scope["path"],
                            grants=scope.get("state", {}).get("grants"),
                        )
                        self._answers.keep(key, answer, self._backend.clock())
                    self._finish(key, finished)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._finish(key, finished)

    def _finish(self, key: str | None, finished: asyncio.Event) -> None:
        if key is not None and self._at_work.get(key) is finished:
            del self._at_work[key]
        finished.set()

    def _refused(self, scope: Scope, answer: Answer) -> Response | None:
        """The answer to a caller whose token is good no more, or may do less by now."""
        try:
            now = self._access.authenticated(Request(scope), self._backend.clock())
            if answer.grants is None or exceeding(now.grants, answer.grants):
                raise ForbiddenError(
                    "the token may do less than at the first attempt, which was done",
                    hint="read what there is by now, and ask anew",
                )
        except AuthzError as error:
            return answer_to(error)
        except ApiError as error:
            return failed(error.status, error.problems, error.headers)
        return None


def is_retry(count: str | None) -> bool:
    """Whether `x-stainless-retry-count` says that this is not the first attempt."""
    return count is not None and count.isascii() and count.isdecimal() and bool(count.strip("0"))


def digest_of(parts: Iterable[str | bytes]) -> str:
    """One text for several, another one for others (SHA-256, in hexadecimal)."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()


def _key(scope: Scope, headers: MutableMapping[bytes, bytes], body: bytes) -> str:
    return digest_of(
        [
            *(headers.get(name, b"") for name in _TELLING),
            scope["method"],
            scope["path"],
            scope["query_string"],
            body,
        ]
    )


async def _read(receive: Receive) -> tuple[list[Message], bytes | None]:
    """What came of the body so far, and all of it, None if it is too large or did not end."""
    messages: list[Message] = []
    size = 0
    while size <= MAX_BODY_BYTES:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return messages, None
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return messages, b"".join(one.get("body", b"") for one in messages)
    return messages, None
