# SPDX-License-Identifier: Apache-2.0
"""An event with the decision of then, and the one of now with its working."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.services.events import EventFilter, get_event, list_events
from authz.services.explaining import explain_event
from authz.services.explanation import MAX_TRACES
from authz.services.rulesets import replace_rules
from authz.store.records_activity import RecordedRequest, StoredEvent
from tests.factories.events import blocked
from tests.factories.pki import AT, url_encoded
from tests.factories.traffic import Traffic

if TYPE_CHECKING:
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

WHO = {"actor": "tester", "at": AT}
PROTECT = {
    "expression": 'not cf.tls_client_auth.cert_verified and http.request.uri.path eq "/admin"',
    "action": "block",
    "ref": "protect",
}


def _explained(store: Store, event_id: str) -> dict[str, Any]:
    found = explain_event(store, get_event(store, event_id), at=AT)
    json.dumps(found)
    return found


def test_a_block_is_explained_rule_by_rule_and_by_the_certificate(world: World) -> None:
    world.ca()
    stranger = world.issue()
    replace_rules(world.store, "default", [PROTECT], **WHO)
    traffic = Traffic(world.store, now=AT)
    # Of a CA that this host does not ask for.
    blocked_id = traffic.send(path="/admin", certificate=url_encoded(stranger.bundle))
    traffic.keep()

    found = _explained(world.store, blocked_id)

    assert (found["then"]["verdict"], found["then"]["rule"]) == ("deny", "protect")
    assert (found["now"]["verdict"], found["now"]["rule"]) == ("deny", "protect")
    assert found["differs"] is False
    explanation = found["now"]["explanation"]
    assert explanation["certificate"]["clause"]["source"] == "RFC 5280 §6.1"
    [reading] = explanation["rules"]
    trace = reading["rules"][0]["trace"]
    assert [part["value"] for part in trace["parts"]] == [True, True]
    assert found["left_out"] == []


def test_what_is_decided_otherwise_now_says_so(world: World) -> None:
    replace_rules(world.store, "default", [PROTECT], **WHO)
    traffic = Traffic(world.store, now=AT)
    then = traffic.send(path="/admin", headers=(("cookie", b"secret"),))
    traffic.keep()
    replace_rules(world.store, "default", [], **WHO)

    found = _explained(world.store, then)
    assert (found["then"]["verdict"], found["now"]["verdict"]) == ("deny", "allow")
    assert found["differs"] is True
    assert found["left_out"] == ["the value of the header cookie"]

    cookie = {**PROTECT, "expression": 'http.cookie contains "s"'}
    replace_rules(world.store, "default", [cookie], **WHO)
    found = _explained(world.store, then)
    assert (found["now"]["verdict"], found["differs"]) == (None, None)
    assert found["now"]["reads"] == ["http.cookie"]


def test_a_host_that_nobody_answers_for_is_explained(world: World) -> None:
    traffic = Traffic(world.store, now=AT)
    then = traffic.send(host="alice:secret@api.example.com", path="/", sni=None)
    traffic.keep()

    found = _explained(world.store, then)
    assert found["then"]["reason"] == found["now"]["reason"] == "unknown_host"
    assert found["left_out"] == ["what stood in front of the host"]


@pytest.mark.parametrize(
    ("unrecorded", "why_not"),
    [
        ("off", "events.requests"),
        ("too_many", "too many"),
        ("too_large", "too large"),
        ("unreadable", "nobody could read"),
        ("", "not kept any more"),
    ],
)
def test_it_is_said_why_there_is_no_decision_of_now(
    store: Store, unrecorded: str, why_not: str
) -> None:
    traffic = Traffic(store, now=AT)
    with store.note() as session:
        kept = blocked(unrecorded=unrecorded)
        session.events.add([_stored(kept)])
    found = explain_event(store, list_events(store, EventFilter(), most=1).events[0], at=AT)

    assert traffic.keep() == []
    assert why_not in found["why_not"]
    assert (found["now"], found["differs"]) == (None, None)


def test_a_site_of_a_policy_file_is_not_explained_by_the_store(store: Store) -> None:
    traffic = Traffic(store, now=AT)
    then = traffic.send()
    traffic.keep(file_sites=["default"])

    assert "policy file" in _explained(store, then)["why_not"]


def test_what_was_kept_and_is_no_request_says_so(store: Store) -> None:
    with store.note() as session:
        zone_id = session.zones.all()[0].id
        kept = _stored(blocked(), zone_id=zone_id)
        session.events.add([kept], {kept.id: RecordedRequest(request=b"\xff")})

    assert "nobody could read" in _explained(store, kept.id)["why_not"]


def test_many_rules_and_many_readings_are_explained_within_bounds(world: World) -> None:
    words = " or ".join(f'http.request.uri.path contains "w{one}"' for one in range(60))
    few = [{"expression": f"{words}", "action": "log", "ref": f"r{one}"} for one in range(300)]
    replace_rules(world.store, "default", [*few, PROTECT], **WHO)
    traffic = Traffic(world.store, now=AT)
    then = traffic.send(path="/a/..;/b/..;/c/..;/d/..;/admin")
    traffic.keep()

    explanation = _explained(world.store, then)["now"]["explanation"]

    readings = explanation["rules"]
    assert [one["told"] for one in readings] == [True, False, True]
    said = [rule for one in readings for rule in one["rules"]]
    assert len(said) == 2 * 301
    traced = [one for one in said if one["trace"] is not None]
    assert 0 < len(traced) <= MAX_TRACES
    assert explanation["traces_left_out"] == len(said) - len(traced)
    assert "protect" in {one["rule"] for one in traced if one["matches"]}
    assert len(json.dumps(explanation)) < 10_000_000


def test_what_costs_more_than_a_check_may_says_so(world: World) -> None:
    words = " or ".join(f'http.request.uri.path contains "w{one}"' for one in range(60))
    some = [{"expression": words, "action": "log", "ref": f"r{one}"} for one in range(900)]
    traffic = Traffic(world.store, now=AT)
    then = traffic.send(path="/" + "x" * 3000)
    traffic.keep()
    replace_rules(world.store, "default", some, **WHO)

    found = _explained(world.store, then)

    assert "more than a check may cost" in found["why_not"]
    assert found["now"]["reason"] == "evaluation_budget"
    assert found["now"]["explanation"]["rules"] == []


def _stored(event: Any, zone_id: str | None = None) -> StoredEvent:
    return StoredEvent(
        id=event.id,
        at=event.at,
        site=event.site,
        verdict=event.verdict,
        rule=event.rule,
        reason=event.reason,
        fingerprint_sha256=event.fingerprint,
        event={"unrecorded": event.unrecorded},
        zone_id=zone_id,
    )
