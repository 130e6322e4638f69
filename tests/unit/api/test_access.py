# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import StoreUnavailableError
from authz.services.failures import MOST_FAILURES
from authz.services.permissions import EVERYTHING, Grant, Level, Resource
from authz.services.tokens import create_token, list_tokens, revoke_token

if TYPE_CHECKING:
    import httpx

    from authz.store.engine import Store
    from tests.unit.api.conftest import Bench

VERIFY = "/user/tokens/verify"
UNKNOWN = "x" * 43


def with_headers(api: Bench, headers: dict[str, str]) -> httpx.Response:
    """A call with these headers alone."""
    return api._runner.run(api._client.request("GET", "/client/v4" + VERIFY, headers={**headers}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer TOKEN"},
        {"Authorization": "bearer  TOKEN "},
        {"X-Auth-Email": "a@example.com", "X-Auth-Key": "TOKEN"},
        {"X-Auth-Key": "TOKEN"},
        {"X-Auth-User-Service-Key": "TOKEN"},
        {"Authorization": "Bearer TOKEN", "X-Auth-Key": UNKNOWN},
    ],
)
def test_a_token_comes_in_one_of_three_headers(api: Bench, headers: dict[str, str]) -> None:
    filled = {name: value.replace("TOKEN", api.token) for name, value in headers.items()}

    assert with_headers(api, filled).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {"Authorization": "Bearer a b"},
        {"Authorization": 'Bearer {"a": 1}'},
        {"Authorization": "Bearer \xff"},
        {"X-Auth-Key": "not a key"},
    ],
)
def test_a_header_that_is_none_is_said_so(api: Bench, headers: dict[str, str]) -> None:
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = api._runner.run(
        api._client.request("GET", "/client/v4" + VERIFY, headers=list(raw.items()))
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == 6003


def test_two_of_them_are_none(api: Bench) -> None:
    headers = [("Authorization", f"Bearer {api.token}"), ("Authorization", f"Bearer {UNKNOWN}")]
    answer = api._runner.run(api._client.request("GET", "/client/v4" + VERIFY, headers=headers))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 6003)


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Email": "a@example.com"}, {"X-Auth-Key": ""}])
def test_without_a_token_nobody_is_known_and_nobody_guessed(
    api: Bench, headers: dict[str, str]
) -> None:
    for _ in range(MOST_FAILURES + 2):
        answer = with_headers(api, headers)

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert api.app.state.access.metrics.failed == 0


def test_too_many_wrong_tokens_are_answered_with_when_to_come_again(api: Bench) -> None:
    for _ in range(MOST_FAILURES):
        assert api.errors(401, "GET", VERIFY, token=UNKNOWN)[0]["code"] == 1000
    api.now += 15
    answer = api.call("GET", VERIFY, token=UNKNOWN)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "45"
    assert answer.headers["x-should-retry"] == "false"
    metrics = api.app.state.access.metrics
    assert (metrics.failed, metrics.throttled) == (MOST_FAILURES + 1, 1)
    api.now += 45
    api.errors(401, "GET", VERIFY, token=UNKNOWN)


def test_a_valid_token_is_never_locked_out_also_in_its_first_call(api: Bench) -> None:
    for _ in range(MOST_FAILURES + 5):
        api.call("GET", VERIFY, token=UNKNOWN)
    api.errors(429, "GET", VERIFY, token=UNKNOWN)

    api.result("GET", VERIFY)
    api.result("GET", VERIFY, token=api.token_for(EVERYTHING))
    # Calls that succeed do not make failures count less, or more.
    api.errors(429, "GET", VERIFY, token=UNKNOWN)


def test_beyond_the_limit_nothing_tells_tokens_apart(api: Bench) -> None:
    made = create_token(api.store, "x", EVERYTHING, actor="t", at=api.now)
    revoke_token(api.store, made.token.id, actor="t", at=api.now)
    assert "revoked" in api.errors(401, "GET", VERIFY, token=made.secret)[0]["message"]
    for _ in range(MOST_FAILURES):
        api.call("GET", VERIFY, token=UNKNOWN)

    answers = [api.call("GET", VERIFY, token=one) for one in (made.secret, UNKNOWN, "x" * 500)]

    assert {one.status_code for one in answers} == {429}
    assert len({one.text for one in answers}) == 1


def test_a_refused_permission_is_no_failed_attempt(api: Bench) -> None:
    token = api.token_for([Grant(resource=Resource.ZONES, level=Level.READ, place=api.zone_id)])
    for _ in range(MOST_FAILURES + 1):
        api.errors(403, "GET", "/user/tokens", token=token)

    assert api.app.state.access.metrics.failed == 0


def test_what_cannot_be_a_token_is_not_looked_up(
    api: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Store:
        raise AssertionError

    monkeypatch.setattr(api.app.state.access, "_backend", type("B", (), {"store": nobody}))

    api.errors(401, "GET", VERIFY, token="x" * 500)
    api.errors(400, "GET", VERIFY, token="not one")


def test_a_store_that_is_away_is_no_failed_attempt(api: Bench) -> None:
    class Away:
        def store(self) -> Store:
            raise StoreUnavailableError("away")

    access = api.app.state.access
    access._backend = Away()

    assert api.call("GET", VERIFY).status_code == 503
    assert access.metrics.failed == 0


def test_when_a_token_was_last_used_is_noted(api: Bench) -> None:
    api.result("GET", VERIFY)
    api.app.state.access.settle()

    assert [one.last_used_at for one in list_tokens(api.store)] == [api.now]
