# SPDX-License-Identifier: Apache-2.0
"""Sessions in a browser: listed, ended, over; and somebody who may only read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from authz.services.permissions import READING
from authz.services.tokens import create_token, revoke_token
from tests.browser.conftest import sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.factories.dashboard import Served


def test_another_browser_is_signed_out_from_here(
    page: Page, served: Served, chromium: Browser
) -> None:
    elsewhere = chromium.new_context()
    other = elsewhere.new_page()
    sign_in(other, served)
    page.locator("details.who summary").click()
    page.get_by_role("link", name="Sessions").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("This one")
    expect(rows.first).to_contain_text("Chrome on Linux")

    rows.nth(1).get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("status")).to_have_text("Chrome on Linux is signed out.")
    expect(rows).to_have_count(1)
    other.reload()
    assert "/sign-in?next=" in other.url
    elsewhere.close()


def test_every_other_browser_after_a_question(
    page: Page, served: Served, chromium: Browser
) -> None:
    elsewhere = chromium.new_context()
    sign_in(elsewhere.new_page(), served)
    page.goto(f"{served.url}/sessions")
    page.get_by_role("button", name="Sign out everywhere else").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("status")).to_contain_text("signed out everywhere else")
    expect(page.locator("tbody tr")).to_have_count(1)
    elsewhere.close()


def test_whose_token_is_revoked_hears_it_and_loses_nothing(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/sessions")
    with served.store.read() as session:
        token = session.tokens.all()[0].id
    revoke_token(served.store, token, actor="test", at=time.time())
    # As a page of ours has it: something that somebody wrote, and a form.
    page.evaluate(
        """() => {
            const text = document.createElement("textarea");
            text.name = "expression";
            text.value = "not cf.tls_client_auth.cert_verified";
            document.querySelector('form[action="/sign-out"]').append(text);
        }"""
    )
    menu = page.locator("details.who")
    menu.locator("summary").click()
    menu.get_by_role("button", name="Sign out", exact=True).click()

    expect(page.get_by_text("The token was revoked")).to_be_visible()
    expect(page.get_by_label("expression")).to_have_value("not cf.tls_client_auth.cert_verified")
    link = page.get_by_role("link", name="Sign in in a new tab")
    expect(link).to_have_attribute("href", "/sign-in?next=/sessions")


def test_whoever_may_only_read_sees_that(visited: Page, served: Served) -> None:
    made = create_token(served.store, "auditor", READING, actor="test", at=time.time())
    sign_in(visited, served, made.secret)

    expect(visited.get_by_text("Read only", exact=True)).to_be_visible()
    expect(visited.get_by_role("heading", name="Overview")).to_be_visible()


def test_pages_of_signing_in_are_for_everybody(visited: Page, served: Served) -> None:
    """axe: nothing that keeps somebody out."""
    visited.goto(f"{served.url}/sign-in")
    found = [Axe().run(visited)]
    visited.goto(f"{served.url}/nowhere/at/all")
    found.append(Axe().run(visited))
    sign_in(visited, served)
    visited.goto(f"{served.url}/sessions")
    for width in (1280, 390):
        visited.set_viewport_size({"width": width, "height": 800})
        found.append(Axe().run(visited))
    for result in found:
        assert result.violations_count == 0, result.generate_report()
