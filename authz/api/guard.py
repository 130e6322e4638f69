# SPDX-License-Identifier: Apache-2.0
"""What every call goes through before an application sees it, and every answer after it.

    Host → body → its turn → the application → headers, log, metrics

An ASGI application around the API's, and around the pages of the dashboard where there are any:
those are everything that is not below the API's prefix. What is done here is the same for all
calls, and nothing of it is about what they ask for.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyio import to_thread
from fastapi import Request
from starlette.datastructures import Headers

from authz.api.app import PREFIX
from authz.api.bodies import Bodies, ClientGoneError, again
from authz.api.problems import BUSY, INTERNAL, INVALID_REQUEST, ApiError, failed
from authz.errors import AuthzError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from authz.api.access import Access
    from authz.api.hosts import Hosts
    from authz.api.limits import Limits
    from authz.api.metrics import ApiMetrics

#: Of every answer: what it says is nobody else's, and is what it says it is.
HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_OURS: Final = frozenset(name for name, _ in HEADERS)
#: Files of the dashboard have their digest in their path, and nothing of anybody's in them.
_FILES: Final = "/static/"
_OF_FILES: Final = ((b"x-content-type-options", b"nosniff"),)

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: Calls that are posted and hold the interpreter rather than the database: an expression is
#: compiled and forgotten, requests are simulated and replayed. So are the forms of the dashboard
#: that edit a rule: each may replay before it deploys, for seconds. Those that do deploy write from
#: a checker's place, and wait in the database as writers do: eight replays in the writers' places
#: would keep everybody from revoking a certificate.
_CHECKING: Final = re.compile(
    r"(/zones/[^/]*/((expressions?|replays?|simulator)(/[^/]*)?|rules/mtls/preview)"
    r"|\A(/zones/[^/]*)?/rules/(new|mtls|(drafts/)?[0-9a-f]{32}))/?\Z"
)

#: The status of the log and the metrics for a call whose client left: no answer was sent.
CLIENT_GONE: Final = 499


class Pages(Protocol):
    """The dashboard, as it is needed here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

    def know(self, request: Request) -> None:
        """Make sure that somebody is signed in; raises AuthzError."""

    def refusal(self, request: Request, status: int, message: str) -> Response:
        """The page that says why a request is not looked at."""


class Guard:
    """Applications, guarded. One event loop; `bodies` and `metrics` are that one's.

    Args:
        app: what `create_api` makes.
        pages: the dashboard, None for none.
        hosts: under which names it is asked.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        pages: Pages | None = None,
        hosts: Hosts,
        limits: Limits,
        metrics: ApiMetrics,
    ) -> None:
        self._app = app
        self._pages = pages
        self._hosts = hosts
        self._limits = limits
        self._metrics = metrics
        self._bodies = Bodies(limits, self._known)
        self._readers = asyncio.Semaphore(limits.readers)
        self._writers = asyncio.Semaphore(limits.writers)
        self._checkers = asyncio.Semaphore(limits.checkers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call."""
        began = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                is_file = status == 200 and self._page_of(scope) and scope["path"][:8] == _FILES
                dropped = _OURS - {b"cache-control"} if is_file else _OURS
                others = [one for one in message.get("headers", ()) if one[0] not in dropped]
                ours = _OF_FILES if is_file else HEADERS
                message = {**message, "headers": [*others, *ours]}
            await send(message)

        self._metrics.in_flight += 1
        try:
            await self._handle(scope, receive, answer)
        except ClientGoneError:
            status = status or CLIENT_GONE
        except Exception as error:  # noqa: BLE001 - the boundary of a call
            # What the application raises, it has answered and logged (problems).
            if not status:
                get_logger().error("a call of the API failed", exc_info=error)
                response = self._refusal(Request(scope), ApiError(500, INTERNAL, "internal error"))
                await response(scope, receive, answer)
        finally:
            self._metrics.in_flight -= 1
            self._tell(scope, status or CLIENT_GONE, time.perf_counter() - began)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if not self._hosts.accepts(Headers(scope=scope).get("host")):
                raise ApiError(
                    421,
                    INVALID_REQUEST,
                    "this is not the address of the API: add the name to admin.hosts",
                )
            async with self._bodies.read(scope, receive) as body, self._turn(scope):
                whole: Message = {"type": "http.request", "body": body, "more_body": False}
                application = self._page_of(scope) or self._app
                await application(scope, again([whole], receive), send)
        except (ApiError, AuthzError) as error:
            response = self._refusal(Request(scope), error)
            # What was not read would be taken for the next request.
            response.headers["Connection"] = "close"
            await response(scope, receive, send)

    def _turn(self, scope: Scope) -> _Turn:
        if scope["method"] in _READING:
            places = self._readers
        elif _CHECKING.search(scope["path"]):
            places = self._checkers
        else:
            places = self._writers
        return _Turn(places, self._limits.queue_seconds)

    def _page_of(self, scope: Scope) -> Pages | None:
        """The dashboard, for what is not the API's."""
        path = scope["path"]
        return None if path == PREFIX or path.startswith(f"{PREFIX}/") else self._pages

    def _refusal(self, request: Request, error: ApiError | AuthzError) -> Response:
        """The answer of the application to an error that was raised before it was called."""
        pages = self._page_of(request.scope)
        if pages is not None:
            status = error.status if isinstance(error, ApiError) else 401
            refusal = pages.refusal(request, status, str(error))
            if isinstance(error, ApiError):
                refusal.headers.update(error.headers or {})
            return refusal
        if isinstance(error, ApiError):
            return failed(error.status, error.problems, error.headers)
        handler: Any = self._app.exception_handlers[AuthzError]
        response: Response = handler(request, error)
        return response

    async def _known(self, scope: Scope) -> None:
        pages = self._page_of(scope)
        if pages is not None:
            await to_thread.run_sync(pages.know, Request(scope))
            return
        access: Access = self._app.state.access
        at = self._app.state.backend.clock()
        await to_thread.run_sync(access.authenticated, Request(scope), at)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "")
        method = scope["method"]
        self._metrics.answered(method, route, status, seconds)
        get_logger().info(
            "page" if self._page_of(scope) else "api call",
            method=method,
            route=route,
            status=status,
            seconds=round(seconds, 4),
            token=scope.get("state", {}).get("token_id"),
        )


class _Turn:
    """A place among those whose calls are carried out."""

    def __init__(self, places: asyncio.Semaphore, seconds: float) -> None:
        self._places = places
        self._seconds = seconds

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
        except TimeoutError:
            raise ApiError(
                503, BUSY, "there is more to do than is done", headers={"Retry-After": "5"}
            ) from None

    async def __aexit__(self, *_: object) -> None:
        self._places.release()
