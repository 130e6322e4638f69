# SPDX-License-Identifier: Apache-2.0
"""The first steps in a browser: what is done is seen, and the first request is waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import yaml
from playwright.sync_api import expect

from authz.services.activity import keep_activity
from tests.factories.browser import tab_to
from tests.factories.events import blocked
from tests.factories.hostile import EFFECT, HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.factories.dashboard import Served


def _start(served: Served) -> str:
    return f"{served.url}/zones/{served.zone_id}/start"


def _open_envoy(page: Page) -> None:
    page.locator("#envoy > details > summary").click()


def _heard(served: Served, **changes: str) -> None:
    keep_activity(served.store, {}, [blocked(at=time.time(), site="default", **changes)])


def test_the_overview_leads_to_the_steps_by_the_keyboard(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/zones/{served.zone_id}")
    expect(page.get_by_role("heading", name="Protect your first path")).to_be_visible()
    page.locator("main").focus()
    tab_to(page, "Get started")
    page.keyboard.press("Enter")
    page.wait_for_url("**/start")
    tab_to(page, "Create the CA")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("The certificate authority")
    expect(page.locator("#ca").get_by_text("done", exact=True)).to_be_visible()
    expect(page.get_by_text("1 of 5 done")).to_be_visible()


def test_steps_are_seen_done_after_a_reload_in_any_order(page: Page, served: Served) -> None:
    page.goto(_start(served))
    served.world.protect()
    page.reload()
    for name in ("ca", "host", "rule"):
        expect(page.locator(f"#{name}").get_by_text("done", exact=True)).to_be_visible()
    expect(page.locator("#certificate").get_by_text("to do")).to_be_visible()
    served.world.issue()
    page.reload()

    expect(page.locator("#certificate").get_by_text("done", exact=True)).to_be_visible()


def test_the_first_request_is_told_while_somebody_looks(page: Page, served: Served) -> None:
    served.world.protect()
    page.goto(_start(served))
    place = page.locator("[data-arrived]")
    expect(place).to_contain_text("Waiting for the first request.")
    expect(place).to_have_attribute("aria-live", "polite")

    _heard(served, path=f"/admin?{HOSTILE}", rule="protect")

    expect(place).to_contain_text("The first request has arrived.")
    expect(place).to_contain_text("was blocked by the rule protect")
    expect(place).to_contain_text(HOSTILE)
    expect(page.locator("#envoy .badge").first).to_have_text("done")
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"


def test_envoys_configuration_is_written_copied_and_downloaded(
    page: Page, served: Served, context: BrowserContext
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(_start(served))
    _open_envoy(page)
    page.get_by_label("Envoy listens on").fill("0.0.0.0:443")
    page.get_by_role("button", name="Write the configuration").click()
    page.wait_for_url("**listen=0.0.0.0**")
    expect(page.get_by_label("Envoy listens on")).to_have_value("0.0.0.0:443")

    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download envoy.yaml").click()
    config = yaml.safe_load(waiting.value.path().read_text())
    listener = config["static_resources"]["listeners"][0]
    assert listener["address"]["socket_address"]["port_value"] == 443

    page.get_by_text("Envoy asks this service about every request.").last.click()
    page.get_by_role("button", name="Copy the piece for http_filters").click()
    copied = yaml.safe_load(page.evaluate("navigator.clipboard.readText()"))
    assert copied[0]["name"] == "envoy.filters.http.ext_authz"

    page.get_by_text("The whole file, with these pieces marked").click()
    expect(page.locator("mark").first).to_be_visible()


def test_what_is_wrong_with_an_address_is_told(page: Page, served: Served) -> None:
    page.goto(_start(served))
    _open_envoy(page)
    page.get_by_label("Your application is at").fill(HOSTILE)
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("Upstream:")
    expect(page.get_by_label("Your application is at")).to_have_value(HOSTILE)
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"
