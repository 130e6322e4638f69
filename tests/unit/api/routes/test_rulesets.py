# SPDX-License-Identifier: Apache-2.0
"""Rulesets over HTTP: statuses, entity tags, dry runs, pointers; the same in both scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.services.permissions import Grant, Level, Resource

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

PHASE = "http_request_firewall_custom"
BLOCK = {"ref": "a", "expression": "ssl", "action": "block"}
SKIP = {"expression": "ssl", "action": "skip", "action_parameters": {"ruleset": "current"}}
PLACES = ("/zones/{zone}/rulesets", "/accounts/{account}/rulesets")


def entry(place: str) -> str:
    return f"{place}/phases/{PHASE}/entrypoint"


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _new(place: str, **more: Any) -> dict[str, Any]:
    kind = "zone" if "zone" in place else "root"
    return {"name": "mine", "kind": kind, "phase": PHASE, **more}


def test_a_ruleset_from_beginning_to_end(api: Bench, place: str) -> None:
    made = api.result("POST", place, json=_new(place, rules=[BLOCK]))

    assert made["version"] == "1"
    assert [one["ref"] for one in made["rules"]] == ["a"]
    assert api.result("GET", f"{place}/{made['id']}") == made
    assert api.result("GET", entry(place)) == made
    (listed,) = api.result("GET", place)
    assert listed == {key: value for key, value in made.items() if key != "rules"}
    after = api.result("PUT", f"{place}/{made['id']}", json={"rules": [], "description": "d"})
    assert (after["version"], after["description"], after["rules"]) == ("2", "d", [])
    gone = api.call("DELETE", f"{place}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.errors(404, "GET", f"{place}/{made['id']}")[0]["code"] == 1901
    assert api.errors(404, "DELETE", f"{place}/{made['id']}")
    assert api.result("GET", place) == []


def test_what_is_less_strict_than_before_is_a_message(api: Bench, place: str) -> None:
    first = api.call("PUT", entry(place), json={"rules": [BLOCK]}).json()
    assert first["messages"] == []
    one = f"{place}/{first['result']['id']}"
    wanted = [{"code": 1004, "message": "rule a goes"}]

    for query in ("?dry_run=true", ""):
        answer = api.call("PUT", f"{one}{query}", json={"rules": []}).json()
        assert (answer["success"], answer["messages"]) == (True, wanted)
    many = [{**BLOCK, "ref": f"r{n}", "expression": f'http.host eq "{n}.a"'} for n in range(22)]
    api.result("PUT", one, json={"rules": many})
    messages = api.call("PUT", one, json={"rules": []}).json()["messages"]
    assert len(messages) == 21
    assert messages[-1]["message"] == "2 more are less strict than before"


def test_an_entry_point_that_is_not_there(api: Bench, place: str) -> None:
    for phase in (PHASE, "http_ratelimit"):
        (error,) = api.errors(404, "GET", f"{place}/phases/{phase}/entrypoint")
        assert error == {
            "code": 10003,
            "message": f"could not find entrypoint ruleset in the {phase} phase",
        }


def test_a_rule_has_what_cloudflare_gives_it(api: Bench) -> None:
    response = {"status_code": 403, "content_type": "text/plain", "content": "no"}
    block = {**BLOCK, "action_parameters": {"response": response}, "enabled": False}
    made = api.result("PUT", entry(PLACES[0]), json={"rules": [block, SKIP]})

    assert made["rules"][0] == {
        **block,
        "id": made["rules"][0]["id"],
        "version": "1",
        "description": "",
        "last_updated": made["last_updated"],
    }
    assert made["rules"][1]["logging"] == {"enabled": True}


def test_a_second_entry_point_is_refused(api: Bench, place: str) -> None:
    api.result("POST", place, json=_new(place))

    (error,) = api.errors(400, "POST", place, json=_new(place))
    assert (error["code"], error["source"]) == (20217, {"pointer": "/kind"})


def test_an_account_does_not_skip(api: Bench) -> None:
    (error,) = api.errors(400, "PUT", entry(PLACES[1]), json={"rules": [SKIP]})
    assert (error["code"], error["source"]) == (20016, {"pointer": "/rules/0/action"})


def test_everything_wrong_with_a_body_is_told(api: Bench, place: str) -> None:
    rules = [{**BLOCK, "expression": ""}, {**BLOCK, "ref": "b", "a/b": 1}]
    errors = api.errors(400, "PUT", entry(place), json={"rules": rules, "x": 1})

    assert [(one["code"], one["source"]["pointer"]) for one in errors] == [
        (1906, "/x"),
        (20125, "/rules/0/expression"),
        (1906, "/rules/1/a~1b"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[",
        b"[]",
        b'{"rules": null, "x": NaN}',
        b'{"rules": [{"expression": "\\ud800", "action": "block"}]}',
        b'{"rules": [{"expression": "ssl", "action": "block", "\\ud800": 1}]}',
        b'{"rules": [{"expression": "ssl", "action": "block", "description": "\\ud800"}]}',
        b'{"rules": [{"expression": "ssl", "action": "\\ud800"}]}',
        b'{"rules": [{"expression": "ssl", "action": {"a": []}, "ref": [], "id": {}}]}',
        b'{"rules": [{"expression": ["ssl"], "action": "block", "ref": {"a": 1}}]}',
        b'{"rules": [{"expression": "ssl", "action": "skip", "action_parameters": []}]}',
        b'{"rules": [{"expression": "ssl", "action": "skip", "logging": [1]}]}',
        b'{"rules": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}",
        b'{"rules": 1' + b"0" * 5_000 + b"}",
        b'{"name": "\\u0000"}',
        b'{"description": "\\u0000"}',
        b"\xff",
    ],
)
def test_no_body_is_our_mistake(api: Bench, body: bytes) -> None:
    for path in (entry(PLACES[0]), entry(PLACES[1])):
        headers = {"Content-Type": "application/json"}
        assert api.errors(400, "PUT", path, content=body, headers=headers)


@pytest.mark.parametrize("text", ["true ", "1", "", "yes", "True"])
def test_a_dry_run_is_true_or_false(api: Bench, place: str, text: str) -> None:
    assert api.errors(400, "PUT", f"{entry(place)}?dry_run={text}", json={"rules": []})


def test_a_dry_run_changes_nothing(api: Bench, place: str) -> None:
    dry = "?dry_run=true"
    made = api.result("POST", place, json=_new(place, rules=[BLOCK]))
    one = f"{place}/{made['id']}"
    rule = f"{one}/rules/{made['rules'][0]['id']}"
    with api.store.read() as session:
        revision, audited = session.revision, len(session.audit.latest(most=100))

    for method, path, body in (
        ("PUT", one, {"rules": []}),
        ("PUT", entry(place), {"rules": []}),
        ("POST", f"{one}/rules", {**BLOCK, "ref": "b"}),
        ("PATCH", rule, {"position": {"index": 1}}),
        ("DELETE", rule, None),
    ):
        answer = api.call(method, path + dry, json=body)
        assert (answer.status_code, answer.json()["result"]) == (200, None)
        assert "ETag" not in answer.headers
    gone = api.call("DELETE", one + dry)
    assert (gone.status_code, gone.content) == (204, b"")

    assert api.result("GET", one) == made
    with api.store.read() as session:
        assert (session.revision, len(session.audit.latest(most=100))) == (revision, audited)


def test_a_dry_run_fails_as_the_change_would(api: Bench, place: str) -> None:
    api.result("POST", f"{place}?dry_run=true", json=_new(place))
    api.result("POST", f"{place}?dry_run=false", json=_new(place))

    for query in ("", "?dry_run=true"):
        assert api.errors(400, "POST", place + query, json=_new(place))[0]["code"] == 20217
        (error,) = api.errors(400, "PUT", entry(place) + query, json={"rules": [{**BLOCK, "x": 1}]})
        assert error["source"] == {"pointer": "/rules/0/x"}
        assert api.errors(404, "DELETE", f"{place}/{'a' * 32}{query}")


def test_a_precondition_holds_or_nothing_is_changed(api: Bench, place: str) -> None:
    first = api.call("PUT", entry(place), json={"rules": [BLOCK]}, headers={"If-Match": '"1"'})
    assert first.status_code == 412
    first = api.call("PUT", f"{entry(place)}?version=0", json={"rules": [BLOCK]})
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    one = f"{place}/{first.json()['result']['id']}"
    assert api.call("GET", one).headers["ETag"] == '"1"'

    for tag in ('"1"', "*"):
        answer = api.call("PUT", one, json={"description": tag}, headers={"If-Match": tag})
        assert answer.status_code == 200
    assert answer.headers["ETag"] == '"3"'
    (error,) = api.errors(412, "PUT", one, json={}, headers={"If-Match": '"1"'})
    assert (error["code"], "at version 3, and not at 1" in error["message"]) == (1907, True)
    assert api.errors(412, "DELETE", f"{one}?version=2")
    assert api.call("PUT", f"{one}?version=3", json={}, headers={"If-Match": "*"}).is_success


@pytest.mark.parametrize(
    ("tag", "query", "status"),
    [
        ("1", "", 400),
        ("", "", 400),
        ('"1" "2"', "", 400),
        ('W/"1"', "", 412),
        ('"x"', "", 412),
        ('"7", "8"', "", 412),
        ('"2", W/"3" , "1"', "", 200),
        ('"1"', "?version=1", 200),
        ('"1"', "?version=2", 412),
        ('"2"', "?version=1", 412),
    ],
)
def test_entity_tags_are_compared_as_the_standard_has_it(
    api: Bench, tag: str, query: str, status: int
) -> None:
    api.result("PUT", entry(PLACES[0]), json={"rules": [BLOCK]})

    answer = api.call("PUT", entry(PLACES[0]) + query, json={}, headers={"If-Match": tag})

    assert answer.status_code == status, answer.text


def test_a_ruleset_is_made_where_there_is_none_or_not_at_all(api: Bench, place: str) -> None:
    none = {"If-None-Match": "*"}
    first = api.call("PUT", entry(place), json={"rules": [BLOCK]}, headers=none)
    assert (first.status_code, first.headers["ETag"]) == (200, '"1"')
    assert api.errors(412, "PUT", entry(place), json={"rules": []}, headers=none)
    assert api.errors(412, "POST", place, json=_new(place), headers=none)
    for headers in ({"If-None-Match": '"1"'}, {**none, "If-Match": '"1"'}):
        assert api.errors(400, "PUT", entry(place), json={"rules": []}, headers=headers)


def test_making_and_old_versions_have_preconditions(api: Bench, place: str) -> None:
    assert api.errors(412, "POST", place, json=_new(place), headers={"If-Match": "*"})
    assert api.errors(412, "POST", f"{place}?version=3", json=_new(place))
    one = f"{place}/{api.result('POST', f'{place}?version=0', json=_new(place))['id']}"
    api.result("PUT", one, json={"description": "new"})

    old = f"{one}/versions/1"
    assert api.errors(412, "DELETE", old, headers={"If-Match": '"1"'})
    assert api.call("DELETE", old, headers={"If-Match": '"2"'}).status_code == 204


def test_the_list_is_one_page(api: Bench) -> None:
    made = api.result("POST", PLACES[0], json=_new(PLACES[0]))

    answer = api.call("GET", f"{PLACES[0]}?per_page=1").json()
    assert answer["result_info"] == {"count": 1, "per_page": 1}
    assert api.result("GET", f"{PLACES[0]}?cursor=")[0]["id"] == made["id"]
    assert api.errors(400, "GET", f"{PLACES[0]}?cursor={made['id']}")
    assert api.errors(400, "GET", f"{PLACES[0]}?per_page=0")


def test_identifiers_that_are_none_cannot_be_routed_to(api: Bench, place: str) -> None:
    for path in (f"{place}/x", f"{place}/{'A' * 32}/versions", f"{place}/{'a' * 32}/versions/x"):
        assert [one["code"] for one in api.errors(404, "GET", path)] == [7003, 7000]
    assert api.errors(404, "PATCH", f"{place}/{'a' * 32}/rules/x", json={})[0]["code"] == 7003


def test_permission_is_of_a_scope(api: Bench) -> None:
    reader = api.token_for([Grant(resource=Resource.RULES, level=Level.READ, place=api.zone_id)])

    assert api.result("GET", PLACES[0], token=reader) == []
    (error,) = api.errors(403, "GET", PLACES[1], token=reader)
    assert 'lacks the permission "Account Rulesets Read" of the account' in error["message"]
    for query in ("", "?dry_run=true"):
        assert api.errors(403, "PUT", entry(PLACES[0]) + query, token=reader, json={"rules": []})
    assert api.errors(404, "GET", f"/zones/{'a' * 32}/rulesets")
    assert api.errors(404, "GET", f"/accounts/{'a' * 32}/rulesets")


def test_names_of_the_account_and_a_zone_stay_apart(api: Bench) -> None:
    api.result("PUT", entry(PLACES[1]), json={"rules": [BLOCK]})
    api.result("PUT", entry(PLACES[0]), json={"rules": [BLOCK]})

    for ref in ("account:a", "account:b"):
        (error,) = api.errors(
            400, "PUT", entry(PLACES[0]), json={"rules": [BLOCK, {**BLOCK, "ref": ref}]}
        )
        assert error["source"] == {"pointer": "/rules/1/ref"}
    api.result("PUT", entry(PLACES[1]), json={"rules": [{**BLOCK, "ref": "account:c"}]})


def test_a_phase_of_the_path_is_said_to_be_there(api: Bench, place: str) -> None:
    path = f"{place}/phases/http_ratelimit/entrypoint"
    (error,) = api.errors(400, "PUT", path, json={"rules": []})
    assert error["message"].startswith("in the path, 'http_ratelimit' is not a valid value")
    assert "source" not in error


def test_parameters_of_an_action_that_is_refused_are_not_looked_at(api: Bench) -> None:
    rule = {"expression": "ssl", "action": "execute", "action_parameters": {"id": "a" * 32}}
    (error,) = api.errors(400, "PUT", entry(PLACES[0]), json={"rules": [rule]})
    assert error["source"] == {"pointer": "/rules/0/action"}


def test_what_terraform_does(api: Bench, place: str) -> None:
    """Plan, create, read, plan again, reorder by ref, plan, destroy; as its provider calls."""
    rules = [{**BLOCK, "ref": ref, "description": ref, "enabled": True} for ref in "ab"]
    body = _new(place, rules=rules, description="")
    assert api.result("POST", f"{place}?dry_run=true", json=body) is None
    made = api.result("POST", place, json=body)
    one = f"{place}/{made['id']}"
    for _ in range(2):
        read = api.result("GET", one)
        # Nothing it set is otherwise: the second plan is empty, and so is one after an import.
        assert {key: read[key] for key in body if key != "rules"} == {
            key: value for key, value in body.items() if key != "rules"
        }
        assert [{key: one[key] for key in rules[0]} for one in read["rules"]] == rules
        assert api.result("PUT", one, json=body) == read

    moved = body | {"rules": [rules[1], {**rules[0], "expression": "not ssl"}]}
    assert api.result("PUT", f"{one}?dry_run=true", json=moved) is None
    after = api.result("PUT", one, json=moved)
    assert after["version"] == "2"
    assert [rule["id"] for rule in after["rules"]] == [rule["id"] for rule in made["rules"]][::-1]
    assert [rule["version"] for rule in after["rules"]] == ["1", "2"]
    assert api.call("DELETE", f"{one}?dry_run=true").status_code == 204
    assert api.call("DELETE", one).status_code == 204
    assert api.errors(404, "GET", one)


def test_what_the_document_says_of_a_call(api: Bench) -> None:
    """Bodies are judged by their service, and described all the same; both scopes are there."""
    paths = api.app.openapi()["paths"]

    for scope in ("/zones/{zone_id}", "/accounts/{account_id}"):
        put = paths[f"{scope}/rulesets/{{ruleset_id}}"]["put"]
        body = put["requestBody"]["content"]["application/json"]["schema"]
        assert body["additionalProperties"] is False
        assert body["properties"].keys() == {"name", "kind", "phase", "description", "rules"}
        assert scope.rpartition("/")[2].strip("{}") in [one["name"] for one in put["parameters"]]
        assert {"200", "400", "404", "412"} <= put["responses"].keys()
        assert paths[f"{scope}/rulesets/{{ruleset_id}}"]["delete"]["responses"].keys() >= {"204"}


def test_rules_of_another_ruleset_are_not_skipped(api: Bench) -> None:
    place = PLACES[0]
    made = api.result("PUT", entry(place), json={"rules": [BLOCK]})
    skip = {"ref": "s", "expression": "true", "action": "skip"}
    other = {**skip, "action_parameters": {"rules": {"e" * 32: ["a"]}}}
    own = {**skip, "action_parameters": {"rules": {made["id"]: ["a"]}}}

    (error,) = api.errors(400, "PUT", entry(place), json={"rules": [other, BLOCK]})
    assert error["source"]["pointer"] == f"/rules/0/action_parameters/rules/{'e' * 32}"
    (error,) = api.errors(400, "POST", f"{place}/{made['id']}/rules", json=other)
    assert error["source"]["pointer"] == f"/action_parameters/rules/{'e' * 32}"
    after = api.result("PUT", entry(place), json={"rules": [own, BLOCK]})
    assert after["rules"][0]["action_parameters"] == {
        "rules": {made["id"]: [made["rules"][0]["id"]]}
    }


def test_a_parameter_with_two_values_is_refused(api: Bench) -> None:
    path = "/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint"
    for twice in ("dry_run=true&dry_run=false", "dry_run=false&dry_run=true"):
        (error,) = api.errors(400, "PUT", f"{path}?{twice}", json={"rules": []})
        assert error["message"] == 'the parameter "dry_run" is there with several values'
    api.errors(404, "GET", path)

    api.result("PUT", f"{path}?dry_run=false&dry_run=false", json={"rules": []})
    assert api.result("GET", path)["version"] == "1"
