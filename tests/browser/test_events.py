# SPDX-License-Identifier: Apache-2.0
"""Events in a browser: filtered, looked into, as they happen, and opened to their explanation."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from authz.observability.activity import Counted
from authz.services.activity import Tally, keep_activity
from authz.services.rulesets import replace_rules
from tests.factories.events import blocked, with_request
from tests.factories.hostile import EFFECT, hostile_texts

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.factories.dashboard import Served

SITE = "default (other hosts)"
RULE = {
    "ref": "protect",
    "description": "Keep out of /admin",
    "expression": 'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/admin"',
    "action": "block",
}


def _keep(served: Served, *events: dict[str, Any]) -> None:
    """Keep events of a moment ago, with their requests, and the counts of their checks."""
    at = time.time() - 5
    made = [blocked(**{"at": at, "site": SITE, **changes}) for changes in events]
    counts = [
        Counted(
            minute=int(at) // 60 * 60,
            site=SITE,
            verdict=one.verdict,
            reason=one.reason,
            action=one.action,
            rule=one.rule,
            checks=1,
        )
        for one in made
    ]
    recorded = [with_request(one, host="api.example.com", sni=None) for one in made]
    keep_activity(served.store, {}, recorded, tally=Tally(at=at, checks=counts))


def _open(page: Page, served: Served, query: str = "") -> None:
    page.goto(f"{served.url}/zones/{served.zone_id}/events{query}")


def _nothing_ran(page: Page) -> None:
    """Of the texts that would be scripts, none was one of the page that is open now."""
    assert page.evaluate(f"typeof window.{EFFECT}") == "undefined"


def _rows(page: Page) -> Locator:
    return page.locator("table.events tbody tr")


def _live(page: Page, served: Served, query: str = "") -> None:
    """The page, once events arrive on it."""
    _open(page, served, query)
    with page.expect_response(re.compile("/events/tail")):
        page.get_by_role("button", name="Live").click()


def test_a_filter_is_set_seen_and_taken_off(page: Page, served: Served) -> None:
    _keep(served, {"id": "a", "path": "/admin"}, {"id": "b", "path": "/admin/x"}, {"id": "c"})
    _open(page, served)
    expect(_rows(page)).to_have_count(3)

    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Path", exact=True).fill("/admin*")
    page.get_by_role("button", name="Show").click()

    expect(_rows(page)).to_have_count(2)
    expect(page.get_by_text("estimated", exact=True)).to_be_visible()
    page.get_by_role("link", name="Remove the filter Path /admin*").click()
    expect(_rows(page)).to_have_count(3)


def test_an_exact_time_is_asked_for(page: Page, served: Served) -> None:
    _keep(served, {"id": "a"})
    _open(page, served)

    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Exactly").check()
    page.get_by_label("From", exact=True).fill("2026-01-01T10:00")
    page.get_by_label("until", exact=True).fill("2026-01-01T11:00")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_text("No events in this time.")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("2026-01-01 10:00"))).to_be_visible()


def test_a_value_that_was_blocked_most_leads_to_its_events(page: Page, served: Served) -> None:
    _keep(served, {"id": "a", "path": "/admin"}, {"id": "b", "path": "/admin"}, {"id": "c"})
    _open(page, served)

    page.get_by_role("region", name="Paths").get_by_role("link", name="/admin").click()

    expect(_rows(page)).to_have_count(2)


def test_the_chart_is_looked_into_by_keys(page: Page, served: Served) -> None:
    _keep(served, {"id": "a"}, {"id": "b"}, {"id": "c", "verdict": "allow"})
    _open(page, served, "?span=1h")
    chart = page.get_by_role("slider", name=re.compile("Requests over time"))

    chart.focus()
    page.keyboard.press("End")
    texts = [chart.get_attribute("aria-valuetext")]
    page.keyboard.press("ArrowLeft")
    texts.append(chart.get_attribute("aria-valuetext"))

    # It is in the last minute, or was before another one began.
    assert any("Blocked 2, Allowed 1" in str(text) for text in texts), texts
    if "Blocked 2" in str(texts[0]):
        page.keyboard.press("ArrowRight")
    tip = page.locator(".chart-tip")
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("Blocked2")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("span=exact"))
    expect(_rows(page)).to_have_count(3)


def test_the_chart_has_a_tooltip_and_a_table(page: Page, served: Served) -> None:
    _keep(served, {"id": "a"})
    _open(page, served, "?span=6h")
    plot = page.locator(".chart-plot")
    box = plot.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    expect(page.locator(".chart-tip")).to_be_visible()
    page.mouse.move(box["x"], box["y"] - 60)
    expect(page.locator(".chart-tip")).to_be_hidden()

    page.get_by_text("As a table").click()
    table = page.locator("#over-table")
    expect(table.locator("tbody tr")).to_have_count(72)
    table.get_by_role("link").last.click()
    page.wait_for_url(re.compile("span=exact"))


def test_events_arrive_while_somebody_looks(page: Page, served: Served) -> None:
    _keep(served, {"id": "a", "path": "/before"})
    _live(page, served)

    _keep(served, {"id": "b", "path": "/after", "fingerprint": "ab" * 32, "presented": True})

    expect(_rows(page)).to_have_count(2)
    first = _rows(page).first
    expect(first).to_contain_text("/after")
    expect(first).to_contain_text("Blocked")
    expect(first.get_by_role("link", name="abababababab…")).to_have_attribute(
        "href", f"/zones/{served.zone_id}/events?certificate={'ab' * 32}"
    )
    expect(page.get_by_role("status")).to_contain_text("Live: 1 new event.", timeout=8_000)
    serious = {"serious", "critical"}
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in serious] == []
    first.get_by_role("link").first.click()
    page.wait_for_url(re.compile("/events/b$"))


def test_only_events_of_the_filter_arrive(page: Page, served: Served) -> None:
    _live(page, served, "?path=/mine")

    _keep(served, {"id": "a", "path": "/theirs"}, {"id": "b", "path": "/mine"})

    expect(_rows(page)).to_have_count(1)
    expect(_rows(page)).to_contain_text("/mine")
    expect(page.get_by_text("No events like this")).to_have_count(0)


def test_a_pause_is_one_and_what_came_meanwhile_comes_then(page: Page, served: Served) -> None:
    _live(page, served)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))

    _keep(served, {"id": "a"})
    page.evaluate("new Promise((done) => setTimeout(done, 2500))")
    assert not [url for url in asked if "/events/tail" in url]
    page.get_by_role("button", name="Resume").click()

    expect(_rows(page)).to_have_count(1)


def test_a_page_that_nobody_sees_asks_for_nothing(page: Page, served: Served) -> None:
    _live(page, served)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    expect(page.get_by_text("Paused while the page is hidden.")).to_be_attached()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    _keep(served, {"id": "a"})
    page.evaluate("new Promise((done) => setTimeout(done, 2500))")
    assert not [url for url in asked if "/events/tail" in url]

    page.evaluate(hide, False)

    expect(_rows(page)).to_have_count(1)


# An answer whose head is there at once, and its body when the request is ended.
SLOW_BODY = """
  const ask = window.fetch;
  window.ended = 0;
  window.fetch = async (url, options) => {
    const answer = await ask(url, options);
    if (!String(url).includes("/events/tail") || window.ended > 0) {
      return answer;
    }
    const body = new ReadableStream({
      start(controller) {
        options.signal.addEventListener("abort", () => {
          window.ended += 1;
          controller.error(options.signal.reason);
        });
        window.reading = true;
      },
    });
    return new Response(body, { status: 200 });
  };
