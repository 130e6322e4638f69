# SPDX-License-Identifier: Apache-2.0
"""The pages of events: what is shown, who may see it, and events as they happen."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from authz.dashboard.event_views import AT_ONCE, PER_PAGE
from authz.dashboard.options import Options, Sampling
from authz.dashboard.spans import exact_fields
from authz.observability.activity import Counted
from authz.services.activity import Tally, forget_old, keep_activity
from authz.services.permissions import ACCOUNT_WIDE, EVERY_ZONE, Grant, Level, Resource
from authz.services.rulesets import replace_rules
from authz.services.zones import create_zone
from tests.factories.dashboard import visiting
from tests.factories.events import blocked
from tests.factories.hostile import hostile_texts, is_scripted, shown_in

if TYPE_CHECKING:
    from pathlib import Path

    from authz.observability.events import Event
    from tests.factories.dashboard import Visitor

PAGE = "/zones/{zone}/events"
SITE = "default (other hosts)"
PRINT = "ab" * 32


def _keep(visitor: Visitor, *events: dict[str, Any], checks: int = 0) -> list[Event]:
    """Keep events of a minute ago, and counts of so many blocked checks besides."""
    at = visitor.bench.now - 60
    made = [
        blocked(**{"id": f"event-{number}", "at": at, "site": SITE, **changes})
        for number, changes in enumerate(events)
    ]
    counts = [_counted(at, "deny", checks)] if checks else []
    keep_activity(visitor.bench.store, {}, made, tally=Tally(at=at, checks=counts))
    return made


def _counted(at: float, verdict: str, checks: int, **changes: Any) -> Counted:
    given = {
        "minute": int(at) // 60 * 60,
        "site": SITE,
        "verdict": verdict,
        "reason": "rule",
        "action": "block",
        "rule": "protect",
    }
    return Counted(checks=checks, **{**given, **changes})


def _count(visitor: Visitor, *counts: Counted) -> None:
    keep_activity(visitor.bench.store, {}, tally=Tally(at=visitor.bench.now, checks=counts))


def _text(page: str) -> str:
    """What a page says, with single blanks."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _paths(page: str) -> list[str]:
    """The paths of the events in the table."""
    body = page[page.index('<table class="events"') :]
    return re.findall(
        r'class="host">[^<]*</span><span>([^<]*)</span>', body[: body.index("</table")]
    )


def test_nothing_happened_yet(visitor: Visitor) -> None:
    page = _text(visitor.get(PAGE))

    assert "No events in this time." in page
    assert "Nothing has been counted yet: requests show up here" in page
    assert f'/zones/{visitor.bench.zone_id}/start#envoy">Get started</a>' in visitor.get(PAGE)
    assert "Requests over time" not in page
    assert "None blocked." not in page
    assert "Requests over time" in visitor.get(f"{PAGE}?rule=other")


def test_an_event_is_a_row(visitor: Visitor) -> None:
    _keep(
        visitor,
        {"path": "/admin", "fingerprint": PRINT, "presented": True, "failure": "expired"},
        {
            "verdict": "allow",
            "reason": "default_action",
            "action": "allow",
            "rule": "",
            "weight": 25,
            "logged": ("watch",),
        },
    )
    page = visitor.get(PAGE)
    text = _text(page)

    assert (
        "Blocked api.example.com /admin protect 192.0.2.1 abababababab… Not verified: expired"
        in (text)
    )
    assert "Allowed stands for 25 api.example.com / No rule matched Logged by watch" in text
    assert visitor.bench.path(f"{PAGE}/event-0") in page
    assert visitor.bench.path(f"{PAGE}?certificate={PRINT}") in page


