# SPDX-License-Identifier: Apache-2.0
"""Where somebody is signed in, and how they sign out here, there and everywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.factories.dashboard import Visitor

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"


def again(visitor: Visitor, agent: str = FIREFOX) -> Visitor:
    """The same person with another browser."""
    other = object.__new__(type(visitor))
    other.bench, other.token = visitor.bench, visitor.token
    other.client = visitor.bench.client()
    fields = {"token": other.token, "next": "/"}
    headers = {"User-Agent": agent}
    assert other.send("POST", "/sign-in", data=fields, headers=headers).status_code == 303
    return other


def ids(page: str) -> list[str]:
    return re.findall(r'action="/sessions/([0-9a-f]{32})/end"', page)


def text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_the_own_sessions_are_listed_this_one_first(visitor: Visitor) -> None:
    again(visitor)
    visitor.as_reader()
    visitor.bench.now += 300
    page = visitor.get("/sessions")

    assert len(ids(page)) == 2, "those of other tokens are not theirs"
    first, second = re.findall(r"<tr>\s*<td>.*?</tr>", page, re.DOTALL)
    assert "This one" in text(first)
    assert "just now" in text(first)
    assert "Firefox on Linux" in text(second)
    assert "5 minutes ago" in text(second)
    assert "in 25 minutes" in text(second)
    assert f'title="{FIREFOX}"' in second


def test_what_a_browser_says_of_itself_is_text(visitor: Visitor) -> None:
    again(visitor, '"><img src=x onerror=alert(1)>')

    page = visitor.get("/sessions")
    assert "<img src=x" not in page
    assert "&#34;&gt;&lt;img src=x onerror=alert(1)&gt;" in page


def test_sessions_that_are_over_are_not_listed(visitor: Visitor) -> None:
    idle = visitor.bench.options.times.idle
    again(visitor)
    visitor.bench.now += idle - 1
    visitor.get("/sessions")
    visitor.bench.now += 1

    assert len(ids(visitor.get("/sessions"))) == 1


def test_one_of_them_is_ended(visitor: Visitor) -> None:
    other = again(visitor)
    mine, theirs = ids(visitor.get("/sessions"))

    answer = visitor.post(f"/sessions/{theirs}/end")

    assert answer.headers["location"] == "/sessions"
    page = visitor.get("/sessions")
    assert "Firefox on Linux is signed out." in page
    assert ids(page) == [mine]
    other.get("/sessions", 303)
    assert "Your session has ended" in other.get("/sign-in")
    visitor.post(f"/sessions/{theirs}/end", status=404)


def test_this_one_is_ended_as_by_signing_out(visitor: Visitor) -> None:
    (mine,) = ids(visitor.get("/sessions"))

    answer = visitor.post(f"/sessions/{mine}/end")

    assert answer.headers["location"] == "/sign-in?signed-out=token"
    visitor.get("/sessions", 303)


def test_sessions_of_others_are_not_there_to_end(visitor: Visitor) -> None:
    reader = visitor.as_reader()
    (theirs,) = ids(reader.get("/sessions"))

    for one in (theirs, "0" * 32, "x", "%00"):
        visitor.post(f"/sessions/{one}/end", status=404)
    reader.get("/sessions")


def test_every_other_session_ends_and_this_one_goes_on(visitor: Visitor) -> None:
    others = [again(visitor), again(visitor)]
    visitor.post("/sessions/end-others")

    assert "signed out everywhere else" in visitor.get("/sessions")
    for one in others:
        one.get("/sessions", 303)
    visitor.post("/sessions/end-others")
    assert "No other session was there." in visitor.get("/sessions")


def test_who_signs_out_everywhere_is_out_here_too(visitor: Visitor) -> None:
    other = again(visitor)
    answer = visitor.post("/sign-out-everywhere")

    assert answer.headers["location"] == "/sign-in?signed-out=token"
    assert 'authz-session=""; HttpOnly; Max-Age=0' in answer.headers["set-cookie"]
    visitor.get("/sessions", 303)
    other.get("/sessions", 303)


def test_who_signs_out_is_told_and_stays_out(visitor: Visitor) -> None:
    kept = str(visitor.client.cookies["authz-session"])
    other = again(visitor)
    answer = visitor.post("/sign-out")

    assert "You are signed out." in visitor.get(answer.headers["location"])
    visitor.client.cookies.set("authz-session", kept)
    visitor.get("/sessions", 303)
    other.get("/sessions")


def test_signing_out_is_in_the_audit_log(visitor: Visitor) -> None:
    visitor.post("/sign-out")
    with visitor.bench.store.read() as session:
        row = session.audit.latest(most=1)[0]

    assert (row.action, row.object_type) == ("sign out", "session")


@pytest.mark.parametrize("path", ["/sign-out", "/sign-out-everywhere", "/sessions/end-others"])
def test_no_other_site_signs_anybody_out(path: str, visitor: Visitor) -> None:
    assert visitor.send("POST", path).status_code == 403
    visitor.get("/sessions")
