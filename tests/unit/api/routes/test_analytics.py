# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.observability.activity import CertificateCounted
from authz.services.activity import Tally, keep_activity
from authz.services.lists import create_list
from authz.services.permissions import Grant, Level, Resource
from tests.factories.events import counted
from tests.factories.traffic import Traffic

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

MINUTE = 1767225600
SPAN = "since=2026-01-01T00:00:00Z&until=2026-01-01T00:02:00Z"
ADMIN = {"expression": 'http.request.uri.path eq "/admin"', "action": "block", "ref": "admin"}


def _counted(checks: int, **changes: Any) -> Any:
    return counted(checks=checks, **{"site": "default", "minute": MINUTE, **changes})


def test_decisions_over_time(api: Bench) -> None:
    checks = [_counted(2), _counted(3, minute=MINUTE + 60, rule="s")]
    keep_activity(api.store, {}, tally=Tally(at=MINUTE, checks=checks))

    found = api.result("GET", f"/zones/{{zone}}/analytics/decisions?{SPAN}&by=rule")
    assert found == {
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-01T00:02:00Z",
        "step": 60,
        "counted_since": "2026-01-01T00:00:00Z",
        "hourly": False,
        "series": [
            {"name": "s", "total": 3, "checks": [0, 3]},
            {"name": "r", "total": 2, "checks": [2, 0]},
        ],
    }


def test_what_is_no_span_is_refused(api: Bench) -> None:
    for query in ("", f"{SPAN}&by=path", f"{SPAN}&step=61", "since=2026-01-01&until=2025-01-01"):
        api.errors(400, "GET", f"/zones/{{zone}}/analytics/decisions?{query}")
    assert api.result("GET", f"/zones/{{zone}}/analytics/decisions?{SPAN}")["series"] == []


def test_what_was_blocked_and_what_rules_did(api: Bench) -> None:
    _deploy(api, ADMIN)
    traffic = Traffic(api.store, now=MINUTE + 0.5)
    for path in ("/admin", "/admin", "/"):
        traffic.send(path=path)
    traffic.keep()
    keep_activity(
        api.store, {}, tally=Tally(checks=[_counted(2, rule="admin"), _counted(1, rule="x")])
    )

    assert api.result("GET", "/zones/{zone}/analytics/blocked?by=path") == [
        {"name": "/admin", "blocked": 2, "last_at": "2026-01-01T00:00:01.500000Z"}
    ]
    api.errors(400, "GET", "/zones/{zone}/analytics/blocked")
    found = api.result("GET", "/zones/{zone}/analytics/rules")
    assert found == [
        {
            "ref": ref,
            "action": "block",
            "checks": checks,
            "ambiguous": 0,
            "last_at": "2026-01-01T00:00:00Z",
        }
        for ref, checks in (("admin", 2), ("x", 1))
    ]
    assert api.result("GET", "/zones/{zone}/analytics/rules?since=2026-01-02") == []


def test_certificates_of_the_zone_are_counted(api: Bench) -> None:
    api.world.ca()
    mine = api.world.issue().certificate.fingerprint_sha256
    counts = [
        CertificateCounted(fingerprint=one, allowed=1, blocked=2, verified=True)
        for one in (mine, "aa")
    ]
    keep_activity(api.store, {}, tally=Tally(at=float(MINUTE), certificates=counts))

    path = f"/zones/{{zone}}/analytics/certificates?fingerprint={mine.upper()}&fingerprint=aa"
    [found] = api.result("GET", path)
    assert (found["fingerprint_sha256"], found["allowed"], found["blocked"]) == (
        mine.upper(),
        1,
        2,
    )
    events_only = Grant(resource=Resource.EVENTS, level=Level.READ, place=api.zone_id)
    api.errors(403, "GET", path, token=api.token_for([events_only]))


def test_a_draft_is_tried_on_what_was_recorded(api: Bench) -> None:
    _deploy(api, ADMIN)
    traffic = Traffic(api.store, now=api.now)
    ids = [traffic.send(path=path) for path in ("/admin", "/orders")]
    traffic.keep()
    draft = {**ADMIN, "expression": 'http.request.uri.path eq "/orders"'}

    found = api.result("POST", "/zones/{zone}/replays", json={"rules": [draft]})

    assert found["newly_allowed"]["examples"] == ids[:1]
    assert found["newly_blocked"]["examples"] == ids[1:]
    assert found["newly_blocked"]["by_path"][0]["name"] == "/orders"
    assert found["first_at"] < found["last_at"]
    assert (
        api.result("POST", "/zones/{zone}/replays", json={"rules": [], "requests": 1})["requests"]
        == 1
    )
    none = {"rules": [], "since": "2999-01-01"}
    assert api.result("POST", "/zones/{zone}/replays", json=none)["first_at"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/rules"),
        ({"rules": 1}, "/rules"),
        ({"rules": [1]}, "/rules/0"),
        ({"rules": [{**ADMIN, "expression": "http.hots"}]}, "/rules/0/expression"),
        ({"rules": [{**ADMIN, "ref": {"a": []}}]}, "/rules/0/ref"),
        ({"rules": [], "requests": 0}, "/requests"),
        ({"rules": [], "more": 1}, "/more"),
    ],
)
def test_a_draft_that_could_not_be_deployed_is_refused(
    api: Bench, body: dict[str, Any], pointer: str
) -> None:
    [error, *_] = api.errors(400, "POST", "/zones/{zone}/replays", json=body)

    assert error["source"]["pointer"] == pointer


def test_a_draft_is_tried_by_whoever_may_read_the_rules(api: Bench) -> None:
    events_only = Grant(resource=Resource.EVENTS, level=Level.READ, place=api.zone_id)
    token = api.token_for([events_only])
    api.errors(403, "POST", "/zones/{zone}/replays", json={"rules": []}, token=token)
    rules = Grant(resource=Resource.RULES, level=Level.READ, place=api.zone_id)
    token = api.token_for([events_only, rules])
    api.result("POST", "/zones/{zone}/replays", json={"rules": []}, token=token)
    create_list(api.store, api.account_id, "office", "ip", actor="t", at=1.0)
    body = {"rules": [{**ADMIN, "expression": "ip.src in $office"}]}
    api.errors(403, "POST", "/zones/{zone}/replays", json=body, token=token)
    api.result("POST", "/zones/{zone}/replays", json=body)


def _deploy(api: Bench, *rules: dict[str, Any]) -> None:
    path = "/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint"
    api.result("PUT", path, json={"rules": list(rules)})