def test_rules_and_certificates_are_called_what_people_call_them(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    alice = world.issue("alice").certificate
    rule = {"ref": "protect", "expression": "true", "action": "block", "description": "Keep out"}
    replace_rules(world.store, "default", [rule], actor="t", at=1.0)
    _keep(visitor, {"fingerprint": alice.fingerprint_sha256, "presented": True, "verified": True})

    page = visitor.get(f"{PAGE}?by=rule")

    assert "Keep out" in page
    assert visitor.bench.path(f"/zones/{{zone}}/client-certificates/{alice.id}") in page
    assert ">alice</a>" in page


def test_who_may_not_read_rules_or_certificates_is_not_told_of_them(visitor: Visitor) -> None:
    world = visitor.bench.world
    world.ca()
    alice = world.issue("alice").certificate
    rule = {"ref": "protect", "expression": "true", "action": "block", "description": "Keep out"}
    replace_rules(world.store, "default", [rule], actor="t", at=1.0)
    _keep(visitor, {"fingerprint": alice.fingerprint_sha256, "presented": True, "verified": True})
    one = visitor.with_grants(
        [Grant(resource=Resource.EVENTS, level=Level.READ, place=visitor.bench.zone_id)]
    )

    page = one.get(PAGE)

    assert "protect" in page
    assert "Keep out" not in page
    assert "client-certificates" not in page
    assert "alice" not in page
    one.get("/events", status=403)
    one.get("/events/tail?after=0", status=403)


def test_it_takes_the_permission(visitor: Visitor) -> None:
    other = visitor.with_grants(
        [Grant(resource=Resource.RULES, level=Level.READ, place=EVERY_ZONE)], "rules"
    )

    for path in (PAGE, f"{PAGE}/tail?after=0", f"{PAGE}/event-0"):
        assert "permission" in other.get(path, status=403)
    assert f'href="{visitor.bench.path(PAGE)}"' not in other.get("/zones/{zone}/simulator")


#: Queries, and the paths of the events that they find.
FOUND = {
    "verdict=deny": ["/c", "/b", "/a"],
    "verdict=allow": ["/d"],
    "action=block&reason=rule": ["/b", "/a"],
    "action=none": ["/c"],
    "reason=unknown_host": ["/c"],
    "rule=protect": ["/a"],
    "rule=watch": ["/d"],
    "host=B.Example.com:443": ["/b"],
    "path=/a": ["/a"],
    "path=/*": ["/d", "/c", "/b", "/a"],
    f"certificate={PRINT.upper()}": ["/b"],
    "site=api.example.com": ["/d"],
    "span=1h": ["/d", "/c", "/b", "/a"],
    "span=exact&since=2001-01-01T00:00&until=2001-01-02T00:00": [],
}


def test_filters(visitor: Visitor) -> None:
    # Its site is one of the zone's, then.
    visitor.bench.world.protect("api.example.com")
    _keep(
        visitor,
        {"path": "/a"},
        {"path": "/b", "rule": "other", "host": "b.example.com", "fingerprint": PRINT},
        {"path": "/c", "rule": "", "action": "", "reason": "unknown_host"},
        {
            "path": "/d",
            "verdict": "allow",
            "rule": "",
            "action": "allow",
            "reason": "default_action",
            "logged": ("watch",),
            "site": "api.example.com",
        },
    )
    for page in (PAGE, "/events"):
        found = {query: _paths(visitor.get(f"{page}?{query}")) for query in FOUND}
        assert found == FOUND


def test_a_query_that_means_nothing_is_told_and_the_rest_shown(visitor: Visitor) -> None:
    _keep(visitor, {"path": "/a"})

    page = visitor.get(f"{PAGE}?span=2y", status=400)

    assert "Time: there is no" in _text(page)
    assert _paths(page) == ["/a"]


#: What is odd, and how the page of a zone, that of the account and their script are answered.
ODD = {
    "before=x": (400, 400, 200),  # the script asks for what is newer
    "after=-1": (400, 400, 400),
    "by=moon": (400, 400, 400),
    "verdict=maybe": (400, 400, 400),
    "span=exact": (400, 400, 400),
    "span=exact&since=9999-99-99T00:00": (400, 400, 400),
    "path=%00": (200, 200, 200),
    "host=%ff%fe": (200, 200, 200),
    "rule=%ED%A0%80": (200, 200, 200),
    "certificate=%F0%9F%9A%9A": (200, 200, 200),
    "before=999999999999999999": (200, 200, 200),
    "span=exact&since=2026-01-01T00:00&until=2027-01-01T00:00": (200, 200, 200),
    "site=" + "x" * 3000: (200, 200, 200),
}


def test_whatever_is_asked_gets_an_answer(visitor: Visitor) -> None:
    _keep(visitor, {})

    pages = (f"{PAGE}?", "/events?", f"{PAGE}/tail?after=0&")
    for query, statuses in ODD.items():
        for page, status in zip(pages, statuses, strict=True):
            answer = visitor.send("GET", f"{page}{query}")
            assert answer.status_code == status, f"{page}{query}: {answer.text}"
            assert not is_scripted(answer.text)


def test_pages_lead_to_older_events_and_back(visitor: Visitor) -> None:
    count = 2 * PER_PAGE + 3
    _keep(visitor, *({"path": f"/{number}"} for number in range(count)))
    newest = [f"/{number}" for number in reversed(range(count))]

    first = visitor.get(PAGE)
    assert _paths(first) == newest[:PER_PAGE]
    second = visitor.get(f"{PAGE}{_link(first, 'next')}")
    assert _paths(second) == newest[PER_PAGE : 2 * PER_PAGE]
    third = visitor.get(f"{PAGE}{_link(second, 'next')}")
    assert _paths(third) == newest[2 * PER_PAGE :]
    assert 'rel="next"' not in third
    back = visitor.get(f"{PAGE}{_link(third, 'prev')}")
    assert _paths(back) == _paths(second)
    first_again = visitor.get(f"{PAGE}{_link(back, 'prev')}")
    assert _paths(first_again) == _paths(first)
    assert 'rel="prev"' not in first_again


def test_behind_the_last_event_is_a_way_back(visitor: Visitor) -> None:
    _keep(visitor, {"path": "/a"})

    page = visitor.get(f"{PAGE}?before=1")

    assert _paths(page) == []
    assert _paths(visitor.get(f"{PAGE}{_link(page, 'prev')}")) == ["/a"]


def _link(page: str, rel: str) -> str:
    found = re.search(rf'rel="{rel}" href="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1]).partition("#")[0]


def test_the_chart_is_of_exact_counts(visitor: Visitor) -> None:
    at = visitor.bench.now - 60
    _keep(visitor, {}, checks=1)
    _count(visitor, _counted(at, "allow", 1234, reason="default_action", action="allow", rule=""))

    page = visitor.get(PAGE)
    text = _text(page)

    assert "1 blocked 1,234 allowed exact counts" in text
    assert "Here are 0 of 1,234 allowed ones." in text
    assert "Every blocked request is an event" in text
    assert '<path id="over-1"' in page


@pytest.mark.parametrize(
    ("by", "labels"),
    [
        ("verdict", ["Blocked", "Allowed"]),
        ("action", ["Block", "Allow (no rule)"]),
        ("reason", ["Rule", "No rule matched"]),
        ("rule", ["No rule", "protect"]),
        ("host", ["Other hosts of default"]),
    ],
)
def test_the_chart_tells_apart_by(visitor: Visitor, by: str, labels: list[str]) -> None:
    at = visitor.bench.now - 60
    _count(
        visitor,
        _counted(at, "deny", 2),
        _counted(at, "allow", 5, reason="default_action", action="allow", rule=""),
    )
    page = visitor.get(f"{PAGE}?by={by}")
    legend = _text(page[page.index('class="legend"') : page.index('class="chart-table"')])

    assert all(label in legend for label in labels), legend


def test_a_filter_that_is_counted_is_one_of_the_chart(visitor: Visitor) -> None:
    at = visitor.bench.now - 60
    _count(visitor, _counted(at, "deny", 2), _counted(at, "deny", 5, rule="other"))

    assert "5 blocked 0 allowed exact counts" in _text(visitor.get(f"{PAGE}?rule=other"))
    assert "0 blocked 0 allowed exact counts" in _text(visitor.get(f"{PAGE}?verdict=allow"))


def test_what_is_not_counted_is_estimated_by_events_and_said_to_be(visitor: Visitor) -> None:
    _keep(
        visitor,
        {"host": "b.example.com"},
        {"host": "b.example.com", "verdict": "allow", "weight": 10},
        {},
        checks=500,
    )
    text = _text(visitor.get(f"{PAGE}?host=b.example.com"))

    assert "1 blocked 10 allowed estimated" in text
    assert "These numbers are estimated from the events that are kept" in text


def test_a_rule_that_logs_is_counted_by_its_events(visitor: Visitor) -> None:
    rule = {"ref": "watch", "expression": "true", "action": "log"}
    replace_rules(visitor.bench.store, "default", [rule], actor="t", at=1.0)
    _keep(visitor, {"verdict": "allow", "rule": "", "logged": ("watch",)}, checks=500)

    text = _text(visitor.get(f"{PAGE}?rule=watch"))

    assert "0 blocked 1 allowed estimated" in text


def test_blocks_without_an_event_are_told(visitor: Visitor) -> None:
    _keep(visitor, {}, checks=41)

    assert "40 blocked requests of this time have no event here" in _text(visitor.get(PAGE))


def test_counts_that_are_known_by_the_hour_are_said_to_be(visitor: Visitor) -> None:
    now = visitor.bench.now
    at = now - 2 * 86_400
    _count(visitor, _counted(at, "deny", 3))
    forget_old(visitor.bench.store, now)

    assert "known by the hour" not in _text(visitor.get(f"{PAGE}?span=30d"))
    fields = exact_fields(at - 7200, at + 7200)
    assert "known by the hour" in _text(visitor.get(f"{PAGE}?{urlencode(fields)}"))


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        (Sampling(), "of each client, and what was decided about it, one in 10 seconds"),
        (Sampling(seconds=0), "Allowed requests are no events"),
        (Sampling(every=1000), "Allowed requests are sampled, 1 in 1,000."),
        (Sampling(every=1), "Every allowed request is one, too."),
    ],
)
def test_how_allowed_requests_are_sampled(
    tmp_path: Path, empty_store: Path, sampling: Sampling, words: str
) -> None:
    with visiting(tmp_path, empty_store, Options(sampling=sampling)) as visitor:
        assert words in _text(visitor.get(PAGE))


