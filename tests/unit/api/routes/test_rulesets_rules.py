# SPDX-License-Identifier: Apache-2.0
"""Single rules over HTTP: each call answers with the whole ruleset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.api.routes.test_rulesets import BLOCK, PLACES, entry

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _made(api: Bench, place: str) -> tuple[str, dict[str, Any]]:
    made = api.result("PUT", entry(place), json={"rules": [BLOCK]})
    return f"{place}/{made['id']}/rules", made


def test_rules_one_by_one(api: Bench, place: str) -> None:
    rules, made = _made(api, place)

    added = api.result("POST", rules, json={**BLOCK, "ref": "b", "position": {"before": ""}})
    assert [one["ref"] for one in added["rules"]] == ["b", "a"]
    first = added["rules"][0]["id"]
    changed = api.result("PATCH", f"{rules}/{first}", json={"expression": "true", "action": "log"})
    assert (changed["rules"][0]["action"], changed["rules"][0]["version"]) == ("log", "2")
    moved = api.result("PATCH", f"{rules}/{first}", json={"position": {"index": 2}})
    assert [one["ref"] for one in moved["rules"]] == ["a", "b"]
    assert moved["rules"][1] == changed["rules"][0]
    answer = api.call("DELETE", f"{rules}/{first}")
    assert answer.headers["ETag"] == '"5"'
    assert answer.json()["result"]["rules"] == made["rules"]


def test_pointers_are_in_the_rule(api: Bench, place: str) -> None:
    rules, made = _made(api, place)

    for method, path in (("POST", rules), ("PATCH", f"{rules}/{made['rules'][0]['id']}")):
        errors = api.errors(
            400, method, path, json={"expression": "", "action": "execute", "position": {}}
        )
        assert [one["source"]["pointer"] for one in errors] == [
            "/position",
            "/expression",
            "/action",
        ]
        assert api.errors(400, method, path, json=[])[0]["source"] == {"pointer": ""}


def test_what_is_wrong_elsewhere_has_no_pointer(api: Bench) -> None:
    rules, made = _made(api, PLACES[0])
    rule_id = made["rules"][0]["id"]
    skip = {"action_parameters": {"rules": {made["id"]: [rule_id]}}, "action": "skip"}
    api.result("POST", rules, json={"expression": "true", **skip})

    (error,) = api.errors(400, "DELETE", f"{rules}/{rule_id}")
    assert "source" not in error


def test_rules_and_rulesets_that_are_not_there(api: Bench, place: str) -> None:
    rules, _ = _made(api, place)
    other = f"{place}/{'a' * 32}/rules"

    assert api.errors(404, "POST", other, json=BLOCK)
    for path in (f"{rules}/{'a' * 32}", f"{other}/{'a' * 32}"):
        assert api.errors(404, "PATCH", path, json=BLOCK)
        assert api.errors(404, "DELETE", path)


def test_a_precondition_of_one_rule(api: Bench, place: str) -> None:
    rules, made = _made(api, place)
    path = f"{rules}/{made['rules'][0]['id']}"

    assert api.errors(412, "POST", rules, json={**BLOCK, "ref": "b"}, headers={"If-Match": '"2"'})
    assert api.errors(412, "PATCH", f"{path}?version=2", json=BLOCK)
    assert api.errors(412, "DELETE", f"{path}?version=2")
    assert api.result("DELETE", f"{path}?version=1")["rules"] == []
