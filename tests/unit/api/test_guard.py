# SPDX-License-Identifier: Apache-2.0
"""What every call goes through, over an application that is only played."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import Request, Response

from authz.api import problems
from authz.api.app import PREFIX
from authz.api.guard import CLIENT_GONE, Guard
from authz.api.limits import Limits
from authz.api.metrics import ApiMetrics
from tests.factories.guarded import LOCAL, playing

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def test_every_answer_is_nobody_elses_and_what_it_says_it_is() -> None:
    def cached() -> Response:
        return Response(headers={"Cache-Control": "max-age=1", "X-Other": "1"})

    played = playing(("GET", "/cached", cached))
    for answer in (
        played.call("GET", "/cached"),
        played.call("GET", "/nowhere"),
        played.call("GET", "/cached", headers={"Host": "evil.example"}),
    ):
        assert answer.headers.get_list("cache-control") == ["no-store"]
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert played.call("GET", "/cached").headers["x-other"] == "1"


def test_another_name_is_refused_before_anything_else() -> None:
    answer = playing().call("GET", "/", headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert "admin.hosts" in answer.json()["errors"][0]["message"]
    assert answer.headers["connection"] == "close"


def test_there_is_no_cors() -> None:
    def get() -> dict[str, str]:
        return {}

    played = playing(("GET", "/one", get))
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = played.call(method, "/one", headers=asked)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_call_is_logged_and_counted_by_its_template(
    log_lines: list[dict[str, Any]],
) -> None:
    def get(name: str, request: Request) -> dict[str, str]:
        request.state.token_id = "t" * 32
        return {"name": name}

    played = playing(("GET", "/one/{name}", get))
    played.call("GET", "/one/secret?password=secret")
    played.call("GET", "/none/secret")

    first, second = [one for one in log_lines if one["event"] == "api call"]
    assert (first["method"], first["route"], first["status"]) == ("GET", "/one/{name}", 200)
    assert first["token"] == "t" * 32
    assert first["seconds"] >= 0
    assert (second["route"], second["status"], second["token"]) == ("", 404, None)
    assert "secret" not in json.dumps(log_lines)
    assert played.counted() == {("GET", "/one/{name}", 200), ("GET", "", 404)}
    assert played.metrics.in_flight == 0


def test_the_application_gets_the_whole_body_and_then_hears_when_the_client_leaves() -> None:
    async def post(request: Request) -> dict[str, Any]:
        return {"body": (await request.body()).decode(), "gone": await request.is_disconnected()}

    answer = playing(("POST", "/", post)).call("POST", "/", content=b"body")
    assert answer.json() == {"body": "body", "gone": False}


def test_a_body_that_is_too_large_is_refused_in_the_envelope() -> None:
    answer = playing().call("POST", "/", content=b"x" * 100_001)

    assert answer.status_code == 413
    assert answer.json()["success"] is False
    assert answer.headers["connection"] == "close"


def test_a_large_body_of_nobody_is_refused_by_its_token(api: Bench) -> None:
    metrics = ApiMetrics()
    guard = Guard(api.app, hosts=LOCAL, limits=Limits(), metrics=metrics)
    body = b" " * 100_000 + b'{"name": "example.com"}'

    async def call(token: str) -> httpx.Response:
        transport = httpx.ASGITransport(guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post(
                f"{PREFIX}/zones",
                content=body,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )

    refused = asyncio.run(call("nobody"))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert metrics._requests == {("POST", "", 401): 1}, "it was not even looked at"
    assert asyncio.run(call(api.token)).status_code == 200


def test_a_defect_is_told_once_and_answered(log_lines: list[dict[str, Any]]) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    answer = playing(("GET", "/broken", broken)).call("GET", "/broken")

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == problems.INTERNAL
    assert [one["event"] for one in log_lines if one["level"] == "error"] == [
        "a call of the API failed"
    ]


def test_a_defect_before_the_application_is_answered_as_well(
    log_lines: list[dict[str, Any]],
) -> None:
    played = playing()

    class Broken:
        def accepts(self, _: str | None) -> bool:
            raise ZeroDivisionError

    played.guard._hosts = Broken()  # type: ignore[assignment]  # plays a defect
    answer = played.call("GET", "/")

    assert (answer.status_code, answer.json()["success"]) == (500, False)
    assert (
        "ZeroDivisionError"
        in next(one for one in log_lines if one["level"] == "error")["exception"]
    )


def test_a_client_that_left_is_counted_as_such() -> None:
    played = playing()

    async def call() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            raise AssertionError("nobody is there")

        headers = [(b"host", b"localhost"), (b"content-length", b"3")]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        await played.guard(scope, receive, send)

    asyncio.run(call())
    assert played.counted() == {("POST", "", CLIENT_GONE)}


class _Slow:
    """Calls that end when they are let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.played = playing(
            ("GET", "/quick", self.quick), ("GET", "/slow", self.slow), ("POST", "/slow", self.slow)
        )

    async def quick(self) -> dict[str, str]:
        return {}

    async def slow(self) -> dict[str, str]:
        self.begun.set()
        await self.go.wait()
        return {}