def test_what_was_blocked_most_leads_to_its_events(visitor: Visitor) -> None:
    _keep(visitor, {"path": "/a"}, {"path": "/b"}, {"path": "/b", "fingerprint": PRINT})

    page = visitor.get(PAGE)

    assert '?span=24h&amp;path=%2Fb&amp;verdict=deny" title="/b">/b</a>' in page
    tops = _text(page[page.index('class="tops"') :])
    assert "Paths /b 2 blocked /a 1 blocked" in tops
    assert "Certificates abababababab… 1 blocked" in tops


def test_every_zone_on_the_accounts_page(visitor: Visitor) -> None:
    create_zone(visitor.bench.store, "example.com", actor="t", at=1.0)
    _keep(visitor, {"path": "/mine"}, {"path": "/theirs", "site": "a.example.com"})

    assert _paths(visitor.get(PAGE)) == ["/mine"]
    page = visitor.get("/events")
    assert _paths(page) == ["/theirs", "/mine"]
    assert 'class="zone">example.com<' in page
    assert 'href="/events/event-1"' in page
    visitor.get(f"{PAGE}/event-1", status=404)
    visitor.get("/events/event-1")


def test_events_that_came_since(visitor: Visitor) -> None:
    _keep(visitor, {"path": "/a"})
    page = visitor.get(PAGE)
    found = re.search(r'data-tail="([^"]*)" data-after="(\d+)" data-first="yes"', page)
    assert found is not None
    url, after = html.unescape(found[1]), int(found[2])

    nothing = visitor.send("GET", f"{url}&after={after}").json()
    assert nothing == {"events": [], "after": after, "skipped": False}
    _keep(visitor, {"id": "new", "path": "/b"})
    told = visitor.send("GET", f"{url}&after={after}").json()

    (row,) = told["events"]
    assert (row["path"], row["verdict_word"], row["verdict_kind"]) == ("/b", "Blocked", "bad")
    assert row["url"] == visitor.bench.path(f"{PAGE}/new")
    assert told["after"] == row["number"] > after


