# SPDX-License-Identifier: Apache-2.0
"""The dashboard in the distribution's Chromium, over a real server on loopback.

    def test_it(page, served): page.goto(served.url + f"/zones/{served.zone_id}/rules")

`page` is signed in; what the browser says on its console and what it fails to load is an error of
the test. Without Chromium these tests are skipped, and where AUTHZ_REQUIRE names it they fail.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from authz.store.engine import open_store
from tests.conftest import required
from tests.factories.dashboard import serving_pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

    from tests.factories.dashboard import Served

#: Nothing but the pages under test is loaded: no look-ups of anybody's at the start.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TIMEOUT_MS = 15_000


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
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        if required("chromium"):
            pytest.fail("there is no chromium: install the distribution's package")
        pytest.skip("there is no chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new store, to copy: making its tables takes a while."""
    directory = tmp_path_factory.mktemp("empty-store")
    open_store("sqlite", directory).close()
    return directory / "authz.db"


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
    made.set_default_timeout(TIMEOUT_MS)
    yield made
    made.close()


@pytest.fixture
def visited(context: BrowserContext) -> Iterator[Page]:
    """A page of somebody who is not signed in; what goes wrong in the browser fails the test."""
    page = context.new_page()
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # A status that a test asks for is logged by the browser itself.
        if message.type == "error" and "the server responded with a status" not in message.text:
            wrong.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    assert not wrong, wrong


@pytest.fixture
def page(visited: Page, served: Served) -> Page:
    """A page of somebody who may do everything."""
    sign_in(visited, served)
    return visited


def sign_in(page: Page, served: Served, token: str | None = None) -> Any:
    """Sign in by the form."""
    page.goto(f"{served.url}/sign-in")
    page.get_by_label("API token").fill(token or served.token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
