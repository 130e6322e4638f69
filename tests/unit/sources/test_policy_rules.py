# SPDX-License-Identifier: Apache-2.0
"""Refs, and which action takes which parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import PolicyError
from authz.policy.model import SkipParameters
from authz.settings.yaml_document import YamlDocument
from authz.sources.building import Building
from authz.sources.files import FileReader
from authz.sources.policy_document import RuleDocument
from authz.sources.policy_rules import build_rules, default_ref

if TYPE_CHECKING:
    from pathlib import Path

    from authz.policy.model import RuleModel

BLOCK = {"ref": "target", "expression": "ssl", "action": "block"}
RESPONSE = {"status_code": 403, "content_type": "text/plain", "content": "no"}


def build(tmp_path: Path, *rules: dict[str, Any]) -> tuple[RuleModel, ...]:
    building = Building(tmp_path / "p", YamlDocument(""), FileReader())
    documents = [RuleDocument.model_validate(rule) for rule in rules]
    built = build_rules(documents, "api", building, ("sites", 0, "rules"))
    building.check()
    return built


def skip(**parameters: Any) -> dict[str, Any]:
    return {"ref": "s", "expression": "ssl", "action": "skip", "action_parameters": parameters}


def fault(tmp_path: Path, *rules: dict[str, Any]) -> str:
    with pytest.raises(PolicyError) as caught:
        build(tmp_path, *rules)
    return caught.value.message


def test_a_rule_without_a_ref_is_named_by_site_and_place(tmp_path: Path) -> None:
    rules = build(tmp_path, BLOCK, {"expression": "ssl", "action": "log"})

    assert [rule.ref for rule in rules] == ["target", "api-rule-2"]
    assert default_ref("api", 1) == "api-rule-2"


def test_refs_are_unique_in_a_site_given_or_made(tmp_path: Path) -> None:
    assert fault(tmp_path, BLOCK, BLOCK) == 'a second rule "target"'
    assert (
        fault(tmp_path, {**BLOCK, "ref": "api-rule-2"}, {"expression": "ssl", "action": "log"})
        == 'a second rule "api-rule-2"'
    )


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"ruleset": "current"}, SkipParameters(current=True)),
        ({"phase": "current"}, SkipParameters(current=True)),
        ({"rules": {"current": ["target"]}}, SkipParameters(rules=("target",))),
        ({"products": ["waf"]}, SkipParameters(without_effect=("products",))),
        (
            {"phases": ["http_ratelimit"], "ruleset": "current"},
            SkipParameters(current=True, without_effect=("phases",)),
        ),
        ({"rulesets": ["x"]}, SkipParameters(without_effect=("rulesets",))),
    ],
)
def test_what_skip_skips(
    tmp_path: Path, parameters: dict[str, Any], expected: SkipParameters
) -> None:
    assert build(tmp_path, skip(**parameters), BLOCK)[0].skip == expected


@pytest.mark.parametrize(
    "parameters", [{}, {"rules": {}}, {"rules": {"current": []}}, {"products": []}]
)
def test_a_skip_rule_must_say_what(tmp_path: Path, parameters: dict[str, Any]) -> None:
    assert fault(tmp_path, skip(**parameters), BLOCK) == "the skip rule does not say what to skip"


def test_a_skipped_rule_must_exist(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        build(tmp_path, skip(rules={"current": ["taget"]}), BLOCK)

    assert caught.value.message == '"taget" is no rule of this site'
    assert caught.value.hint == 'did you mean "target"?'


def test_rules_of_another_ruleset_cannot_be_skipped(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        build(tmp_path, skip(rules={"f" * 32: ["target"]}), BLOCK)

    assert "is no ruleset" in caught.value.message
    assert caught.value.hint == 'a site has one ruleset: write "current"'


@pytest.mark.parametrize(
    "beside", [{"ruleset": "current"}, {"phase": "current"}, {"phases": ["http_ratelimit"]}]
)
def test_rulesets_stand_alone(tmp_path: Path, beside: dict[str, Any]) -> None:
    assert (
        fault(tmp_path, skip(rulesets=["x"], **beside))
        == '"rulesets" excludes "ruleset", "phase" and "phases"'
    )


def test_parameters_belong_to_their_action(tmp_path: Path) -> None:
    assert (
        fault(tmp_path, {**BLOCK, "action_parameters": {"ruleset": "current"}})
        == '"ruleset" is a parameter of skip, not of block'
    )
    assert (
        fault(tmp_path, {**BLOCK, "action": "log", "action_parameters": {"response": RESPONSE}})
        == '"response" is a parameter of block, not of log'
    )
    assert (
        fault(tmp_path, skip(ruleset="current", response=RESPONSE))
        == '"response" is a parameter of block, not of skip'
    )


def test_a_block_rule_may_answer_for_itself(tmp_path: Path) -> None:
    (rule,) = build(tmp_path, {**BLOCK, "action_parameters": {"response": RESPONSE}})

    assert rule.response is not None
    assert (rule.response.status_code, rule.response.content) == (403, "no")
