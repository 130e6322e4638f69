# SPDX-License-Identifier: Apache-2.0
"""Repeated requests: what was done is not done twice, and what was meant twice is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from authz.api import repeats
from authz.api.access import Access
from authz.api.answers import KEEP_SECONDS
from authz.api.repeats import Repeats, digest_of, is_retry
from authz.demo.pki import make_root
from authz.errors import StoreUnavailableError
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING
from tests.factories.issuing import csr

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.types import Receive, Scope, Send

    from authz.store.engine import Store
    from tests.unit.api.conftest import Bench

PATH = "/zones/{zone}/client_certificates"
BODY = {"csr": csr("alice").decode(), "validity_days": 365}


class Inner:
    """An application that counts, and answers with what it is told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.done = 0
        self.bodies: list[bytes] = []
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.done += 1
        scope.setdefault("state", {})["grants"] = EVERYTHING
        mine = self.done
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.bodies.append(body)
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            raise RuntimeError("a defect")
        headers = [(b"content-type", b"text/plain"), (b"x-done", str(mine).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"done ", "more_body": True})
        await send({"type": "http.response.body", "body": str(mine).encode()})


class Around:
    """`Repeats` around an `Inner`, and a client with the token of a bench."""

    def __init__(self, api: Bench, inner: Inner, **changes: Any) -> None:
        self.api = api
        self.app = Repeats(
            inner, backend=api.app.state.backend, access=api.app.state.access, **changes
        )
        self.inner = inner

    async def send(
        self,
        count: int | None = 0,
        *,
        method: str = "POST",
        path: str = "/things",
        body: bytes = b"{}",
        token: str | None = None,
        more: dict[str, str] | None = None,
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        headers = {"Authorization": f"Bearer {token or self.api.token}"}
        headers |= more or {}
        if count is not None:
            headers["x-stainless-retry-count"] = str(count)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, content=body, headers=headers)


def _run(
    api: Bench, story: Callable[[Around], Coroutine[Any, Any, None]], *statuses: int, **changes: Any
) -> Inner:
    async def run() -> Inner:
        around = Around(api, Inner(*statuses), **changes)
        await story(around)
        return around.inner

    return asyncio.run(run())


def test_a_retry_gets_the_answer_of_the_first_attempt(api: Bench) -> None:
    async def story(around: Around) -> None:
        first = await around.send(0, body=b'{"a": 1}')
        for count in (1, 2):
            again = await around.send(count, body=b'{"a": 1}')
            assert again.status_code == 200
            assert again.text == first.text == "done 1"
            assert again.headers["x-done"] == "1"
            assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers

    inner = _run(api, story)

    assert inner.done == 1
    assert inner.bodies == [b'{"a": 1}']


@pytest.mark.parametrize("count", [0, None])
def test_what_is_meant_twice_is_done_twice(api: Bench, count: int | None) -> None:
    async def story(around: Around) -> None:
        assert (await around.send(count)).text == "done 1"
        assert (await around.send(count)).text == "done 2"
        assert (await around.send(1)).text == "done 2"

    assert _run(api, story).done == 2


def test_a_retry_that_nobody_knows_of_is_done_and_remembered(api: Bench) -> None:
    async def story(around: Around) -> None:
        assert (await around.send(1)).text == "done 1"
        assert (await around.send(2)).text == "done 1"

    assert _run(api, story).done == 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_what_was_not_done_is_done(api: Bench, status: int) -> None:
    async def story(around: Around) -> None:
        assert (await around.send(0)).status_code == status
        assert (await around.send(1)).text == "done 2"

    _run(api, story, status)


def test_of_two_requests_the_failure_of_the_second_is_not_hidden_by_the_first(api: Bench) -> None:
    async def story(around: Around) -> None:
        await around.send(0)
        assert (await around.send(0)).status_code == 500
        assert (await around.send(1)).text == "done 3"

    _run(api, story, 200, 500)


def test_a_defect_is_nobodys_answer(api: Bench) -> None:
    async def story(around: Around) -> None:
        with pytest.raises(RuntimeError):
            await around.send(0)
        assert (await around.send(1)).text == "done 2"

    _run(api, story, 0)


def test_everything_tells_requests_apart(api: Bench) -> None:
    async def story(around: Around) -> None:
        await around.send(0)
        for other in (
            {"method": "PUT"},
            {"path": "/others"},
            {"path": "/things?dry_run=true"},
            {"body": b"[]"},
            {"more": {"If-Match": '"3"'}},
            {"more": {"Idempotency-Key": "order-7"}},
            {"token": api.token_for(EVERYTHING)},
        ):
            assert "idempotent-replayed" not in (await around.send(1, **other)).headers

    assert _run(api, story).done == 8


