# SPDX-License-Identifier: Apache-2.0
"""The dashboard in the distribution's Chromium, over a real server on loopback.

    def test_it(page, served): page.goto(served.url + f"/zones/{served.zone_id}/rules")

`page` is signed in; what the browser says on its console and what it fails to load is an error of
the test (tests.factories.browser).
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest

from authz.store.engine import open_store
from tests.factories import browser
from tests.factories.dashboard import serving_pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.factories.dashboard import Served


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser; every test has a context of its own in it.

    It ends with these tests: while Playwright runs, its event loop is the thread's, and tests of
    other packages could have none of their own.
    """
    with browser.chromium() as running:
        yield running


@pytest.fixture
def served(tmp_path: Path, empty_store: Path) -> Iterator[Served]:
    """A dashboard over a new store."""
    shutil.copy(empty_store, tmp_path)
    with (
        contextlib.closing(open_store("sqlite", tmp_path, create=False)) as store,
        serving_pages(store) as running,
    ):
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used yet."""
    made = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield made
    made.close()


@pytest.fixture
def visited(context: BrowserContext) -> Iterator[Page]:
    """A page of somebody who is not signed in; what goes wrong in the browser fails the test."""
    with browser.watched(context) as page:
        yield page


@pytest.fixture
def page(visited: Page, served: Served) -> Page:
    """A page of somebody who may do everything."""
    sign_in(visited, served)
    return visited


def sign_in(page: Page, served: Served, token: str | None = None) -> None:
    """Sign in by the form."""
    browser.sign_in(page, served.url, token or served.token)