"""


def test_an_answer_that_is_no_longer_wanted_is_dropped_half_way(page: Page, served: Served) -> None:
    page.add_init_script(SLOW_BODY)
    _live(page, served)
    page.wait_for_function("window.reading")

    page.get_by_role("button", name="Pause").click()
    page.wait_for_function("window.ended === 1")
    _keep(served, {"id": "a"})
    page.get_by_role("button", name="Resume").click()

    expect(_rows(page)).to_have_count(1)


def test_an_answer_that_is_cut_off_is_asked_for_again(page: Page, served: Served) -> None:
    page.route("**/events/tail*", lambda route: route.fulfill(status=200, body='{"events": ['))
    _live(page, served)

    expect(page.get_by_role("status")).to_contain_text("The server does not answer.")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_session_that_is_over_ends_it(page: Page, served: Served) -> None:
    _live(page, served)
    page.context.clear_cookies()

    expect(page.get_by_role("status")).to_contain_text("Your session is over.")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_so_many_rows_are_kept(page: Page, served: Served) -> None:
    _keep(served, *({"id": f"old-{number}"} for number in range(45)))
    _live(page, served)
    for part in range(3):
        _keep(served, *({"id": f"new-{part}-{number}"} for number in range(80)))
        expect(_rows(page).first.get_by_role("link").first).to_have_attribute(
            "href", f"/zones/{served.zone_id}/events/new-{part}-79"
        )

    expect(_rows(page)).to_have_count(200)


def test_live_leads_from_older_events_to_the_first_page(page: Page, served: Served) -> None:
    _keep(served, *({"id": f"e{number}"} for number in range(45)))
    _open(page, served)
    page.get_by_role("link", name="Next").click()
    page.wait_for_url(re.compile("before="))

    with page.expect_response(re.compile("/events/tail")):
        page.get_by_role("button", name="Live").click()

    expect(_rows(page)).to_have_count(40)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_an_event_opens_to_its_explanation(page: Page, served: Served) -> None:
    replace_rules(served.store, "default", [RULE], actor="t", at=1.0)
    _keep(served, {"id": "one", "path": "/admin"})
    _open(page, served)

    _rows(page).first.get_by_role("link").first.click()

    expect(page.get_by_role("heading", name="Blocked")).to_be_visible()
    why = page.get_by_role("region", name="Why", exact=True)
    expect(why.get_by_text("matches, and decides")).to_be_visible()
    expect(why.get_by_text('(it is "/admin")')).to_be_visible()
    expect(why.get_by_text("No certificate was presented.")).to_be_visible()
    page.get_by_role("link", name="Try it in the simulator").click()
    expect(page.locator("[name=path]")).to_have_value("/admin")


@pytest.mark.parametrize("part", range(3))
def test_texts_of_clients_are_text_when_they_arrive_too(
    page: Page, served: Served, part: int
) -> None:
    texts = hostile_texts(90)[part * 30 : part * 30 + 30]
    events = [
        {
            "id": f"e{number}",
            "path": f"/{text}",
            "host": text,
            "rule": text,
            "detail": text,
            "client_ip": text,
            "logged": (text,),
        }
        for number, text in enumerate(texts)
    ]
    _live(page, served)
    _keep(served, *events)
    expect(_rows(page)).to_have_count(len(texts))
    _nothing_ran(page)
    arrived = _rows(page).all_inner_texts()
    page.reload(wait_until="networkidle")
    loaded = _rows(page).all_inner_texts()

    _nothing_ran(page)
    assert [" ".join(one.split()) for one in arrived] == [" ".join(one.split()) for one in loaded]
    for number in range(0, len(texts), 10):
        page.goto(f"{served.url}/zones/{served.zone_id}/events/e{number}")
        _nothing_ran(page)


def test_the_traffic_of_the_overview_can_be_looked_into(page: Page, served: Served) -> None:
    _keep(served, {"id": "a"}, {"id": "b"})
    page.goto(f"{served.url}/zones/{served.zone_id}")

    page.get_by_role("slider", name=re.compile("Requests of the last 24 hours")).focus()
    page.keyboard.press("End")

    expect(page.locator(".chart-tip")).to_be_visible()
    page.get_by_role("link", name="All events").last.click()
    expect(_rows(page)).to_have_count(2)


def test_an_event_leads_to_forms_that_are_filled_in(page: Page, served: Served) -> None:
    served.world.protect("api.example.com")
    alice = served.world.issue("alice").certificate
    _keep(
        served,
        {
            "id": "one",
            "path": "/orders",
            "fingerprint": alice.fingerprint_sha256,
            "presented": True,
            "verified": True,
        },
    )
    event = f"{served.url}/zones/{served.zone_id}/events/one"
    page.goto(event)
    page.get_by_role("link", name="Require a certificate here").click()
    expect(page.get_by_label("URI Path")).to_have_value("/orders")

    page.goto(event)
    page.get_by_role("link", name="Make a rule from this").click()
    expect(page.locator("[name=expression]")).to_have_value(re.compile('http.host eq "api.examp'))

    page.goto(event)
    page.get_by_role("link", name="alice").click()
    expect(page.get_by_role("heading", name="alice")).to_be_visible()


def test_who_is_away_for_long_is_not_kept_signed_in(page: Page, served: Served) -> None:
    page.clock.install()
    _live(page, served)

    page.clock.fast_forward("16:00")

    expect(page.get_by_role("status")).to_contain_text("nobody has touched the page")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