def test_writers_leave_room_for_readers() -> None:
    async def run() -> tuple[int, int]:
        slow = _Slow()
        async with slow.played.client() as client:
            writing = asyncio.create_task(client.post("/slow"))
            await slow.begun.wait()
            quick = await client.get("/quick")
            slow.go.set()
            return quick.status_code, (await writing).status_code

    assert asyncio.run(run()) == (200, 200)


def test_expressions_are_checked_beside_writers() -> None:
    checking = "/client/v4/zones/a/expressions/check"

    async def run() -> tuple[int, int, int]:
        slow = _Slow()
        async with slow.played.client() as client:
            writing = asyncio.create_task(client.post("/slow"))
            await slow.begun.wait()
            # Nothing is there, but it had its turn.
            checked = await client.post(checking)
            writer = await client.post("/client/v4/zones/a/expressions/check/not")
            slow.go.set()
            return checked.status_code, writer.status_code, (await writing).status_code

    assert asyncio.run(run()) == (404, 503, 200)


@pytest.mark.parametrize(
    ("path", "is_checked"),
    [
        ("/client/v4/zones/a/replays", True),
        ("/zones/a/simulator", True),
        ("/zones/a/rules/mtls/preview", True),
        ("/zones/a/rules/mtls", True),
        ("/zones/a/rules/new", True),
        ("/rules/new", True),
        (f"/zones/a/rules/{'7' * 32}", True),
        (f"/rules/drafts/{'7' * 32}", True),
        (f"/zones/a/rules/{'7' * 32}/delete", False),
        (f"/client/v4/zones/a/rulesets/b/rules/{'7' * 32}", False),
        (f"/zones/a/certificates/{'7' * 32}/revoke", False),
    ],
)
def test_what_may_replay_takes_no_place_of_writers(path: str, is_checked: bool) -> None:
    async def run() -> tuple[int, int]:
        slow = _Slow()
        async with slow.played.client() as client:
            writing = asyncio.create_task(client.post("/slow"))
            await slow.begun.wait()
            answer = await client.post(path)
            slow.go.set()
            return answer.status_code, (await writing).status_code

    # What has its turn finds that nothing is there.
    assert asyncio.run(run()) == (404 if is_checked else 503, 200)


def test_who_waits_too_long_for_a_turn_is_told_to_come_again() -> None:
    async def run() -> httpx.Response:
        slow = _Slow()
        async with slow.played.client() as client:
            reading = asyncio.create_task(client.get("/slow"))
            await slow.begun.wait()
            late = await client.get("/quick")
            slow.go.set()
            assert (await reading).status_code == 200
            return late

    late = asyncio.run(run())
    assert late.status_code == 503
    assert late.json()["errors"][0]["code"] == problems.BUSY
    assert late.headers["retry-after"] == "5"
