# SPDX-License-Identifier: Apache-2.0
"""A rule as the lint sees it: whom it keeps out or lets in, and whether it ends evaluation."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.policy.lint_rule import LintRule, left_out_by_name
from authz.policy.model import Action, RuleModel, SkipParameters
from authz.rules import Finding, Role, parse
from tests.factories.policies import rule


def _lint_rule(model: RuleModel) -> LintRule:
    return LintRule.of(model, parse(model.expression, SCHEME))


def _skip(expression: str = "ssl", **skip: object) -> LintRule:
    parameters = SkipParameters(**skip)  # type: ignore[arg-type]
    return _lint_rule(rule(expression, action=Action.SKIP, skip=parameters))


@pytest.mark.parametrize(
    ("given", "role", "ends"),
    [
        (_lint_rule(rule("ssl")), Role.BLOCK, True),
        (_lint_rule(rule("ssl", action=Action.LOG)), Role.LOG, False),
        (_skip(current=True), Role.ADMIT, True),
        (_skip(rules=("a",)), Role.ADMIT, False),
        (_skip(without_effect=("products",)), Role.LOG, False),
    ],
)
def test_what_a_rule_does_to_a_client(given: LintRule, role: Role, ends: bool) -> None:
    assert given.role is role
    assert given.ends is ends


@pytest.mark.parametrize(
    "expression",
    [
        'http.request.body.raw contains "x"',
        "http.request.body.size gt 5",
        'any(http.request.headers["a"][*] eq "x")',
        'http.cookie eq "a"',
    ],
)
def test_a_skip_that_reads_what_may_be_cut_short_may_not_match(expression: str) -> None:
    assert not _skip(expression, current=True).always_evaluated
    # A block rule counts as matching then, and ends evaluation all the same.
    assert _lint_rule(rule(expression)).always_evaluated
    assert _skip('http.host eq "a"', current=True).always_evaluated


def test_rules_that_another_names_may_be_left_out() -> None:
    rules = [_skip(rules=("a", "b")), _lint_rule(rule("ssl")), _skip(rules=("c",))]

    assert left_out_by_name(rules) == {"a", "b", "c"}


def test_a_finding_is_about_the_rule_or_about_a_place_in_its_expression() -> None:
    given = _lint_rule(rule("ssl", ref="r", where="p:1"))
    found = Finding(code="c", message="m", span=(0, 3), suggestion="not ssl", hint="do")

    whole, place = given.finding("code", "message", "hint"), given.finding_of(found)

    assert (whole.where, whole.rule, whole.code) == ("p:1", "r", "code")
    assert (whole.message, whole.hint, whole.span) == ("message", "hint", None)
    assert (place.where, place.rule, place.code) == ("p:1", "r", "c")
    assert (place.hint, place.suggestion) == ("do; write: not ssl", "not ssl")
    assert place.span == (0, 3)
