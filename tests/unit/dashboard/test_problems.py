# SPDX-License-Identifier: Apache-2.0
"""What is answered when a page fails: to people, and to scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard import problems
from authz.dashboard.pages import overview
from authz.errors import (
    AuthzError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    KeyUnavailableError,
    NotFoundError,
    PreconditionError,
    SettingsError,
    StoreUnavailableError,
    ThrottledError,
    UnauthenticatedError,
)

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

JSON = {"Accept": "application/json"}
OURS = {"Sec-Fetch-Site": "same-origin"}


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(overview.Viewer, "page_links", property(fail))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnauthenticatedError("x"), 401),
        (ForbiddenError("x"), 403),
        (ThrottledError("x", retry_after=1), 429),
        (NotFoundError("x"), 404),
        (PreconditionError("x"), 412),
        (ConflictError("x"), 400),
        (InvalidInputError("x"), 400),
        (StoreUnavailableError("x"), 503),
        (KeyUnavailableError("x"), 503),
        (SettingsError("x"), 503),
    ],
)
def test_every_error_has_a_status(error: AuthzError, status: int) -> None:
    assert problems.status_of(error) == status


def test_an_error_is_one_line_for_people() -> None:
    error = InvalidInputError("the name is empty", hint="write one")

    assert problems.text_of(error) == "The name is empty — write one."
    assert problems.text_of(NotFoundError("there is none")) == "There is none."
    where = InvalidInputError("is empty", where="items[2]")
    assert problems.text_of(where) == "Items[2]: is empty."
    error.others = (NotFoundError("one more"),)
    assert problems.texts_of(error) == ["The name is empty — write one.", "One more."]


def test_what_is_of_the_machine_stays_there() -> None:
    error = StoreUnavailableError(
        'the database cannot be reached: connection to "db.internal" as authz failed',
        where="/var/lib/authz/authz.db",
        hint="try again",
    )

    assert problems.text_of(error) == "The database cannot be reached — try again."


def test_a_page_that_fails_says_why(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    first = InvalidInputError("the <b> is wrong", hint="mend it")
    first.others = (InvalidInputError("so is <i>"),)
    failing(monkeypatch, first)

    page = visitor.get("/", 400)
    assert "The &lt;b&gt; is wrong — mend it." in page
    assert "<li>So is &lt;i&gt;.</li>" in page
    answer = visitor.send("GET", "/", headers=JSON)
    assert answer.json() == {
        "error": {
            "status": 400,
            "title": "This cannot be done",
            "message": "The <b> is wrong — mend it.",
            "others": ["So is <i>."],
        }
    }


def test_a_defect_is_logged_and_told_without_its_words(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    failing(monkeypatch, ZeroDivisionError("a secret"))

    assert "Internal error" in visitor.get("/", 500)
    assert "a secret" not in visitor.get("/", 500)
    (line, _) = [one for one in log_lines if one["level"] == "error"]
    assert (line["event"], line["path"]) == ("a page failed", "/")


def test_a_store_that_is_away_is_logged(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    failing(monkeypatch, StoreUnavailableError("away: secret words"))

    assert "secret" not in visitor.get("/", 503)
    assert any(one["event"] == "a page could not be made" for one in log_lines)


def test_whoever_tries_too_often_is_told_how_long_to_wait(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, ThrottledError("too many", retry_after=12.4))

    assert visitor.send("GET", "/").headers["retry-after"] == "12"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nowhere", "GET", 404), ("/", "DELETE", 405), ("/static/x/y", "GET", 404)],
)
def test_what_is_not_there_is_a_page_as_well(
    path: str, method: str, status: int, visitor: Visitor
) -> None:
    answer = visitor.send(method, path)

    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_whoever_is_not_signed_in_comes_back_to_the_page(visitor: Visitor) -> None:
    visitor.client.cookies.clear()

    answer = visitor.send("GET", "/zones/{zone}?page=2&q=a%20b")
    assert answer.status_code == 303
    wanted = f"/zones/{visitor.bench.zone_id}%3Fpage%3D2%26q%3Da%2520b"
    assert answer.headers["location"] == f"/sign-in?next={wanted}"
    told = visitor.send("GET", "/zones/{zone}", headers=JSON)
    assert (told.status_code, told.json()["error"]["title"]) == (401, "Sign in")


def _sent(visitor: Visitor, **headers: str) -> tuple[int, str]:
    fields = {"csrf": visitor.csrf, "expression": "not cf.bot_management <b>", "token": "s" * 40}
    answer = visitor.send("POST", "/sessions/end-others", data=fields, headers={**OURS, **headers})
    return answer.status_code, answer.text


def test_a_form_that_was_sent_too_late_is_not_lost(visitor: Visitor) -> None:
    visitor.bench.now += visitor.bench.options.times.idle
    status, page = _sent(visitor, Referer="http://dashboard/sessions?page=2")

    assert status == 401
    assert "Your session is over: nobody used it for a while — sign in again. Nothing was" in page
    assert "not cf.bot_management &lt;b&gt;</textarea>" in page
    assert "s" * 40 not in page
    assert visitor.csrf not in page
    assert 'href="/sign-in?next=/sessions%3Fpage%3D2"' in page


def test_a_form_of_an_earlier_session_is_not_lost_either(visitor: Visitor) -> None:
    old = visitor.csrf
    visitor.post("/sign-in", {"token": visitor.token, "next": "/"})
    fields = {"csrf": old, "expression": "not cf.bot_management"}
    answer = visitor.send("POST", "/sessions/end-others", data=fields, headers=OURS)

    assert answer.status_code == 403
    assert "not from this session" in answer.text
    assert "not cf.bot_management</textarea>" in answer.text


def test_what_another_site_sent_is_not_shown(visitor: Visitor) -> None:
    status, page = _sent(visitor, **{"Sec-Fetch-Site": "cross-site"})

    assert status == 403
    assert "cf.bot_management" not in page


@pytest.mark.parametrize(
    "referer", ["", "http://[dashboard", "https://evil.example//evil.example/", "nothing"]
)
def test_the_page_to_come_back_to_is_ours(referer: str, visitor: Visitor) -> None:
    visitor.client.cookies.clear()
    answer = visitor.send("POST", "/sign-out", headers={"Referer": referer} if referer else {})

    assert answer.status_code == 401
    assert 'href="/sign-in?next=/"' in answer.text


def test_a_path_that_cannot_be_read_is_named(visitor: Visitor) -> None:
    from fastapi import Query

    def number(number: int = Query()) -> None:
        raise AssertionError(number)

    visitor.bench.dashboard.app.add_api_route("/number", number, response_model=None)

    assert "not valid: number." in visitor.get("/number?number=x", 400)


def test_scripts_hear_of_a_refusal_as_json(visitor: Visitor) -> None:
    answer = visitor.send(
        "POST", "/sign-out", headers={**JSON, "X-CSRF-Token": "wrong"}, content=json.dumps({})
    )

    assert answer.status_code == 403
    assert "not from this session" in answer.json()["error"]["message"]
