# SPDX-License-Identifier: Apache-2.0
"""Rules in a browser: from "Create a mTLS rule" to Deploy, and everything around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from authz.services.hosts import add_host
from authz.services.rule_drafts import list_drafts
from tests.browser.conftest import sign_in
from tests.factories.hostile import EFFECT, hostile_texts
from tests.factories.recorded_checks import record_checks
from tests.factories.rulesets import in_force, put_rules, rule, zone_scope

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.factories.dashboard import Served

SAFE = (
    "((not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) and "
    'http.request.uri.path in {"/admin"})'
)


def _open(page: Page, served: Served, path: str = "") -> None:
    page.goto(f"{served.url}/zones/{served.zone_id}/rules{path}")


def _nothing_ran(page: Page) -> None:
    """Of the texts that would be scripts, none was one of the page that is open now."""
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"


def _refs(served: Served) -> list[str]:
    return [one["ref"] for one in in_force(served.store).rules]


def _row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def _menu(page: Page, name: str, choice: str) -> None:
    row = _row(page, name)
    row.locator("summary").click()
    row.get_by_role("button", name=choice).or_(row.get_by_role("link", name=choice)).click()


def test_the_story_of_cloudflare_s_page(page: Page, served: Served) -> None:
    served.world.ca()
    add_host(served.store, "api.example.com", authority="Acme", actor="t", at=1.0)
    _open(page, served)
    page.get_by_role("main").get_by_role("link", name="Create a mTLS rule").click()

    preview = page.locator("#preview-text")
    page.get_by_label("URI Path, value").fill("/admin")
    expect(preview).to_have_text(SAFE)
    expect(page.locator("#advice")).to_contain_text("What is below /admin stays open")
    page.get_by_role("button", name="Add api.example.com").click()
    expect(preview).to_contain_text('http.host in {"api.example.com"}')
    page.get_by_label("Choose action").select_option("Block")
    page.get_by_role("button", name="Deploy", exact=True).click()

    expect(page.get_by_role("status").first).to_contain_text("is deployed")
    row = _row(page, "Block requests without a valid client certificate")
    expect(row).to_contain_text("Block")
    (kept,) = in_force(served.store).rules
    assert kept["expression"] == SAFE[:-1] + ' and http.host in {"api.example.com"})'


def test_the_preview_follows_every_choice(page: Page, served: Served) -> None:
    served.world.ca("Acme Devices")
    alice = served.world.issue("alice").certificate
    _open(page, served, "/mtls")
    preview = page.locator("#preview-text")
    page.get_by_label("URI Path, value").fill("/admin")

    page.get_by_label("valid, revoked or not").check()
    expect(preview).to_have_text(
        '(not cf.tls_client_auth.cert_verified and http.request.uri.path in {"/admin"})'
    )
    page.get_by_label("one of chosen certificates").check()
    expect(page.locator("#preview-problem")).to_contain_text("No certificate is chosen")
    page.get_by_label("alice").check()
    expect(preview).to_contain_text(f'cert_fingerprint_sha256 eq "{alice.fingerprint_sha256}"')
    page.get_by_label("issued by chosen CAs").check()
    expect(page.get_by_label("alice")).to_be_hidden()
    page.get_by_label("Acme Devices").check()
    expect(preview).to_contain_text("cert_issuer_ski eq")
    page.get_by_label("URI Path, value").fill("admin")
    expect(page.locator("#preview-problem")).to_contain_text("is no path to protect")
    expect(preview).to_have_text("…")

    page.get_by_label("URI Path, value").fill("/admin")
    expect(preview).to_contain_text("cert_issuer_ski eq")
    page.get_by_role("button", name="Edit expression").click()
    expect(page.get_by_role("heading", name="Create rule")).to_be_visible()
    assert "cert_issuer_ski" in page.locator('textarea[name="expression"]').input_value()


def test_a_name_has_more_room_than_the_ref(page: Page, served: Served) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    _open(page, served, "/new")

    boxes = [page.get_by_label(one).bounding_box() for one in ("Rule name", "Ref")]
    name, ref = (one or {} for one in boxes)
    assert name["y"] == ref["y"]
    assert 1.8 < name["width"] / ref["width"] < 2.2


def test_an_empty_path_is_told_at_the_path(page: Page, served: Served) -> None:
    _open(page, served, "/mtls")
    page.get_by_role("button", name="Deploy", exact=True).click()

    expect(page.locator("#paths-wrong")).to_contain_text("No path is named")
    expect(page.get_by_label("URI Path, value")).to_have_attribute("aria-invalid", "true")
    assert _refs(served) == []
    page.get_by_label("Rule name").fill("Mine")
    expect(page.locator("#preview-problem")).to_contain_text("/* is every path")


def test_the_builder_and_the_form_are_one_rule(page: Page, served: Served) -> None:
    put_rules(served.store, rule("a", expression=SAFE))
    before = in_force(served.store)
    _open(page, served)
    page.get_by_role("link", name="a", exact=True).click()
    expect(page.locator("[data-builder]")).to_contain_text("Expression Preview")

    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("is deployed")
    assert in_force(served.store) == before

    page.get_by_role("link", name="a", exact=True).click()
    page.get_by_label("Rule name").fill("Admins only")
    page.get_by_label("Custom response").check()
    page.get_by_label("Status").fill("401")
    page.get_by_label("Body", exact=True).fill("no <b>certificate</b>")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("link", name="Admins only")).to_be_visible()
    (kept,) = in_force(served.store).rules
    assert kept["action_parameters"]["response"] == {
        "status_code": 401,
        "content_type": "text/plain",
        "content": "no <b>certificate</b>",
    }


def test_fields_are_those_of_the_action(page: Page, served: Served) -> None:
    _open(page, served, "/new")
    expect(page.get_by_label("Custom response")).to_be_visible()
    expect(page.get_by_label("Body", exact=True)).to_be_hidden()

    page.get_by_label("Custom response").check()
    expect(page.get_by_label("Body", exact=True)).to_be_visible()
    page.locator("#action").select_option("skip")
    expect(page.get_by_label("Custom response")).to_be_hidden()
    expect(page.get_by_label("All remaining custom rules")).to_be_visible()
    expect(page.get_by_role("button", name="Log first")).to_be_hidden()


def test_rules_are_reordered_by_dragging(page: Page, served: Served) -> None:
    put_rules(served.store, rule("a"), rule("b"), rule("c"))
    _open(page, served)
    handle = page.get_by_role("button", name="Move a", exact=True)
    target = _row(page, "c").bounding_box()
    start = handle.bounding_box()
    assert target is not None
    assert start is not None

    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    for part in (0.4, 0.8, 1.0):
        bottom = target["y"] + target["height"] - 3
        page.mouse.move(start["x"] + 5, start["y"] + (bottom - start["y"]) * part)
    page.mouse.up()

    expect(page.locator("#said")).to_have_text("a is rule 3 now.")
    assert _refs(served) == ["b", "c", "a"]
    # What the page shows is what is in force: the next change goes through.
    page.get_by_role("switch", name="a enabled").click()
    expect(page.get_by_role("status").first).to_contain_text("a is disabled")
    assert in_force(served.store).rules[2]["enabled"] is False


def test_rules_are_reordered_with_the_keyboard(page: Page, served: Served) -> None:
    put_rules(served.store, rule("a"), rule("b"), rule("c"))
    _open(page, served)
    said = page.locator("#said")
    handle = page.get_by_role("button", name="Move c", exact=True)

    handle.focus()
    page.keyboard.press("Space")
    expect(handle).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowUp")
    expect(said).to_have_text("Place 2.")
    page.keyboard.press("Escape")
    expect(said).to_have_text("c is where it was.")
    assert _refs(served) == ["a", "b", "c"]

    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(said).to_contain_text("no further place")
    page.keyboard.press("Space")
    expect(said).to_have_text("c is rule 1 now.")
    assert _refs(served) == ["c", "a", "b"]
    expect(page.locator(".place-number")).to_have_text(["1", "2", "3"])


def test_dragging_rules_that_others_changed_changes_nothing(page: Page, served: Served) -> None:
    put_rules(served.store, rule("a"), rule("b"))
    _open(page, served)
    put_rules(served.store, rule("a"), rule("b"), rule("theirs"))

    page.get_by_role("button", name="Move b", exact=True).focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("somebody changed them")
    assert _refs(served) == ["a", "b", "theirs"]
    alert.get_by_role("link", name="Show the rules as they are now").click()
    expect(page.get_by_role("link", name="theirs", exact=True)).to_be_visible()


def test_the_menu_of_a_rule(page: Page, served: Served) -> None:
    put_rules(served.store, rule("a", description="Rule A"), rule("b"))
    _open(page, served)

    _menu(page, "b", "Move up")
    expect(page.get_by_role("status").first).to_contain_text("b is rule 1 now")
    assert _refs(served) == ["b", "a"]
    _menu(page, "Rule A", "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete “Rule A”?")
    dialog.get_by_role("button", name="Cancel").click()
    assert _refs(served) == ["b", "a"]
    page.keyboard.press("Escape")
    _menu(page, "Rule A", "Duplicate")
    expect(page.get_by_label("Rule name")).to_have_value("Copy of Rule A")
    page.go_back()
    _menu(page, "Rule A", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").first).to_contain_text("Rule A is deleted")
    assert _refs(served) == ["b"]
    _menu(page, "b", "Test")
    expect(page).to_have_url(re.compile(r"/simulator\?rule=[0-9a-f]{32}"))
    expect(page.locator('textarea[name="expression"]')).to_have_value('http.host eq "b.example"')


def test_a_draft_is_saved_replayed_deployed_and_another_one_discarded(
    page: Page, served: Served
) -> None:
    record_checks(served.store, ["/admin", "/"])
    for name in ("First", "Second"):
        _open(page, served, "/mtls")
        page.get_by_label("Rule name").fill(name)
        page.get_by_label("URI Path, value").fill("/admin")
        page.get_by_role("button", name="Save as draft").click()
        expect(page.get_by_role("status").first).to_contain_text("Nothing else has changed")
    assert _refs(served) == []

    page.get_by_role("link", name="First", exact=True).click()
    page.get_by_role("button", name="Replay").click()
    panel = page.get_by_role("region", name="Replay")
    expect(panel).to_contain_text("1 would be blocked that is allowed today")
    expect(panel).not_to_contain_text("Nothing is deployed yet")
    panel.get_by_role("button", name="Deploy now").click()
    expect(page.get_by_role("status").first).to_contain_text("First is deployed")
    drafts = page.get_by_role("listitem").filter(has_text="Second")
    expect(drafts).to_contain_text("rules have changed since")
    drafts.get_by_role("button", name="Discard").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status").first).to_contain_text("The draft is discarded")
    assert list_drafts(served.store, zone_scope(served.store)) == []


def test_deploy_shows_the_replay_first(page: Page, served: Served) -> None:
    record_checks(served.store, ["/admin", "/"])
    _open(page, served, "/mtls")
    page.get_by_label("URI Path, value").fill("/admin")
    page.get_by_role("button", name="Deploy", exact=True).click()

    panel = page.get_by_role("region", name="Replay")
    expect(panel).to_contain_text("Nothing is deployed yet")
    expect(panel).to_be_focused()
    # One button is the one to go on with, and what is counted is told in words of normal size.
    expect(page.locator("button.primary")).to_have_text(["Deploy now"])
    words = panel.get_by_text("would be blocked that is allowed today")
    expect(words).to_have_css("font-weight", "400")
    assert words.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") <= 16
    assert _refs(served) == []
    page.get_by_role("button", name="Deploy now").click()
    expect(page.get_by_role("status").first).to_contain_text("is deployed")
    assert _refs(served) == ["mtls-admin"]


def test_a_rule_logs_first_and_then_blocks(page: Page, served: Served) -> None:
    _open(page, served, "/mtls")
    page.get_by_label("URI Path, value").fill("/admin")
    page.get_by_role("button", name="Deploy with action Log first").click()

    expect(page.get_by_role("heading", name="This rule logs what it would block")).to_be_visible()
    assert in_force(served.store).rules[0]["action"] == "log"
    _open(page, served)
    expect(page.get_by_text("logs before it blocks")).to_be_visible()
    page.get_by_role("button", name="block now").click()
    expect(page.get_by_role("status").first).to_contain_text("blocks now")
    assert in_force(served.store).rules[0]["action"] == "block"


def test_two_people_change_one_rule(page: Page, served: Served) -> None:
    (a,) = put_rules(served.store, rule("a", description="Old")).rules
    _open(page, served, f"/{a['id']}")
    page.get_by_label("Rule name").fill("Mine")
    put_rules(served.store, rule("a", description="Theirs", enabled=False))

    page.get_by_role("button", name="Deploy", exact=True).click()
    conflict = page.get_by_role("alert").filter(has_text="Somebody else deployed meanwhile")
    expect(conflict).to_be_focused()
    for text in ("Old", "Theirs", "Mine", "disabled"):
        expect(conflict).to_contain_text(text)
    assert in_force(served.store).rules[0]["description"] == "Theirs"
    page.get_by_role("button", name="Deploy on top of version 2").click()
    expect(page.get_by_role("link", name="Mine", exact=True)).to_be_visible()
    (kept,) = in_force(served.store).rules
    assert (kept["description"], kept["enabled"]) == ("Mine", False)


def test_versions_are_compared_and_rolled_back(page: Page, served: Served) -> None:
    put_rules(served.store, rule("a"), rule("b"))
    put_rules(served.store, rule("a", expression='http.host eq "x.example"'))
    _open(page, served)
    page.get_by_role("link", name="Versions").click()

    page.get_by_role("button", name="Compare the two chosen").click()
    expect(page.get_by_role("heading", name="From version 1 to version 2")).to_be_visible()
    expect(page.locator("del")).to_contain_text('"a.example"')
    expect(page.locator("ins")).to_contain_text('"x.example"')
    page.get_by_role("link", name="Versions", exact=True).click()
    page.get_by_role("button", name="Roll back to version 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("status").first).to_contain_text("in force again, as version 3")
    assert _refs(served) == ["a", "b"]


def test_it_works_without_scripts(chromium: Browser, served: Served) -> None:
    put_rules(served.store, rule("a"), rule("b"))
    context = chromium.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        sign_in(page, served)
        _open(page, served)
        _menu(page, "b", "Move up")
        assert _refs(served) == ["b", "a"]
        page.goto(f"{served.url}/zones/{served.zone_id}/rules/mtls")
        page.get_by_label("URI Path, value").fill("/admin")
        page.get_by_role("button", name="Update the preview").click()
        expect(page.locator("#preview-text")).to_have_text(SAFE)
        page.get_by_role("button", name="Deploy", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("is deployed")
        assert _refs(served) == ["b", "a", "mtls-admin"]
        page.get_by_role("link", name="b", exact=True).click()
        page.locator('textarea[name="expression"]').fill('http.hots eq "x"')
        page.get_by_role("button", name="Deploy", exact=True).click()
        expect(page.locator("#expression-place")).to_contain_text("^^^^^^^^^")
    finally:
        context.close()


@pytest.mark.parametrize("seed", range(2))
def test_texts_that_would_be_scripts_are_text(page: Page, served: Served, seed: int) -> None:
    texts = hostile_texts(200)[seed * 12 : seed * 12 + 12]
    rules = [
        rule(
            f"r{number}",
            description=text,
            action_parameters={
                "response": {"status_code": 403, "content_type": "text/html", "content": text}
            },
        )
        for number, text in enumerate(texts)
    ]
    put_rules(served.store, *rules)
    kept = put_rules(
        served.store, *(one | {"description": f"{one['description']} "} for one in rules)
    )

    _open(page, served)
    _nothing_ran(page)
    for number, text in enumerate(texts):
        link = page.locator(f"tr:nth-child({number + 1}) .rule-name")
        assert link.text_content() == f"{text} "
        one = kept.rules[number]
        page.goto(f"{served.url}/zones/{served.zone_id}/rules/{one['id']}")
        _nothing_ran(page)
        assert page.locator("#content").input_value() == text
        assert page.locator("#description").input_value().strip() == text.strip()
        _open(page, served)
        _nothing_ran(page)
    _open(page, served, "/versions")
    _nothing_ran(page)
    for path in ("/versions/1", "/versions/compare"):
        _open(page, served, path)
        _nothing_ran(page)
        assert texts[0] in (page.locator("main").text_content() or "")
