# SPDX-License-Identifier: Apache-2.0
"""The distribution's Chromium, without a window: started, watched, signed in.

Without Chromium a test is skipped, and where AUTHZ_REQUIRE names it, fails.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

from tests.conftest import absent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

#: Nothing but the pages under test is loaded: no look-ups of anybody's at the start.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: How long a page may take for what a test waits for.
TIMEOUT_MS: Final = 15_000


def find_chromium() -> str | None:
    """Where it is, None when it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; whoever wants to be somebody else takes a context of its own."""
    binary = find_chromium()
    if binary is None:
        absent("chromium", "there is no chromium: install the distribution's package")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def watched(context: BrowserContext) -> Iterator[Page]:
    """A page; what goes wrong in it fails the test."""
    context.set_default_timeout(TIMEOUT_MS)
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


def sign_in(page: Page, url: str, token: str) -> None:
    """Sign in by the form."""
    page.goto(f"{url}/sign-in")
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda now: "/sign-in" not in now)


#: What a control says of itself: its label, else what is in it.
_SAID: Final = (
    "() => { const e = document.activeElement;"
    " return (e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent"
    " ?? e.textContent ?? '').trim(); }"
)


def tab_to(page: Page, name: str) -> None:
    """Go on by the Tab key alone, to the control whose name begins so."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(_SAID).startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached by the keyboard")