def test_of_too_many_that_came_since_the_latest_are_told(visitor: Visitor) -> None:
    _keep(visitor, *({"path": f"/{number}"} for number in range(AT_ONCE + 50)))

    told = visitor.send("GET", f"{PAGE}/tail?after=0").json()

    assert told["skipped"]
    assert len(told["events"]) == AT_ONCE
    assert told["events"][0]["path"] == f"/{AT_ONCE + 49}"
    assert told["after"] == told["events"][0]["number"]


def test_those_that_came_since_are_filtered_as_the_page_is(visitor: Visitor) -> None:
    _keep(visitor, {"path": "/a"}, {"path": "/b"})

    told = visitor.send("GET", f"{PAGE}/tail?after=0&path=/a").json()
    every = visitor.send("GET", "/events/tail?after=0&before=1").json()

    assert [one["path"] for one in told["events"]] == ["/a"]
    assert len(every["events"]) == 2


@pytest.mark.parametrize("after", ["", "x", "-1", str(2**63)])
def test_a_number_that_is_none_is_refused(visitor: Visitor, after: str) -> None:
    answer = visitor.send(
        "GET", f"{PAGE}/tail?after={after}", headers={"Accept": "application/json"}
    )

    assert answer.status_code == 400
    assert "after" in answer.json()["error"]["message"]


def test_a_time_that_is_over_has_nothing_live(visitor: Visitor) -> None:
    page = visitor.get(f"{PAGE}?span=exact&since=2026-01-01T00:00&until=2026-01-02T00:00")

    assert 'data-first="no"' in page


def test_texts_of_clients_are_shown_as_text(visitor: Visitor) -> None:
    texts = hostile_texts(30)
    _keep(
        visitor,
        *({"path": f"/{text}", "host": text, "rule": text, "logged": (text,)} for text in texts),
    )
    for page in (PAGE, f"{PAGE}?by=rule&path=/h1.*", "/events"):
        shown = visitor.get(page)
        assert not is_scripted(shown), page
    shown = shown_in(visitor.get(PAGE))
    assert all(text.split("\t")[0] in shown for text in texts)


def test_account_wide_means_the_account(visitor: Visitor) -> None:
    _keep(visitor, {"path": "/a"})
    one = visitor.with_grants(
        [Grant(resource=Resource.EVENTS, level=Level.READ, place=ACCOUNT_WIDE)]
    )

    page = one.get("/events")

    assert _paths(page) == ["/a"]
    assert 'class="zone"><' in page
