# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.services.activity import keep_activity
from authz.services.permissions import Grant, Level, Resource
from tests.factories.account_rules import put_account_rules
from tests.factories.events import blocked
from tests.factories.traffic import Traffic

if TYPE_CHECKING:
    from authz.observability.events import Event
    from tests.unit.api.conftest import Bench

AT = 1767225600.0
FINGERPRINT = "ab" * 32


def _event(number: int, **changes: Any) -> Event:
    values = {
        "id": f"decision-{number}",
        "at": AT + number * 86400,
        "reason": "rule_matched",
        "site": "default",
        "generation": 7,
        "host": "api.example.net",
        "path": "/admin",
    }
    return blocked(**values | changes)


@pytest.fixture
def seen(api: Bench) -> Bench:
    """Events of two zones."""
    api.result("POST", "/zones", json={"name": "example.com"})
    keep_activity(
        api.store,
        {},
        [
            _event(0),
            _event(1, verdict="allow", reason="no_rule_matched", rule="", logged=("watch",)),
            _event(2, site="example.com", host="SHOP.example.com:8443", reason="ambiguous_path"),
            _event(3, site="*.example.com", rule="other"),
            _event(4, site="example.com (other hosts)", fingerprint=FINGERPRINT),
            _event(5, host="\0"),
        ],
    )
    return api


def _numbers(found: list[dict[str, Any]]) -> str:
    return "".join(one["id"][-1] for one in found)


def test_an_event_says_what_was_decided(seen: Bench) -> None:
    found = seen.result("GET", "/accounts/{account}/events/decision-1")

    assert found == {
        "id": "decision-1",
        "number": 2,
        "at": "2026-01-02T00:00:00.000000Z",
        "zone_id": seen.zone_id,
        "site": "default",
        "verdict": "allow",
        "reason": "no_rule_matched",
        "rule": "",
        "action": "block",
        "logged": ["watch"],
        "detail": "",
        "generation": 7,
        "host": "api.example.net",
        "path": "/admin",
        "client_ip": "192.0.2.1",
        "fingerprint_sha256": "",
        "presented": False,
        "verified": False,
        "revoked": False,
        "failure": "",
        "weight": 1,
        "unrecorded": "",
    }


def test_events_are_filtered(seen: Bench) -> None:
    for query, numbers in {
        "": "543210",
        "verdict=allow": "1",
        "reason=ambiguous_path": "2",
        "rule=other": "3",
        "site=example.com": "2",
        "host=shop.EXAMPLE.com.": "2",
        "host=%00": "5",
        f"fingerprint={':'.join(['AB'] * 32)}": "4",
        "since=2026-01-02&until=2026-01-04": "21",
        "verdict=deny&host=api.example.net": "430",
        "action=block&path=/admin&rule=other": "3",
        "after=3&per_page=2": "43",
        "after=6": "",
    }.items():
        found = seen.result("GET", f"/accounts/{{account}}/events?{query}")
        assert _numbers(found) == numbers, query


def test_a_zone_has_the_events_of_its_sites(seen: Bench) -> None:
    zone = seen.result("GET", "/zones?name=example.com")[0]["id"]

    assert _numbers(seen.result("GET", f"/zones/{zone}/events")) == "432"
    assert _numbers(seen.result("GET", "/zones/{zone}/events")) == "510"
    assert seen.result("GET", f"/zones/{zone}/events/decision-2")["zone_id"] == zone
    seen.errors(404, "GET", f"/zones/{zone}/events/decision-1")
    seen.errors(404, "GET", "/accounts/{account}/events/decision-9")


def test_a_token_for_one_zone_reads_its_events_only(seen: Bench) -> None:
    grant = Grant(resource=Resource.EVENTS, level=Level.READ, place=seen.zone_id)
    token = seen.token_for([grant])
    other = seen.result("GET", "/zones?name=example.com")[0]["id"]

    assert _numbers(seen.result("GET", "/zones/{zone}/events", token=token)) == "510"
    seen.errors(403, "GET", f"/zones/{other}/events", token=token)
    seen.errors(403, "GET", "/accounts/{account}/events", token=token)


