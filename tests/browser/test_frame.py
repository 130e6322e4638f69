# SPDX-License-Identifier: Apache-2.0
"""The frame of every page in a browser: sign in, sign out, colours, the menu of a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.factories.dashboard import Served


def test_signing_in_leads_to_the_page_that_was_wanted(visited: Page, served: Served) -> None:
    wanted = f"{served.url}/zones/{served.zone_id}"
    visited.goto(wanted)
    visited.get_by_label("API token").fill(served.token)
    visited.keyboard.press("Enter")

    visited.wait_for_url(wanted)
    expect(visited.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_wrong_token_is_told(visited: Page, served: Served) -> None:
    visited.goto(f"{served.url}/sign-in")
    visited.get_by_label("API token").fill("nobody's")
    visited.get_by_role("button", name="Sign in").click()

    expect(visited.get_by_role("alert")).to_contain_text("The token is not known")


def test_whoever_signs_out_is_out(page: Page, served: Served) -> None:
    page.locator("details.who summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in?signed-out=token")

    page.goto(f"{served.url}/zones/{served.zone_id}")

    assert "/sign-in?next=" in page.url


def test_colours_stay_as_they_were_chosen(page: Page) -> None:
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


def test_the_menu_of_a_phone_folds(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()

    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()


def test_the_form_is_accessible(visited: Page, served: Served) -> None:
    visited.goto(f"{served.url}/sign-in")

    found = Axe().run(visited).response["violations"]

    assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []
