# SPDX-License-Identifier: Apache-2.0
"""An API token becomes a session: whose, for how long, and what others can do about it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard.options import Options
from authz.services.failures import MOST_FAILURES
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from tests.factories.dashboard import visiting

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from tests.factories.dashboard import Visitor


def post(visitor: Visitor, token: str, **more: Any) -> httpx.Response:
    """Sign in with a browser that nobody has used."""
    client = visitor.bench.client()
    fields = {"token": token, "next": more.pop("next", "/")}
    answer: httpx.Response = visitor.bench.run(client.post("/sign-in", data=fields, **more))
    return answer


def secret_of(answer: httpx.Response) -> str:
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return str(cookie.value)


def test_a_token_becomes_a_session_and_leads_to_the_page_that_was_wanted(visitor: Visitor) -> None:
    answer = post(visitor, f"  {visitor.token}\n", next="/zones/1?page=2")

    assert (answer.status_code, answer.headers["location"]) == (303, "/zones/1?page=2")
    assert len(secret_of(answer)) == 43
    assert visitor.token not in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil", "/sign-in"]
)
def test_nobody_is_sent_elsewhere(wanted: str, visitor: Visitor) -> None:
    assert post(visitor, visitor.token, next=wanted).headers["location"] == "/"
    signed_in = visitor.send("GET", "/sign-in", params={"next": wanted})
    assert signed_in.headers["location"] == "/"


def test_the_form_has_the_page_that_was_wanted_as_text(visitor: Visitor) -> None:
    visitor.client.cookies.clear()
    page = visitor.get('/sign-in?next=/a"><script>')

    assert 'value="/a&#34;&gt;&lt;script&gt;"' in page


@pytest.mark.parametrize("token", ["", "nobody", "x" * 43, "é", "a\0b", "x" * 60_000])
def test_what_is_no_token_is_told_and_begins_nothing(token: str, visitor: Visitor) -> None:
    answer = post(visitor, token, next="/lists")

    assert answer.status_code == 401
    assert "The token is not known" in answer.text
    assert 'value="/lists"' in answer.text, "the next attempt still leads there"
    assert "set-cookie" not in answer.headers
    assert token == "" or token not in answer.text


def test_too_many_attempts_have_to_wait_and_a_token_never_has(visitor: Visitor) -> None:
    for _ in range(MOST_FAILURES):
        assert post(visitor, "nobody").status_code == 401
    late = post(visitor, "nobody")

    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= 60
    assert "wait a minute" in late.text
    assert post(visitor, visitor.token).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_signs_nobody_in(headers: dict[str, str], visitor: Visitor) -> None:
    answer = post(visitor, visitor.token, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_session_that_somebody_else_made_up_is_not_taken_over(visitor: Visitor) -> None:
    """Session fixation: whoever planted a cookie knows nothing of the session that begins."""
    planted = "p" * 43
    client = visitor.bench.client()
    client.cookies.set("authz-session", planted)
    fields = {"token": visitor.token, "next": "/"}
    answer = visitor.bench.run(client.post("/sign-in", data=fields))

    assert secret_of(answer) != planted
    other = visitor.bench.client()
    other.cookies.set("authz-session", planted)
    assert visitor.bench.run(other.get("/sessions")).status_code == 303


def test_a_session_of_the_attackers_own_ends_when_it_is_planted(visitor: Visitor) -> None:
    attacker = visitor.as_reader()
    planted = str(attacker.client.cookies["authz-session"])
    client = visitor.bench.client()
    client.cookies.set("authz-session", planted)
    fields = {"token": visitor.token, "next": "/"}
    answer = visitor.bench.run(client.post("/sign-in", data=fields))

    assert secret_of(answer) != planted
    attacker.get("/sessions", 303)


def test_a_second_sign_in_of_a_browser_ends_the_first(visitor: Visitor) -> None:
    first = str(visitor.client.cookies["authz-session"])
    visitor.send("POST", "/sign-in", data={"token": visitor.token, "next": "/"})
    old = visitor.bench.client()
    old.cookies.set("authz-session", first)

    assert visitor.bench.run(old.get("/sessions")).status_code == 303
    assert visitor.get("/sessions").count('/end"') == 1


def test_whose_session_is_over_hears_it_and_comes_back(visitor: Visitor) -> None:
    visitor.bench.now += visitor.bench.options.times.idle
    answer = visitor.send("GET", "/zones/{zone}")
    assert answer.status_code == 303

    page = visitor.get(answer.headers["location"])
    assert "Your session is over: nobody used it for a while — sign in again." in page
    fields = {"token": visitor.token, "next": f"/zones/{visitor.bench.zone_id}"}
    back = visitor.send("POST", "/sign-in", data=fields)
    assert back.headers["location"] == f"/zones/{visitor.bench.zone_id}"
    assert visitor.get("/zones/{zone}")


def test_whoever_comes_for_the_first_time_hears_of_no_session(visitor: Visitor) -> None:
    visitor.client.cookies.clear()

    page = visitor.get("/sign-in")
    assert "session" not in page.replace("authz-session", "")
    assert 'autocomplete="current-password"' in page
    assert 'type="password"' in page


def test_a_session_lasts_as_its_cookie(visitor: Visitor) -> None:
    until = visitor.bench.now + 100
    token = create_token(
        visitor.bench.store, "short", EVERYTHING, expires_at=until, actor="t", at=visitor.bench.now
    )
    (cookie,) = SimpleCookie(post(visitor, token.secret).headers["set-cookie"]).values()

    assert cookie["max-age"] == "100"


def test_with_tls_the_cookie_never_goes_without(tmp_path: Path, empty_store: Path) -> None:
    with visiting(tmp_path, empty_store, Options(secure=True)) as visitor:
        kept = post(visitor, visitor.token).headers["set-cookie"]
    assert kept.startswith("__Host-authz-session=")
    for part in ("; Path=/", "; Secure", "; HttpOnly", "; SameSite=lax"):
        assert part in kept
    assert "Domain" not in kept
    assert "authz-session" not in kept.replace("__Host-authz-session", "")


def test_without_tls_a_cookie_has_no_promise_that_it_cannot_keep(visitor: Visitor) -> None:
    kept = post(visitor, visitor.token).headers["set-cookie"]

    assert kept.startswith("authz-session=")
    assert "Secure" not in kept
    assert "; HttpOnly" in kept


def test_behind_a_proxy_its_address_is_ours(tmp_path: Path, empty_store: Path) -> None:
    options = Options(url="https://authz.example.com")
    with visiting(tmp_path, empty_store, options) as visitor:
        headers = {"Origin": "https://authz.example.com"}
        assert post(visitor, visitor.token, headers=headers).status_code == 303


def test_the_audit_log_has_who_came_and_from_where(visitor: Visitor) -> None:
    post(visitor, visitor.token, headers={"User-Agent": "Firefox/142.0 (Linux)"})
    with visitor.bench.store.read() as session:
        row = session.audit.latest(most=1)[0]

    assert (row.action, row.object_type) == ("sign in", "session")
    assert row.actor.startswith("token test (")
    assert row.after is not None
    assert row.after["agent"] == "Firefox/142.0 (Linux)"
