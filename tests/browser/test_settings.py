# SPDX-License-Identifier: Apache-2.0
"""Settings in a browser: names, zones, colours, and what a zone does by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from authz.services.zones import change_zone, get_zone
from tests.factories.browser import tab_to
from tests.factories.hostile import EFFECT, HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.factories.dashboard import Served


def test_the_account_is_renamed_by_the_keyboard(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    tab_to(page, "Name of the account")
    page.keyboard.press("Control+A")
    page.keyboard.type("Acme")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("The account is called Acme now.")


def test_a_zone_is_made_and_leads_to_its_overview(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    page.get_by_label("New zone").fill("example.com")
    page.get_by_role("button", name="Create zone").click()

    expect(page.get_by_role("status")).to_contain_text("The zone example.com is there.")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_role("heading", name="Protect your first path")).to_be_visible()


def test_what_a_new_zone_loses_is_told_before(page: Page, served: Served) -> None:
    change_zone(served.store, "default", default_action="block", actor="t", at=time.time())
    page.goto(f"{served.url}/settings")
    page.get_by_label("New zone").fill("example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("blocks what no rule decides")

    page.get_by_role("button", name="Create it all the same").click()

    expect(page.get_by_role("status")).to_contain_text("The zone example.com is there.")


def test_colours_are_chosen_and_stay(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    page.get_by_label("Dark").check()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    page.goto(f"{served.url}/zones/{served.zone_id}")

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.goto(f"{served.url}/settings")
    expect(page.get_by_label("Dark")).to_be_checked()
    page.get_by_role("button", name="Theme: dark").click()
    expect(page.get_by_label("As the system has them")).to_be_checked()
    page.get_by_label("Light").check()
    page.get_by_label("As the system has them").check()
    assert page.evaluate("localStorage.getItem('theme')") is None


def test_the_settings_of_a_zone_are_saved(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    page.get_by_role("link", name="Settings of default").click()
    tab_to(page, "Allow")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Block — ")).to_be_checked()
    page.get_by_label("Refuse").check()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("status")).to_contain_text("The settings of the zone are saved.")
    zone = get_zone(served.store, "default")
    assert (zone.default_action, zone.paths) == ("block", "refuse")


def test_sessions_are_ended_everywhere_after_a_question(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    page.get_by_role("main").get_by_role("button", name="Sign out everywhere").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()

    page.wait_for_url(lambda url: "/sign-in" in url)


def test_a_name_is_shown_as_text(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/settings")
    page.get_by_label("Name of the account").fill(HOSTILE)
    page.get_by_role("button", name="Rename").click()

    expect(page.get_by_role("status")).to_contain_text(HOSTILE)
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
