# SPDX-License-Identifier: Apache-2.0
"""The audit log in a browser: filtered, paged through, an entry opened and told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from authz.services.accounts import rename_account
from authz.services.zones import change_zone
from tests.factories.browser import tab_to
from tests.factories.hostile import EFFECT, HOSTILE, hostile_texts
from tests.factories.page_lists import make_list

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.factories.dashboard import Served


def test_entries_are_filtered_and_one_is_opened_by_the_keyboard(page: Page, served: Served) -> None:
    make_list(served.store)
    change_zone(served.store, "default", paths="refuse", actor="eve", at=time.time())
    page.goto(f"{served.url}/audit")
    expect(page.get_by_role("link", name="list.create")).to_be_visible()
    tab_to(page, "Who")
    page.keyboard.type("eve")
    page.keyboard.press("Enter")
    page.wait_for_url("**actor=eve**")
    expect(page.get_by_role("row")).to_have_count(2)

    tab_to(page, "zone.change")
    page.keyboard.press("Enter")

    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="paths"))
    expect(row.get_by_role("deletion")).to_have_text("compare")
    expect(row.get_by_role("insertion")).to_have_text("refuse")
    expect(row).to_contain_text("changed")


def test_what_stayed_is_shown_when_asked_for(page: Page, served: Served) -> None:
    change_zone(served.store, "default", paths="refuse", actor="eve", at=time.time())
    page.goto(f"{served.url}/audit?actor=eve")
    page.get_by_role("link", name="zone.change").click()
    name = page.get_by_role("rowheader", name="default_action")
    expect(name).to_be_hidden()
    page.get_by_text("stayed the same").click()

    expect(name).to_be_visible()


def test_the_log_is_paged_through(page: Page, served: Served) -> None:
    for number in range(60):
        rename_account(served.store, f"name {number}", actor="bob", at=time.time())
    page.goto(f"{served.url}/audit?actor=bob")
    expect(page.get_by_text("name 59")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("name 0", exact=True)).to_be_visible()
    page.get_by_role("link", name="Previous").click()

    expect(page.get_by_text("name 59")).to_be_visible()


def test_times_are_chosen_in_utc(page: Page, served: Served) -> None:
    rename_account(served.store, "then", actor="bob", at=time.time() - 10 * 86_400)
    page.goto(f"{served.url}/audit")
    page.get_by_label("To (UTC)").fill(time.strftime("%Y-%m-%dT00:00", time.gmtime()))
    page.get_by_role("button", name="Filter").click()

    expect(page.get_by_text("then", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="sign in")).to_have_count(0)


def test_whatever_was_written_is_shown_as_text(page: Page, served: Served) -> None:
    for text in [HOSTILE, *hostile_texts(40)]:
        rename_account(
            served.store, text.encode("unicode_escape").decode(), actor=text, at=time.time()
        )
    page.goto(f"{served.url}/audit")
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    page.get_by_role("row").filter(has_text=HOSTILE).get_by_role("link").first.click()

    expect(page.get_by_role("insertion").first).to_be_visible()
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
