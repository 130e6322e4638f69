# SPDX-License-Identifier: Apache-2.0
"""The simulator in a browser: paste, choose, decide, read why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from authz.services.hosts import add_host
from authz.services.rule_deployment import Wanted
from authz.services.rule_drafts import save_draft
from authz.services.rulesets import replace_rules
from tests.browser.conftest import sign_in
from tests.factories.rulesets import rule, seen, zone_scope

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from authz.services.issuance import Issued
    from tests.factories.dashboard import Served

_RULES = [
    {
        "ref": "watch",
        "description": "Watch command lines",
        "expression": 'http.user_agent contains "curl"',
        "action": "log",
    },
    {
        "ref": "protect",
        "description": "Protect the admin pages",
        "expression": "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked)"
        ' and starts_with(http.request.uri.path, "/admin")',
        "action": "block",
    },
]
_COMMAND = "curl 'https://api.example.com/admin/users' -H 'accept: text/html' --cert c.pem"


@pytest.fixture
def alice(served: Served) -> Issued:
    """A certificate of a zone that protects its admin pages."""
    world = served.world
    world.ca()
    add_host(world.store, "api.example.com", authority="Acme", protect=None, actor="t", at=1.0)
    replace_rules(world.store, "default", _RULES, actor="t", at=1.0)
    return world.issue("alice")


def _open(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/zones/{served.zone_id}/simulator")


def _simulate(page: Page) -> None:
    page.get_by_role("button", name="Simulate", exact=True).click()


@pytest.mark.usefixtures("alice")
def test_a_pasted_command_is_decided_and_explained(page: Page, served: Served) -> None:
    _open(page, served)
    page.get_by_label("A curl command").fill(_COMMAND)
    page.get_by_role("button", name="Fill in the form from this").click()

    expect(page.get_by_role("status")).to_contain_text("The curl command was taken over")
    expect(page.get_by_label("Path and query")).to_have_value("/admin/users")
    _simulate(page)

    result = page.get_by_role("region", name="Result")
    expect(result).to_be_focused()
    expect(result.get_by_role("heading", name="Blocked 403")).to_be_visible()
    expect(result).to_contain_text("The rule “Protect the admin pages” blocks it.")
    expect(result).to_contain_text("Logged byWatch command lines")
    decides = result.locator("li.decides")
    expect(decides.get_by_text('starts_with(http.request.uri.path, "/admin")').last).to_be_visible()
    expect(decides.get_by_text("not cf.tls_client_auth.cert_verified", exact=True)).to_be_visible()


def test_a_certificate_is_chosen_and_lets_the_request_pass(
    page: Page, served: Served, alice: Issued
) -> None:
    _open(page, served)
    page.get_by_label("Host", exact=True).fill("api.example.com")
    page.get_by_label("Path and query").fill("/admin")
    expect(page.get_by_label("Certificate", exact=True)).to_be_hidden()
    page.get_by_label("One that was issued here").check()
    page.get_by_label("Certificate", exact=True).select_option(alice.certificate.id)

    page.get_by_label("Path and query").press("Control+Enter")

    expect(page.get_by_role("heading", name="Allowed")).to_be_visible()
    expect(page.get_by_text("verified, of Acme").first).to_be_visible()
    # What was chosen is still chosen.
    expect(page.get_by_label("Certificate", exact=True)).to_have_value(alice.certificate.id)
    page.get_by_text("Fields that the rules saw").click()
    row = page.get_by_role("row", name=re.compile("cert_fingerprint_sha256"))
    expect(row.get_by_role("button", name="Copy value")).to_be_visible()


@pytest.mark.usefixtures("alice")
def test_an_expression_is_tried_and_its_error_shown(page: Page, served: Served) -> None:
    _open(page, served)
    page.get_by_label("Host", exact=True).fill("api.example.com")
    page.get_by_label("Try an expression").check()
    page.get_by_label("Expression", exact=True).fill('http.hots eq "a"')
    _simulate(page)

    expect(page.get_by_role("alert")).to_contain_text('Unknown field "http.hots"')
    page.get_by_label("Expression", exact=True).fill("ssl")
    page.get_by_label("Host", exact=True).press("Enter")

    expect(page.get_by_role("heading", name="Blocked 403")).to_be_visible()
    expect(page.get_by_text("By rules that are not deployed")).to_be_visible()


@pytest.mark.usefixtures("alice")
def test_a_saved_draft_is_tried_from_where_it_is_listed(page: Page, served: Served) -> None:
    wanted = Wanted(
        rule=rule("all", description="Everybody out", expression='http.host ne ""'),
        basis=seen(served.store),
    )
    save_draft(served.store, zone_scope(served.store), wanted, actor="me", at=1.0)
    page.goto(f"{served.url}/zones/{served.zone_id}/rules")
    page.get_by_role("link", name="Everybody out").click()
    page.get_by_role("link", name="Test in the simulator").click()

    expect(page.get_by_label("Those in force, with a draft")).to_be_checked()
    expect(page.get_by_label("Draft", exact=True).locator("option:checked")).to_have_text(
        "Everybody out · me"
    )
    page.get_by_label("Host", exact=True).fill("api.example.com")
    _simulate(page)
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("those in force with the draft Everybody out")
    expect(result).to_contain_text("The rule “Everybody out” blocks it.")

    page.get_by_label("Those in force", exact=True).check()
    expect(page.get_by_label("Draft", exact=True)).to_be_hidden()
    _simulate(page)
    expect(result).to_contain_text("By the rules in force.")


@pytest.mark.usefixtures("alice")
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("path", ["/admin", "/x/..;/admin"])
def test_the_result_is_accessible(page: Page, served: Served, colours: Any, path: str) -> None:
    page.emulate_media(color_scheme=colours)
    _open(page, served)
    page.get_by_label("Host", exact=True).fill("api.example.com")
    page.get_by_label("Path and query").fill(path)
    page.get_by_label("Try an expression").check()
    page.get_by_label("Expression", exact=True).fill('http.host eq "other"')
    _simulate(page)
    expect(page.get_by_role("region", name="Result")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    found = Axe().run(page).response["violations"]

    assert not [
        f"{one['id']}: {[node['html'] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.usefixtures("alice")
def test_the_result_fits_on_a_phone(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    _open(page, served)
    page.get_by_label("A curl command").fill(_COMMAND)
    _simulate(page)
    expect(page.get_by_role("region", name="Result")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.usefixtures("alice")
def test_it_works_without_scripts(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, served)
    _open(page, served)
    page.get_by_label("A curl command").fill(_COMMAND)
    _simulate(page)

    expect(page.get_by_role("heading", name="Blocked 403")).to_be_visible()
    context.close()