def test_the_cursor_goes_on_to_the_end(seen: Bench) -> None:
    found = ""
    query = ""
    while True:
        answer = seen.call("GET", f"/accounts/{{account}}/events?per_page=4{query}").json()
        found += _numbers(answer["result"])
        if "cursor" not in answer["result_info"]:
            break
        query = f"&cursor={answer['result_info']['cursor']}"

    assert found == "543210"
    assert answer["result_info"] == {"count": 2, "per_page": 4}


def test_what_is_no_verdict_reason_or_cursor_is_refused(api: Bench) -> None:
    for query in ("verdict=maybe", "reason=x", "cursor=x", "cursor=9223372036854775808", "since=x"):
        api.errors(400, "GET", f"/accounts/{{account}}/events?{query}")


def test_a_live_tail_goes_on_where_it_was(seen: Bench) -> None:
    first = seen.call("GET", "/accounts/{account}/events?after=0&per_page=4").json()
    assert _numbers(first["result"]) == "3210"
    assert first["result_info"]["cursor"] == str(first["result"][0]["number"])
    rest = seen.call(
        "GET", f"/accounts/{{account}}/events?after={first['result_info']['cursor']}"
    ).json()
    assert _numbers(rest["result"]) == "54"


@pytest.fixture
def recorded(api: Bench) -> tuple[Bench, str]:
    """A blocked request with its event, and the identifier of that."""
    rule = {"expression": 'http.request.uri.path eq "/admin"', "action": "block", "ref": "admin"}
    api.result(
        "PUT",
        "/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint",
        json={"rules": [rule]},
    )
    traffic = Traffic(api.store, now=api.now)
    event_id = traffic.send(path="/admin?token=secret", headers=(("cookie", b"secret"),))
    traffic.keep()
    return api, event_id


def test_the_request_of_an_event_is_what_may_be_kept_of_it(recorded: tuple[Bench, str]) -> None:
    api, event_id = recorded
    found = api.result("GET", f"/zones/{{zone}}/events/{event_id}/request")

    assert (found["recorded"], found["unrecorded"]) == (True, "")
    assert found["left_out"] == ["the value of the header cookie", "values of the query"]
    assert found["check_request"]["attributes"]["request"]["http"]["path"] == "/admin?token="
    assert "secret" not in str(found)


def test_an_event_without_its_request_says_so(seen: Bench) -> None:
    found = seen.result("GET", "/zones/{zone}/events/decision-1/request")
    assert found == {
        "recorded": False,
        "unrecorded": "",
        "left_out": [],
        "check_request": None,
    }
    seen.errors(404, "GET", "/zones/{zone}/events/none/request")
    assert seen.result("GET", "/zones/{zone}/events/decision-1/explanation")["now"] is None


def test_an_event_is_explained_to_whoever_may_read_the_rules(recorded: tuple[Bench, str]) -> None:
    api, event_id = recorded
    path = f"/zones/{{zone}}/events/{event_id}/explanation"
    found = api.result("GET", path)

    assert (found["then"]["rule"], found["now"]["rule"], found["differs"]) == (
        "admin",
        "admin",
        False,
    )
    assert found["now"]["explanation"]["rules"][0]["rules"][0]["matches"] is True
    events_only = Grant(resource=Resource.EVENTS, level=Level.READ, place=api.zone_id)
    api.errors(403, "GET", path, token=api.token_for([events_only]))


def test_a_token_of_one_zone_is_not_told_what_rules_of_the_account_ask(
    recorded: tuple[Bench, str],
) -> None:
    api, event_id = recorded
    put_account_rules(
        api.store, {"ref": "a", "expression": 'http.host eq "internal"', "action": "log"}
    )
    grants = [
        Grant(resource=one, level=Level.READ, place=api.zone_id)
        for one in (Resource.EVENTS, Resource.RULES)
    ]
    path = f"/zones/{{zone}}/events/{event_id}/explanation"

    assert "internal" in str(api.result("GET", path))
    told = api.result("GET", path, token=api.token_for(grants))
    assert told["now"]["explanation"]["rules"][0]["rules"][0]["rule"] == "account:a"
    assert "internal" not in str(told)
