# SPDX-License-Identifier: Apache-2.0
"""Which rules guard another one, and against what; see test_lint for what comes of it."""

from __future__ import annotations

from authz.policy.fields import SCHEME
from authz.policy.lint_guards import MAX_GUARDS, Guards
from authz.policy.lint_rule import LintRule
from authz.policy.model import Action, DefaultAction, RuleModel, SkipParameters
from authz.rules import format_expression, parse
from authz.rules.formatter import format_logical
from authz.rules.lint_client import CLAIM_LEAK, ISSUER_LEAK, REVOKED_LEAK, Leak
from tests.factories.policies import rule

_TLS = "cf.tls_client_auth."
_V, _R = _TLS + "cert_verified", _TLS + "cert_revoked"
_SKI = _TLS + 'cert_issuer_ski in {"AA"}'


def _guards(position: int, *rules: RuleModel | str, leak: Leak = REVOKED_LEAK) -> list[str]:
    models = [
        rule(one, ref=f"r{n}") if isinstance(one, str) else one for n, one in enumerate(rules)
    ]
    known = [LintRule.of(model, parse(model.expression, SCHEME)) for model in models]
    return [format_logical(root) for root in Guards(known).of(position)(leak)]


def _path(letter: str) -> str:
    return f'http.request.uri.path in {{"/{letter}"}}'


def _skip(expression: str, **skip: object) -> RuleModel:
    return rule(expression, ref="s", action=Action.SKIP, skip=SkipParameters(**skip))  # type: ignore[arg-type]


def test_a_rule_without_conditions_of_its_own_is_enough() -> None:
    assert _guards(1, f"{_R} and {_path('a')}", f"not {_V} and {_path('a')}", _R) == [_R]
    assert _guards(0, "ssl", f"{_R} or not {_V}") == [f"{_R} or not {_V}"]
    assert _guards(0, _R) == []


def test_rules_about_the_same_come_first() -> None:
    others = [f"{_R} and {_path(letter)}" for letter in "bcdefghijk"]
    same = f"{_R} and {_path('a')} and ssl"

    found = _guards(0, f"not {_V} and {_path('a')}", *others, same)

    assert found[0] == same
    assert len(found) == MAX_GUARDS


def test_rules_about_something_else_or_without_the_fields_are_no_guards() -> None:
    mine = f"not {_V} and {_path('a')}"

    assert _guards(0, mine, f'{_R} and http.host eq "a"') == []
    assert _guards(0, mine, f"{_path('a')} and ssl") == []
    assert _guards(0, mine, rule(_R, action=Action.LOG)) == []


def test_what_keeps_somebody_out_depends_on_whom() -> None:
    rules = ("ssl", _R, f"{_V} and not {_SKI}", f"not {_V}")

    assert _guards(0, *rules, leak=REVOKED_LEAK) == [_R]
    assert _guards(0, *rules, leak=ISSUER_LEAK) == [f"{_V} and not {_SKI}"]
    assert _guards(0, *rules, leak=CLAIM_LEAK) == [f"not {_V}"]


def test_whoever_is_let_in_in_between_does_not_come_to_a_rule_behind() -> None:
    assert _guards(0, "ssl", _skip("not ssl", current=True), _R) == []
    assert _guards(1, _skip("not ssl", current=True), "ssl", _R) == [_R]
    assert _guards(0, "ssl", _skip(f"not {_R}", current=True), _R) == [_R]
    assert _guards(0, "ssl", _skip("not ssl", rules=("r9",)), _R) == [_R]
    assert _guards(0, "ssl", _skip("not ssl", rules=("r2",)), _R) == []
    assert _guards(0, _skip("ssl", current=True), _R) == []
    assert _guards(1, _R, _skip("ssl", current=True)) == [_R]


def test_the_guards_are_the_conditions_as_they_are_written() -> None:
    source = f"{_R} and {_path('a')}"

    assert _guards(0, f"not {_V} and {_path('a')}", source) == [
        format_expression(parse(source, SCHEME))
    ]


def test_a_default_that_blocks_guards_whatever_nobody_lets_in_before_it() -> None:
    def guards(position: int, *rules: RuleModel) -> list[str]:
        known = [LintRule.of(model, parse(model.expression, SCHEME)) for model in rules]
        found = Guards(known, DefaultAction.BLOCK).of(position)(REVOKED_LEAK)
        return [format_logical(root) for root in found]

    mine = rule(f"not {_V}", ref="mine")

    assert guards(0, mine) == ["true"]
    assert guards(0, mine, _skip(f"{_V} and not {_R}", current=True)) == ["true"]
    assert guards(0, mine, _skip("ssl", current=True)) == []
    assert guards(0, _skip("ssl", current=True)) == []
