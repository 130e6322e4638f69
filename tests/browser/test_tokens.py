# SPDX-License-Identifier: Apache-2.0
"""API tokens in a browser: made, copied, used, rolled, disabled, revoked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource
from authz.services.tokens import create_token
from tests.browser.conftest import sign_in
from tests.factories.browser import tab_to
from tests.factories.hostile import EFFECT, HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.factories.dashboard import Served

_LISTS = Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)
_TOKENS = Grant(resource=Resource.TOKENS, level=Level.WRITE, place=ACCOUNT_WIDE)


def _made(served: Served, name: str = "other") -> tuple[str, str]:
    """A token: its identifier and its value."""
    made = create_token(served.store, name, [_LISTS], actor="t", at=time.time())
    return made.token.id, made.secret


def _status(served: Served, secret: str) -> int:
    """What the API answers to whoever has this token."""
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"{served.url}/client/v4/user/tokens/verify"
    return httpx.get(url, headers=headers).status_code


def test_a_token_is_made_by_the_keyboard_copied_and_valid(
    page: Page, served: Served, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{served.url}/tokens")
    tab_to(page, "Create token")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new")
    tab_to(page, "Name")
    page.keyboard.type("pipeline")
    tab_to(page, "Deploy rules")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Zone WAF")).to_have_value("fb6778dc191143babbfaa57993f1d275")
    expect(page.get_by_label("Name", exact=True)).to_have_value("pipeline")
    tab_to(page, "Create token")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Copy it now")).to_be_visible()
    tab_to(page, "Copy token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copy token")).to_have_text("Copied")
    secret = page.evaluate("navigator.clipboard.readText()")
    assert secret == page.locator("[data-secret]").text_content()
    assert _status(served, secret) == 200
    page.get_by_role("link", name="I have copied it").click()
    assert secret not in page.content()


def test_the_form_asks_for_what_is_still_to_be_chosen(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/tokens/new")
    day = page.get_by_label("Last day (UTC)")
    expect(day).to_be_hidden()
    page.get_by_label("For", exact=True).select_option("date")
    expect(day).to_be_visible()
    zone = page.get_by_label("default", exact=True)
    expect(zone).to_be_hidden()
    page.get_by_label("Only these:").check()
    expect(zone).to_be_visible()

    page.get_by_label("Name", exact=True).fill("until a day")
    page.get_by_label("Zone WAF").select_option(label="Zone WAF Read")
    zone.check()
    day.fill("2099-12-31")
    page.get_by_role("button", name="Create token").click()
    page.get_by_role("link", name="I have copied it").click()

    expect(page.get_by_text("The zone default")).to_be_visible()
    expect(page.get_by_text("2100-01-01 00:00 UTC")).to_be_visible()


def test_a_token_is_rolled_after_a_question(page: Page, served: Served) -> None:
    token_id, before = _made(served)
    page.goto(f"{served.url}/tokens/{token_id}")
    page.get_by_role("button", name="Roll").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll").click()

    after = page.locator("[data-secret]").text_content()
    assert after is not None
    assert (_status(served, before), _status(served, after)) == (401, 200)


def test_a_token_is_disabled_enabled_and_revoked(page: Page, served: Served) -> None:
    token_id, secret = _made(served)
    page.goto(f"{served.url}/tokens/{token_id}")
    page.get_by_role("button", name="Disable").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("disabled", exact=True)).to_be_visible()
    assert _status(served, secret) == 401
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_text("active", exact=True)).to_be_visible()
    assert _status(served, secret) == 200

    page.get_by_role("link", name="Revoke").click()
    expect(page.get_by_role("heading", name="Revoke this token?")).to_be_visible()
    page.get_by_role("button", name="Revoke token").click()

    expect(page.get_by_role("status")).to_contain_text("The token other is revoked.")
    assert _status(served, secret) == 401


def test_whoever_may_little_is_offered_little(visited: Page, served: Served) -> None:
    made = create_token(served.store, "manager", [_LISTS, _TOKENS], actor="t", at=time.time())
    sign_in(visited, served, made.secret)
    visited.goto(f"{served.url}/tokens/new")

    expect(visited.get_by_label("Account Rule Lists")).to_be_visible()
    expect(visited.get_by_label("Zone WAF")).to_have_count(0)
    expect(visited.get_by_role("button", name="Everything")).to_have_count(0)


def test_a_name_is_shown_as_text(page: Page, served: Served) -> None:
    token_id, _ = _made(served, HOSTILE)
    for path in ("", f"/{token_id}", f"/{token_id}/edit", f"/{token_id}/revoke"):
        page.goto(f"{served.url}/tokens{path}")
        assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
    page.goto(f"{served.url}/tokens/{token_id}")
    page.get_by_role("button", name="Roll").click()

    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
