# SPDX-License-Identifier: Apache-2.0
"""Rules as JSON: what becomes of them, and errors that point at the rule."""

from __future__ import annotations

from typing import Any

import pytest

from authz.errors import PolicyError
from authz.policy.model import Action, SkipParameters
from authz.sources.rule_json import RuleProblem, ref_of, rule_model, rule_models, rule_problems

BLOCK = {
    "id": "a" * 32,
    "ref": "protect",
    "version": "3",
    "last_updated": "2026-01-01T00:00:00Z",
    "categories": [],
    "expression": "ssl",
    "action": "block",
    "description": "d",
    "enabled": False,
    "action_parameters": {
        "response": {"status_code": 403, "content_type": "text/plain", "content": "no"}
    },
}


def _skip(*names: str, **more: Any) -> dict[str, Any]:
    parameters = {"rules": {"f" * 32: list(names)}}
    return {"ref": "s", "expression": "ssl", "action": "skip", "action_parameters": parameters} | (
        more
    )


def test_a_stored_rule_becomes_a_model() -> None:
    model = rule_model(BLOCK, "zone default: rules[0]")

    assert model.ref == "protect"
    assert model.action is Action.BLOCK
    assert not model.enabled
    assert model.response is not None
    assert model.response.status_code == 403
    assert model.expression_where == "zone default: rules[0].expression"


def test_a_rule_without_a_ref_is_named_by_its_id() -> None:
    assert rule_model({**BLOCK, "ref": None}, "r").ref == "a" * 32
    assert ref_of({}) == ""


def test_a_rule_without_any_name_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"r\.ref: the rule has no name"):
        rule_model({"expression": "ssl", "action": "block"}, "r")


def test_what_is_skipped_is_named_by_id_or_by_ref() -> None:
    _, by_id, by_ref = rule_models([BLOCK, _skip("a" * 32), _skip("protect", ref="t")], "rules")

    assert by_id.skip == by_ref.skip == SkipParameters(rules=("protect",))


def test_what_is_skipped_must_be_there_when_all_rules_are_known() -> None:
    with pytest.raises(PolicyError, match='"gone" is no rule') as caught:
        rule_models([BLOCK, _skip("gone")], "rules")

    assert str(caught.value.where).startswith("rules[1].action_parameters.rules.")
    assert rule_model(_skip("gone"), "r").skip == SkipParameters(rules=("gone",))


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"action": "managed_challenge"}, "rules[0].action", "not available here"),
        ({"expresion": "ssl"}, "rules[0].expresion", "unknown key"),
        ({"expression": ""}, "rules[0].expression", "is empty"),
        ({"logging": {"enabled": True}}, "rules[0].logging", "unknown key"),
        ({"action": "log"}, "rules[0].action_parameters.response", "a parameter of block"),
        ({"action_parameters": {"rules": {"current": "x"}}}, "rules[0].action_parameters", "list"),
        ({"action_parameters": {"rules": {"current": [1]}}}, "rules[0].action_parameters", "text"),
    ],
)
def test_an_error_points_at_the_rule(change: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message) as caught:
        rule_models([{**BLOCK, **change}], "rules")

    assert str(caught.value.where).startswith(where)


def test_logging_belongs_to_skip() -> None:
    model = rule_model(_skip("x", logging={"enabled": True}), "r")

    assert model.action is Action.SKIP


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        rule_models([BLOCK, BLOCK, {**BLOCK, "ref": "x", "action": "nope"}], "rules")

    assert caught.value.where == "rules[1].ref"
    assert [one.where for one in caught.value.others] == ["rules[2].action"]


def test_problems_have_a_place_and_the_hints_of_whoever_asks() -> None:
    found = rule_problems([BLOCK, {**BLOCK, "position": 1}, _skip("gone")], {"position": "no"})

    assert found == [
        RuleProblem(
            place=(1, "ref"),
            message='a second rule "protect"',
            hint="rule 1 has the name already; a ref is unique",
        ),
        RuleProblem(place=(1, "position"), message='unknown key "position"', hint="no"),
        RuleProblem(
            place=(2, "action_parameters", "rules", "f" * 32, 0),
            message='"gone" is no rule of this site',
            hint="known here: protect, s",
        ),
    ]
    assert rule_problems([BLOCK]) == []