def test_reading_is_done_as_often_as_it_is_asked(api: Bench) -> None:
    async def story(around: Around) -> None:
        for count in range(3):
            await around.send(count, method="GET")

    assert _run(api, story).done == 3


def test_a_retry_waits_for_the_attempt_that_is_at_work(api: Bench) -> None:
    async def story(around: Around) -> None:
        around.inner.gate = asyncio.Event()
        first = asyncio.create_task(around.send(0))
        await around.inner.entered.wait()
        retries = [asyncio.create_task(around.send(count)) for count in (1, 2)]
        await _until_waiting(around.app, retries)
        around.inner.gate.set()
        answers = await asyncio.gather(first, *retries)
        assert {one.text for one in answers} == {"done 1"}

    assert _run(api, story).done == 1


def test_of_those_that_wait_for_a_failure_one_goes_on(api: Bench) -> None:
    async def story(around: Around) -> None:
        around.inner.gate = asyncio.Event()
        first = asyncio.create_task(around.send(0))
        await around.inner.entered.wait()
        retries = [asyncio.create_task(around.send(count)) for count in (1, 2)]
        await _until_waiting(around.app, retries)
        around.inner.gate.set()
        answers = await asyncio.gather(first, *retries)
        assert [one.status_code for one in answers] == [500, 200, 200]
        assert {one.text for one in answers[1:]} == {"done 2"}

    assert _run(api, story, 500).done == 2


async def _until_waiting(app: Repeats, tasks: list[asyncio.Task[Any]]) -> None:
    """Give tasks their turns until all of them wait for the one attempt."""
    (event,) = app._at_work.values()
    while len(event._waiters) < len(tasks):  # type: ignore[attr-defined]  # nothing public says so
        await asyncio.sleep(0)


def test_answers_are_forgotten_after_a_while(api: Bench) -> None:
    async def story(around: Around) -> None:
        await around.send(0)
        api.now += KEEP_SECONDS
        assert (await around.send(1)).text == "done 1"
        api.now += 0.5
        assert (await around.send(1)).text == "done 2"

    _run(api, story)


def test_a_token_that_was_revoked_gets_nothing(api: Bench) -> None:
    token = api.token_for(EVERYTHING, expires_at=api.now + 10)

    async def story(around: Around) -> None:
        await around.send(0, token=token)
        api.now += 10
        refused = await around.send(1, token=token)
        assert refused.status_code == 401
        assert "done" not in refused.text
        assert refused.headers["www-authenticate"] == "Bearer"

    assert _run(api, story).done == 1


def test_a_header_that_is_no_token_gets_nothing(api: Bench) -> None:
    async def story(around: Around) -> None:
        await around.send(0, token=" ")
        assert (await around.send(1, token=" ")).status_code == 400

    assert _run(api, story).done == 1


def test_a_store_that_is_away_is_no_reason_to_do_it_again(api: Bench) -> None:
    def away() -> Store:
        raise StoreUnavailableError("the database cannot be reached")

    async def story(around: Around) -> None:
        await around.send(0)
        known = api.app.state.backend
        around.app._access = Access(
            Backend(store=away, encryption=known.encryption, clock=known.clock)
        )
        assert (await around.send(1)).status_code == 503

    assert _run(api, story).done == 1


