# SPDX-License-Identifier: Apache-2.0
"""Every link of every page leads somewhere, and every form that is offered may be sent.

Pages are followed from the first one, over a store that has something of everything, until no
link leads to another; so every page is either come to, or named here with why it is not.
"""

from __future__ import annotations

import re
from collections import deque
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from authz.dashboard.csrf import SAFE
from tests.factories.dashboard import BASE, visiting
from tests.factories.dashboard_routes import READING_POSTS, routes
from tests.factories.every_page import page_routes
from tests.factories.furnished import furnish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tests.factories.dashboard import Visitor

#: Pages that no link leads to in this store, each with why.
NOT_LINKED: Final[Mapping[str, str]] = {
    "/authorities/{uploaded_id}/delete": "it is in use",
    "/sign-in/oidc": "there is no provider",
    "/sign-in/oidc/callback": "the provider leads to it",
    "/zones/{zone_id}/authorities/{authority_id}/delete": "it is in use",
    "/zones/{zone_id}/authorities/{authority_id}/retire": "it was never rotated",
    "/zones/{zone_id}/authorities/{authority_id}/retire-root": "its root was never rotated",
    "/zones/{zone_id}/expression": "to try expressions: no menu names it",
    "/zones/{zone_id}/rules/versions/compare": "a form leads to it",
    "/rules/versions/compare": "a form leads to it",
}


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
        furnish(one.bench.store)
        yield one


def followed(visitor: Visitor) -> dict[str, Page]:
    """Every page that can be come to, by its path; of its queries, the first that is linked."""
    found: dict[str, Page] = {}
    waiting = deque(["/sessions", "/"])
    while waiting:
        place = waiting.popleft()
        path = place.partition("?")[0]
        if path in found:
            continue
        answer = visitor.send("GET", place)
        assert answer.status_code in {200, 303}, f"{place}: {answer.status_code} {answer.text}"
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        found[path] = Page(answer.text if is_page else "")
        links = [*found[path].links, answer.headers.get("location", "")]
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


def reached(paths: Iterable[str]) -> set[str]:
    """The routes that answer these paths: of those that fit a path, the first, as the dashboard."""
    reading = [route for method, route in routes() if method == "GET"]
    return {next(one.path for one in reading if one.path_regex.match(path)) for path in paths}


def test_every_link_leads_somewhere_and_every_form_is_taken(visitor: Visitor) -> None:
    taken = patterns(lambda method, _: method not in SAFE)
    pages = followed(visitor)

    assert set(page_routes()) - reached(pages) == set(NOT_LINKED)
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

    assert len(pages) > 150
    for place, page in pages.items():
        for action in page.posts:
            assert any(one.fullmatch(urlsplit(action).path) for one in may), f"{place}: {action}"
