# SPDX-License-Identifier: Apache-2.0
"""What every route keeps to, those made later too: who is asked, by whose page, and readers.

A route that is posted to and writes nothing is named in READING_POSTS; everything else that is not
a GET is refused to whoever may only read, before it is looked at what it would change.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from authz.dashboard.csrf import SAFE
from tests.factories.dashboard import visiting
from tests.factories.dashboard_routes import OPEN, READING_POSTS, routes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.factories.dashboard import Visitor

ALL = [(method, route.path) for method, route in routes() if (method, route.path) not in OPEN]
UNSAFE = [one for one in ALL if one[0] not in SAFE]
PAGES = [path for method, path in ALL if method == "GET"]

#: For parameters of a path that are no zone's: nothing is there of this name.
NOTHING = "f" * 32

OURS = {"Sec-Fetch-Site": "same-origin", "Origin": "http://dashboard"}


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Visitor]:
    """Somebody who may do everything; one for all of these tests, which change nothing."""
    with visiting(tmp_path_factory.mktemp("routes"), empty_store) as one:
        yield one


@pytest.fixture(scope="module")
def reader(visitor: Visitor) -> Visitor:
    """Somebody who may only read."""
    return visitor.as_reader()


def filled(path: str) -> str:
    """A path with its parameters; the zone's is there, nothing else is."""
    return re.sub(r"\{(?!zone\})[^}]*\}", NOTHING, path.replace("{zone_id}", "{zone}"))


def send(visitor: Visitor, method: str, path: str, csrf: str, **headers: str) -> int:
    answer = visitor.send(method, filled(path), data={"csrf": csrf}, headers=headers)
    return answer.status_code


def test_there_is_something_to_look_at() -> None:
    assert ("POST", "/sign-out") in UNSAFE
    assert "/zones/{zone_id}" in PAGES


@pytest.mark.parametrize(("method", "path"), ALL)
def test_nobody_is_refused(method: str, path: str, visitor: Visitor) -> None:
    place = visitor.bench.path(filled(path))
    more = {"data": {"csrf": "x"}} if method == "POST" else {}
    answer = visitor.bench.run(visitor.bench.client().request(method, place, **more))
    if method in SAFE:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/")
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), UNSAFE)
def test_no_other_site_changes_anything(method: str, path: str, visitor: Visitor) -> None:
    assert send(visitor, method, path, "") == 403
    assert send(visitor, method, path, "0" * 64, **OURS) == 403
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        assert send(visitor, method, path, visitor.csrf, **headers) == 403
    visitor.get("/sessions")


@pytest.mark.parametrize(
    ("method", "path"), [one for one in UNSAFE if not READING_POSTS.fullmatch(one[1])]
)
def test_whoever_may_only_read_changes_nothing(method: str, path: str, reader: Visitor) -> None:
    assert send(reader, method, path, reader.csrf, **OURS) == 403
    told = reader.send(
        method,
        filled(path),
        json={},
        headers={"X-CSRF-Token": reader.csrf, "Accept": "application/json"},
    )
    assert told.status_code == 403


class _Forms(HTMLParser):
    """Where the forms of a page post to, and what its buttons would."""

    def __init__(self) -> None:
        super().__init__()
        self.actions: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and (given.get("method") or "").lower() == "post":
            self.actions.append(given.get("action") or "")
        if tag in {"button", "input"} and given.get("formaction"):
            self.actions.append(str(given["formaction"]))


def _posts() -> Iterator[re.Pattern[str]]:
    """What readers may post to, as patterns of paths."""
    for _, path in UNSAFE:
        if READING_POSTS.fullmatch(path):
            yield re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)))


@pytest.mark.parametrize("path", PAGES)
def test_whoever_may_only_read_sees_every_page_and_no_form_that_writes(
    path: str, reader: Visitor
) -> None:
    answer = reader.send("GET", filled(path))

    # Without its parameters a page may have nothing to show; they are signed in whatever it is.
    assert answer.status_code in {200, 303, 400, 403, 404}
    assert "/sign-in" not in answer.headers.get("location", "")
    if answer.status_code == 403:
        # A page that only leads to a change is not for readers: it must not be in the menu.
        assert f'href="{reader.bench.path(filled(path))}"' not in reader.get("/sessions")
        return
    if answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"):
        assert "Read only" in answer.text
        forms = _Forms()
        forms.feed(answer.text)
        for action in forms.actions:
            assert any(one.fullmatch(action.partition("?")[0]) for one in _posts()), action


def test_whoever_may_change_things_is_not_said_to_be_a_reader(visitor: Visitor) -> None:
    assert "Read only" not in visitor.get("/sessions")


@pytest.mark.parametrize(("method", "path"), [one for one in ALL if "{" in one[1]])
def test_no_path_breaks_a_page(method: str, path: str, visitor: Visitor) -> None:
    for odd in ("%00", "%FF", "..%2F..", "a" * 300, "%F0%9F%92%A9"):
        place = re.sub(r"\{[^}]*\}", odd, path)
        more: dict[str, Any] = {"data": {"csrf": visitor.csrf}} if method == "POST" else {}
        assert visitor.send(method, place, **more).status_code < 500, odd