def test_a_body_that_is_too_large_is_handed_on(api: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_BODY_BYTES", 10)

    async def story(around: Around) -> None:
        for count in (0, 1):
            await around.send(count, body=b"x" * 11)

    assert _run(api, story).bodies == [b"x" * 11] * 2


def test_a_client_that_goes_before_its_body_ends(api: Bench) -> None:
    received: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([(await receive())["type"] for _ in range(3)])

    messages = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.disconnect"},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError("nobody answers")

    scope = {"type": "http", "method": "POST", "headers": []}
    app = Repeats(inner, backend=api.app.state.backend, access=api.app.state.access)
    asyncio.run(app(scope, receive, send))

    assert received == ["http.request", "http.disconnect", "http.disconnect"]


def test_other_protocols_are_handed_on(api: Bench) -> None:
    seen: list[str] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nothing is asked")

    asyncio.run(
        Repeats(inner, backend=api.app.state.backend, access=api.app.state.access)(
            {"type": "lifespan"}, nothing, nothing
        )
    )

    assert seen == ["lifespan"]


def test_what_is_a_retry() -> None:
    assert [is_retry(one) for one in ("1", "2", "007", "9" * 5000)] == [True] * 4
    assert not any(is_retry(one) for one in (None, "", "0", "00", "-1", "x", "²", "1.0"))


def test_a_digest_of_several_texts_is_not_that_of_others() -> None:
    assert (
        len({digest_of(one) for one in (["ab", "c"], ["a", "bc"], ["abc"], ["ab", "c", ""])}) == 4
    )
    assert digest_of(["é"]) == digest_of(["é".encode()])


def _counted(api: Bench, method: str, path: str, count: int, **more: Any) -> httpx.Response:
    return api.call(method, path, headers={"x-stainless-retry-count": str(count)}, **more)


def test_a_certificate_is_issued_once(api: Bench) -> None:
    first = _counted(api, "POST", PATH, 0, json=BODY)
    again = _counted(api, "POST", PATH, 1, json=BODY)
    meant = _counted(api, "POST", PATH, 0, json=BODY)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert meant.json()["result"]["id"] != first.json()["result"]["id"]
    assert len(api.result("GET", PATH)) == 2


def test_what_was_removed_is_no_404_on_the_retry(api: Bench) -> None:
    pem = make_root("Partner", at=api.now).pem.decode()
    made = api.result(
        "POST", "/accounts/{account}/mtls_certificates", json={"ca": True, "certificates": pem}
    )
    here = f"/accounts/{{account}}/mtls_certificates/{made['id']}"

    first = _counted(api, "DELETE", here, 0)
    again = _counted(api, "DELETE", here, 1)

    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert _counted(api, "DELETE", here, 0).status_code == 404


def test_a_revocation_that_never_arrived_is_no_replay_of_an_earlier_one(api: Bench) -> None:
    here = f"{PATH}/{api.result('POST', PATH, json=BODY)['id']}"

    _counted(api, "DELETE", here, 0)
    _counted(api, "PATCH", here, 0, json={"reactivate": True})
    # Its first attempt was lost.
    _counted(api, "DELETE", here, 1)

    assert api.result("GET", here)["status"] == "revoked"


def test_a_late_retry_restores_nothing_that_was_revoked_since(api: Bench) -> None:
    here = f"{PATH}/{api.result('POST', PATH, json=BODY)['id']}"
    api.result("DELETE", here)
    assert _counted(api, "PATCH", here, 0, json={"reactivate": True}).status_code == 200
    assert _counted(api, "PATCH", here, 1, json={"reactivate": True}).status_code == 200
    api.result("DELETE", here, token=api.token_for(EVERYTHING))

    for _ in range(2):
        again = _counted(api, "PATCH", here, 1, json={"reactivate": True})
        assert again.status_code == 412
        assert "changed by another call" in again.json()["errors"][0]["message"]
    assert api.result("GET", here)["status"] == "revoked"
    assert _counted(api, "PATCH", here, 0, json={"reactivate": True}).status_code == 200


def test_a_token_that_may_do_less_by_now_gets_no_answer_and_nothing_is_done(api: Bench) -> None:
    token = api.token_for(EVERYTHING)
    mine = api.result("GET", "/user/tokens/verify", token=token)["id"]
    group = {"id": "686d18d5ac6c441c867cbf6771e58a0a"}
    policies = [
        {
            "effect": "allow",
            "permission_groups": [group],
            "resources": {f"com.cloudflare.api.user.{api.account_id}": "*"},
        }
    ]
    body = {"name": "x", "policies": policies}
    first = _counted(api, "POST", "/user/tokens", 0, json=body, token=token)
    assert _counted(api, "POST", "/user/tokens", 1, json=body, token=token).json() == first.json()
    api.result("PUT", f"/user/tokens/{mine}", json={"name": "test", "policies": policies})

    refused = _counted(api, "POST", "/user/tokens", 1, json=body, token=token)

    assert refused.status_code == 403
    assert first.json()["result"]["value"] not in refused.text
    assert len(api.result("GET", "/user/tokens")) == 3


def test_what_is_too_large_to_remember_makes_others_untrue_too(
    api: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "MAX_BODY_BYTES", 10)

    async def story(around: Around) -> None:
        await around.send(0, method="PUT")
        await around.send(0, method="PUT", body=b"x" * 11)
        assert (await around.send(1, method="PUT")).text == "done 3"

    _run(api, story)
