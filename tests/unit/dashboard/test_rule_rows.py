# SPDX-License-Identifier: Apache-2.0
"""Rows of the list of rules."""

from __future__ import annotations

from typing import Any

import pytest

from authz.dashboard.rule_rows import PER_PAGE, name_of, page_number, page_of, to_block
from tests.factories.rulesets import rule
from tests.factories.stored import rule_draft


def _kept(ref: str = "a", **changes: Any) -> dict[str, Any]:
    return {"id": ref * 32, "enabled": True} | rule(ref, **changes)


@pytest.mark.parametrize(
    ("parameters", "answers"),
    [
        ({}, ""),
        ({"response": {"status_code": 418}}, "answers 418"),
        ({"ruleset": "current"}, "all rules after it"),
        ({"phase": "current", "rules": {"x": ["a"]}}, "all rules after it"),
        ({"rules": {"x": ["a", "b"], "y": "odd"}}, "2 rules"),
        ({"rules": {"x": ["a"]}}, "1 rule"),
        ({"products": ["waf"]}, ""),
    ],
)
def test_what_a_rule_does_besides(parameters: dict[str, Any], answers: str) -> None:
    (row,) = page_of([_kept(action_parameters=parameters)]).rows

    assert row.answers == answers
    assert row.name == "a"


def test_pages() -> None:
    rules = [_kept(f"{number:02}") for number in range(PER_PAGE + 1)]

    assert [page_of(rules, number=number).number for number in (-1, 1, 2, 3)] == [1, 1, 2, 2]
    assert page_of(rules, number=2).rows[0].place == PER_PAGE + 1
    assert page_of([]).pages == 1
    assert [page_number(place) for place in (0, 1, PER_PAGE, PER_PAGE + 1)] == [1, 1, 1, 2]


def test_the_draft_that_a_rule_that_logs_first_has() -> None:
    logging = _kept(action="log")
    draft = rule_draft("x", None, "d", rule_id=logging["id"], rule=rule("a"))
    others = [
        rule_draft("x", None, "1", rule_id="other", rule=rule("a")),
        rule_draft("x", None, "2", rule_id=logging["id"], rule=rule("a", expression="ssl")),
        rule_draft("x", None, "3", rule_id=logging["id"], rule=rule("a", action="log")),
    ]

    assert to_block(logging, [*others, draft]) == draft.id
    assert to_block(logging, others) == ""
    assert to_block(_kept(), [draft]) == ""


def test_a_rule_is_called_by_its_description_or_by_its_ref() -> None:
    assert name_of(_kept("a", description="Keep out")) == "Keep out"
    assert name_of(_kept("a", description="")) == "a"
