# SPDX-License-Identifier: Apache-2.0
"""The dashboard beside the API, as the guard around both has it; pages that are only played."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from authz.api.app import PREFIX
from authz.errors import UnauthenticatedError
from tests.factories.guarded import LIMITS, Played, playing

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from starlette.types import Receive, Scope, Send


class _Pages:
    """Pages that are only played.

    Attributes:
        asked: the paths that came through.
    """

    def __init__(self, known: str = "") -> None:
        self.asked: list[str] = []
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        message = await receive()
        status = 404 if scope["path"].endswith("missing") else 200
        response = Response(
            f"page of {len(message['body'])}",
            status_code=status,
            headers={"Cache-Control": "public, max-age=31536000, immutable", "X-Page": "1"},
        )
        await response(scope, receive, send)

    def know(self, request: Request) -> None:
        if request.headers.get("cookie") != self._known:
            raise UnauthenticatedError("nobody is signed in", hint="sign in")

    def refusal(self, request: Request, status: int, message: str) -> Response:
        return Response(f"<h1>{status}</h1>{message}", status_code=status)


def _with_pages(known: str = "") -> tuple[Played, _Pages]:
    app = FastAPI()

    async def call() -> dict[str, str]:
        return {"api": "yes"}

    for path in (PREFIX, f"{PREFIX}/zones"):
        app.add_api_route(path, call)
    pages = _Pages(known)
    return Played(app, replace(LIMITS, unknown_body_bytes=100), pages), pages


def test_the_api_has_its_prefix_and_pages_have_the_rest() -> None:
    played, pages = _with_pages()

    for path in (PREFIX, f"{PREFIX}/zones"):
        assert played.call("GET", path).json() == {"api": "yes"}
    assert played.call("GET", f"{PREFIX}/nowhere").json()["success"] is False
    for path in ("/", f"{PREFIX}s", f"{PREFIX}s/zones", "/client", "/zones", f"/a{PREFIX}"):
        assert played.call("GET", path).text == "page of 0"
    assert pages.asked == [
        "/",
        f"{PREFIX}s",
        f"{PREFIX}s/zones",
        "/client",
        "/zones",
        f"/a{PREFIX}",
    ]


def test_pages_are_logged_as_pages(log_lines: list[dict[str, Any]]) -> None:
    played, _ = _with_pages()
    played.call("GET", "/zones")
    played.call("GET", f"{PREFIX}/zones")

    assert [one["event"] for one in log_lines] == ["page", "api call"]


def test_without_pages_everything_is_the_apis() -> None:
    assert playing().call("GET", "/zones").json()["success"] is False


def test_another_name_gets_a_page_that_refuses() -> None:
    played, pages = _with_pages()
    answer = played.call("GET", "/zones", headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert answer.text.startswith("<h1>421</h1>")
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store"
    assert pages.asked == []
    assert played.call("GET", PREFIX, headers={"Host": "evil.example"}).json()["errors"]


def test_files_alone_are_kept_by_browsers() -> None:
    played, _ = _with_pages()
    kept = {"public, max-age=31536000, immutable"}

    for path in ("/static/0/app.css", "/static/"):
        answer = played.call("GET", path)
        assert set(answer.headers.get_list("cache-control")) == kept
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    for path in ("/", "/static", "/statics/app.css", "/static/missing", f"{PREFIX}/static/a"):
        answer = played.call("GET", path)
        assert answer.headers.get_list("cache-control") == ["no-store"]
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


def test_a_large_form_is_read_of_whoever_is_signed_in_alone() -> None:
    played, pages = _with_pages("me")

    assert played.call("POST", "/lists", content=b"x" * 100).text == "page of 100"
    refused = played.call("POST", "/lists", content=b"x" * 101)
    assert refused.status_code == 401
    assert refused.text.startswith("<h1>401</h1>")
    assert refused.headers["connection"] == "close"
    mine = played.call("POST", "/lists", content=b"x" * 101, headers={"Cookie": "me"})
    assert mine.text == "page of 101"
    assert pages.asked == ["/lists", "/lists"]


def test_a_form_that_is_too_large_is_refused_by_a_page() -> None:
    played, _ = _with_pages()
    answer = played.call("POST", "/lists", content=b"x" * 100_001)

    assert answer.status_code == 413
    assert answer.text.startswith("<h1>413</h1>")


def test_a_page_that_waits_too_long_for_its_turn_is_told_to_come_again() -> None:
    played, pages = _with_pages()
    begun, go = asyncio.Event(), asyncio.Event()
    quick = pages.__call__

    async def run() -> tuple[httpx.Response, httpx.Response]:
        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            begun.set()
            await go.wait()
            await quick(scope, receive, send)

        played.guard._pages = _Slowly(pages, slow)
        async with played.client() as client:
            first = asyncio.create_task(client.get("/slow"))
            await begun.wait()
            late = await client.get("/late")
            go.set()
            return await first, late

    first, late = asyncio.run(run())
    assert first.status_code == 200
    assert (late.status_code, late.headers["retry-after"]) == (503, "5")
    assert late.text.startswith("<h1>503</h1>")


class _Slowly(_Pages):
    """Pages that wait."""

    def __init__(self, pages: _Pages, slow: Callable[..., Any]) -> None:
        super().__init__()
        self.asked = pages.asked
        self._slow = slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._slow(scope, receive, send)


def test_a_defect_of_a_page_is_told_once_and_answered(log_lines: list[dict[str, Any]]) -> None:
    played, pages = _with_pages()

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    played.guard._pages = _Slowly(pages, broken)
    answer = played.call("GET", "/broken")

    assert answer.status_code == 500
    assert answer.text.startswith("<h1>500</h1>")
    assert "ZeroDivisionError" not in answer.text
    assert [one["event"] for one in log_lines if one["level"] == "error"] == [
        "a call of the API failed"
    ]
