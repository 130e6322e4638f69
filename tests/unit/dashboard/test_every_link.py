# SPDX-License-Identifier: Apache-2.0
"""Every link of every page leads somewhere, and every form that is offered may be sent.

Pages are followed from the first one, over a store that has something of everything.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from authz.dashboard.csrf import SAFE
from tests.factories.dashboard import BASE, visiting
from tests.factories.dashboard_routes import READING_POSTS, routes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.factories.dashboard import Visitor

#: Pages that are followed: of lists, the first ones show what all of them do.
MOST_PAGES = 150


class Page(HTMLParser):
    """Where a page leads, and what its forms would do."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.posts: list[str] = []
        self._action = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "form":
            self._action = given.get("action", "")
            # Where its buttons say where, the form itself need not.
            if given.get("method", "").lower() == "post" and self._action:
                self.posts.append(self._action)
        if given.get("formaction"):
            self.posts.append(given["formaction"])


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Visitor]:
    """Somebody who may do everything, of a store with something in it."""
    with visiting(tmp_path_factory.mktemp("links"), empty_store) as one:
        world = one.bench.world
        world.protect()
        world.issue("alice")
        world.revoke(world.issue("bob"))
        yield one


def followed(visitor: Visitor) -> dict[str, Page]:
    """Every page that can be come to, by its path."""
    found: dict[str, Page] = {}
    waiting = ["/sessions", "/"]
    while waiting and len(found) < MOST_PAGES:
        place = waiting.pop()
        if place in found:
            continue
        answer = visitor.send("GET", place)
        assert answer.status_code in {200, 303}, f"{place}: {answer.status_code} {answer.text}"
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        found[place] = Page(answer.text if is_page else "")
        links = [*found[place].links, answer.headers.get("location", "")]
        for link in links:
            target = urlsplit(urldefrag(urljoin(f"{BASE}{place}", link)).url)
            if target.netloc == urlsplit(BASE).netloc:
                waiting.append(target.path + (f"?{target.query}" if target.query else ""))
    return found


def patterns(methods_of: Any) -> list[re.Pattern[str]]:
    """Paths of routes as patterns."""
    return [
        re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(route.path)))
        for method, route in routes()
        if methods_of(method, route.path)
    ]


def test_every_link_leads_somewhere_and_every_form_is_taken(visitor: Visitor) -> None:
    taken = patterns(lambda method, _: method not in SAFE)
    pages = followed(visitor)

    assert len(pages) > 5
    for place, page in pages.items():
        for action in page.posts:
            path = urlsplit(action).path
            assert any(one.fullmatch(path) for one in taken), f"{place}: {action}"


def test_whoever_may_only_read_is_offered_nothing_else(visitor: Visitor) -> None:
    reader = visitor.as_reader()
    may = patterns(
        lambda method, path: method not in SAFE and READING_POSTS.fullmatch(path) is not None
    )
    pages = followed(reader)

    assert len(pages) > 5
    for place, page in pages.items():
        for action in page.posts:
            assert any(one.fullmatch(urlsplit(action).path) for one in may), f"{place}: {action}"
