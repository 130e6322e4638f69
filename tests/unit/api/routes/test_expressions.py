# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.policy.fields import SCHEME
from authz.rules import MAX_LENGTH, parse
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource
from tests.attack.report import tried
from tests.factories.stored import list_item, named_list

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench

CHECK = "/zones/{zone}/expressions/check"
EXPLAIN = "/zones/{zone}/expressions/explain"


def _check(api: Bench, expression: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.result("POST", CHECK, json={"expression": expression, **more})
    return found


def test_an_expression_that_can_be_used_has_its_text_fields_and_tree(api: Bench) -> None:
    found = _check(api, 'http.host=="a"&&not ssl')

    assert found["valid"] is True
    assert found["errors"] == []
    assert found["expression"] == 'http.host eq "a" and not ssl'
    assert found["fields"] == ["http.host", "ssl"]
    assert (found["ast"]["kind"], found["ast"]["type"]) == ("and", "Bool")
    assert [one["kind"] for one in found["ast"]["operands"]] == ["comparison", "not"]


def test_one_that_cannot_has_the_place_a_hint_and_carets(api: Bench) -> None:
    found = _check(api, 'ssl and\nhttp.hots eq "a"')

    (error,) = found["errors"]
    assert found["valid"] is False
    assert error == {
        "code": 1302,
        "message": 'unknown field "http.hots"',
        "hint": 'did you mean "http.host"?',
        "line": 2,
        "column": 1,
        "span": [8, 17],
        "carets": 'http.hots eq "a"\n^^^^^^^^^',
    }


def test_what_is_probably_not_meant_comes_with_what_to_use(api: Bench) -> None:
    api.world.protect("api.example.com")
    found = _check(api, "not cf.tls_client_auth.cert_verified", action="block")

    assert all(parse(one["suggestion"], SCHEME) for one in found["warnings"] if one["suggestion"])
    assert any("cert_revoked" in (one["suggestion"] or "") for one in found["warnings"])


def test_what_an_action_is_matters_to_what_is_not_meant(api: Bench) -> None:
    def warned(action: str) -> bool:
        return bool(_check(api, "cf.tls_client_auth.cert_verified", action=action)["warnings"])

    api.world.protect("api.example.com")
    assert warned("skip")
    assert not warned("log")
    api.errors(400, "POST", CHECK, json={"expression": "ssl", "action": "challenge"})


def test_fields_without_a_source_here_are_mistakes(api: Bench) -> None:
    found = _check(api, 'ip.src.country eq "DE"')

    assert "geoip.city" in found["errors"][0]["message"]


def test_lists_are_the_accounts(api: Bench) -> None:
    _offices(api)

    assert _check(api, "ip.src in $offices")["valid"] is True
    assert "unknown list" in _check(api, "ip.src in $homes")["errors"][0]["message"]
    assert api.result("GET", "/zones/{zone}/expressions/lists") == [
        {"name": "offices", "kind": "ip", "num_items": 1}
    ]
    explained = {"expression": "ip.src in $offices", "fields": {"ip.src": "192.0.2.1"}}
    assert api.result("POST", EXPLAIN, json=explained)["value"] is True
    given = {"lists": {"offices": {"kind": "ip", "items": ["198.51.100.0/24"]}}}
    assert api.result("POST", EXPLAIN, json=explained | given)["value"] is False


def test_what_is_in_lists_is_told_to_whom_may_read_lists(api: Bench) -> None:
    _offices(api)
    rules = Grant(resource=Resource.RULES, level=Level.READ, place=api.zone_id)
    lists = Grant(resource=Resource.LISTS, level=Level.READ, place=ACCOUNT_WIDE)
    token, both = api.token_for([rules]), api.token_for([rules, lists])
    asked = {"expression": "ip.src in $offices", "fields": {"ip.src": "192.0.2.1"}}
    given = {"lists": {"offices": {"kind": "ip", "items": ["192.0.2.1"]}}}

    for expression in ("ip.src in $offices", "ssl or ip.src in $offices"):
        body = asked | {"expression": expression}
        (error,) = api.errors(403, "POST", EXPLAIN, json=body, token=token)
        assert "may not read the items of $offices" in error["message"]
    api.errors(403, "GET", "/zones/{zone}/expressions/lists", token=token)

    assert api.result("POST", EXPLAIN, json=asked | given, token=token)["value"] is True
    assert api.result("POST", EXPLAIN, json=asked | {"expression": "ssl"}, token=token)
    assert api.result("POST", EXPLAIN, json=asked, token=both)["value"] is True
    assert api.result("GET", "/zones/{zone}/expressions/lists", token=both)
    # Whether a rule can name it is no secret of whoever writes rules.
    checked = {"expression": asked["expression"]}
    assert api.result("POST", CHECK, json=checked, token=token)["valid"] is True


def _offices(api: Bench, size: int = 1) -> None:
    with api.store.write() as session:
        one = named_list(api.account_id, items=0)
        session.lists.add(one)
        some = [list_item(one.id, f"192.0.{2 + n // 250}.{1 + n % 250}") for n in range(size)]
        session.lists.add_items(one.id, some, api.now)


def test_a_list_that_is_too_long_to_look_through_is_to_be_given(
    api: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authz.services.expressions.MAX_ITEMS", 2)
    _offices(api, 3)
    body = {"expression": "ip.src in $offices"}

    (error,) = api.errors(400, "POST", EXPLAIN, json=body)

    assert '"lists": {"offices": {"kind": "ip"' in error["message"]
    assert _check(api, body["expression"])["valid"] is True


def test_every_part_is_explained(api: Bench) -> None:
    body = {
        "expression": 'http.host eq "a" or any(http.request.headers["x"][*] eq "b")',
        "fields": {"http.request.headers": {"x": ["c", "b"]}},
    }
    found = api.result("POST", EXPLAIN, json=body)

    assert (found["value"], found["kind"]) == (True, "or")
    assert [one["value"] for one in found["parts"]] == [False, True]


def test_what_cannot_be_explained_is_refused(api: Bench) -> None:
    bodies: list[dict[str, Any]] = [
        {"expression": "ssl", "fields": {"nothing": 1}},
        {"expression": "ssl", "fields": {"ssl": "yes"}},
        {"expression": "ssl", "fields": []},
        {"expression": "http.hots"},
        {"expression": "ip.src in $a", "lists": {"a": {"kind": "ip", "items": ["x"]}}},
        {"expression": "ip.src in $a", "lists": {"a": {"kind": "moon", "items": []}}},
        {"expression": "ip.src in $a", "lists": {"a": ["192.0.2.1"]}},
        {"expression": 7},
        {},
    ]
    for body in bodies:
        api.errors(400, "POST", EXPLAIN, json=body)


@pytest.mark.attack
def test_what_takes_too_long_is_refused_before_it_begins(api: Bench) -> None:
    heavy = " or ".join(['url_decode(http.request.body.raw, "r") eq "x"'] * 8)
    body = {"expression": heavy, "fields": {"http.request.body.raw": "%41" * 100_000}}

    answer = api.call("POST", EXPLAIN, json=body)

    is_refused = answer.status_code == 400 and "takes too long" in answer.text
    tried("floods", "expression bombs over the API", 1, wrong=not is_refused)
    assert is_refused, answer.text


def test_an_expression_is_written_in_its_canonical_form(api: Bench) -> None:
    path = "/zones/{zone}/expressions/format"
    found = api.result("POST", path, json={"expression": "!ssl  ||  ip.src==10.0.0.1"})
    assert found == {"expression": "not ssl or ip.src eq 10.0.0.1"}

    (error,) = api.errors(400, "POST", path, json={"expression": "ssl and"})
    assert error["source"] == {"pointer": "/expression"}
    assert error["code"] == 1301


@pytest.mark.attack
def test_length_and_depth_have_limits(api: Bench) -> None:
    longest = f'http.host eq "{"a" * (MAX_LENGTH - 15)}"'
    # The deepest there is, of every kind: no answer is too deep to be written.
    deepest = (
        "not (ssl and " * 63 + "ssl" + ")" * 63,
        "lower(" * 127 + "http.host" + ")" * 127 + ' eq "a"',
    )
    asked = [
        (CHECK, longest, 200, True),
        (CHECK, longest.replace("a", "aa", 1), 200, False),
        (CHECK, " " * 70_000, 400, None),
        *((CHECK, one, 200, True) for one in deepest),
        *((EXPLAIN, one, 200, None) for one in deepest),
        # One level more, and as many as there is room for.
        (CHECK, f"not ({deepest[1]})", 200, False),
        (CHECK, "(" * 30_000 + "ssl" + ")" * 30_000, 200, False),
    ]

    wrong = []
    for path, expression, status, is_valid in asked:
        answer = api.call("POST", path, json={"expression": expression})
        said = (answer.json()["result"] or {}).get("valid")
        if (answer.status_code, said) != (status, is_valid):
            wrong.append((path, expression[:40], answer.status_code, said))

    tried("floods", "expression bombs over the API", len(asked), wrong=len(wrong))
    assert wrong == []


def test_what_there_is_to_build_from(api: Bench) -> None:
    fields = {one["name"]: one for one in api.result("GET", "/zones/{zone}/expressions/fields")}
    assert set(fields) == set(SCHEME.fields)
    assert fields["http.host"]["example"] == 'http.host eq "api.example.com"'
    assert fields["http.host"]["available"] is True
    assert fields["ip.src.country"]["available"] is False
    assert "geoip.city" in fields["ip.src.country"]["unavailable_because"]
    operators = api.result("GET", "/zones/{zone}/expressions/operators")
    assert operators[0]["name"] == "in"
    functions = api.result("GET", "/zones/{zone}/expressions/functions")
    assert {"any", "lower"} <= {one["name"] for one in functions}


def test_reading_rules_is_enough_and_needed(api: Bench) -> None:
    reader = api.token_for([Grant(resource=Resource.RULES, level=Level.READ, place=api.zone_id)])
    other = api.token_for([Grant(resource=Resource.ZONES, level=Level.WRITE, place=api.zone_id)])

    api.result("POST", CHECK, json={"expression": "ssl"}, token=reader)
    api.errors(403, "POST", CHECK, json={"expression": "ssl"}, token=other)
