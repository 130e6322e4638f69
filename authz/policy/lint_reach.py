# SPDX-License-Identifier: Apache-2.0
"""Rules that nothing reaches, and rules that are there twice.

A rule is not reached when one before it ends evaluation for every request that it matches: because
that one always matches, has the same condition however it is written, or is seen to be implied
(authz.rules.lint_implication). Nothing is said where it takes several rules together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.lint_rule import left_out_by_name
from authz.policy.model import Action
from authz.rules.ast import Logic
from authz.rules.lint_finding import proposal
from authz.rules.lint_implication import implies, keys_of, wanted_keys
from authz.rules.lint_normal import normal
from authz.rules.lint_tree import joined, negated, simplified
from authz.rules.lint_truth import constant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.policy.lint_rule import LintRule, PolicyFinding
    from authz.rules.lint_implication import Key
    from authz.rules.lint_normal import Form

#: A rule is compared with so many that stand before it.
MAX_COMPARED: Final = 32


def unreached(rules: list[LintRule]) -> Iterator[PolicyFinding]:
    """What the enabled rules of a site, in order, do not come to."""
    # Leaving a rule out is what can still make the ones behind it run.
    left_out = left_out_by_name(rules)
    end: LintRule | None = None
    seen: dict[Form, LintRule] = {}
    before = _Before()
    for rule in rules:
        if end is not None:
            yield _behind(rule, end)
            continue
        truth = constant(rule.solver.vectors(rule.root))
        form = normal(rule.root)
        earlier = seen.get(form)
        if earlier is not None and (_surely_ends(earlier) or _same_effect(earlier, rule)):
            yield _again(rule, earlier)
        elif truth is not False:
            wider = before.implied_by(form)
            if wider is not None:
                yield _covered(rule, wider)
        if rule.model.ref in left_out:
            continue
        if earlier is None or not _surely_ends(earlier):
            seen[form] = rule
        if _surely_ends(rule):
            before.add(form, rule)
            end = rule if truth is True else None


class _Before:
    """The rules so far that end evaluation, by what they are about."""

    def __init__(self) -> None:
        self._by_key: dict[Key, list[tuple[Form, LintRule]]] = {}

    def add(self, form: Form, rule: LintRule) -> None:
        for key in keys_of(form):
            self._by_key.setdefault(key, []).append((form, rule))

    def implied_by(self, form: Form) -> LintRule | None:
        """A rule whose condition is true of everything that this one is true of."""
        left = MAX_COMPARED
        for key in wanted_keys(form):
            for other, rule in self._by_key.get(key, ())[:left]:
                left -= 1
                if implies(form, other):
                    return rule
        return None


def _behind(rule: LintRule, end: LintRule) -> PolicyFinding:
    first = end.model.ref
    if _is_let_past(rule, end):
        return rule.finding(
            "never_blocks",
            f'this blocks nothing: rule "{first}" before it always matches and skips the rest',
            f'give "{first}" a condition, or move it behind this rule{_narrower(end, rule)}',
        )
    return rule.finding(
        "unreachable",
        f'this is never reached: rule "{first}" before it always matches and ends evaluation',
        f'give "{first}" a condition, or remove this rule',
    )


def _again(rule: LintRule, earlier: LintRule) -> PolicyFinding:
    first = earlier.model.ref
    if _same_effect(earlier, rule):
        return rule.finding(
            "same_rule_twice", f'rule "{first}" says the same', "remove one of them"
        )
    return rule.finding(
        "never_blocks" if _is_let_past(rule, earlier) else "unreachable",
        f'this is never reached: rule "{first}" has the same condition and ends evaluation',
        "remove one of them, or change the condition of one",
    )


def _covered(rule: LintRule, wider: LintRule) -> PolicyFinding:
    first = wider.model.ref
    if _is_let_past(rule, wider):
        return rule.finding(
            "never_blocks",
            f'this blocks nothing: rule "{first}" before it matches all that this one does, and '
            "skips the rest",
            f'move it before "{first}"{_narrower(wider, rule)}',
        )
    return rule.finding(
        "unreachable",
        f'this is never reached: rule "{first}" before it matches all that this one does, and ends '
        "evaluation",
        f'remove this rule, or move it before "{first}"',
    )


def _narrower(wider: LintRule, rule: LintRule) -> str:
    """The condition with which a rule leaves another one its own."""
    text = proposal(simplified(joined(Logic.AND, (wider.root, negated(rule.root)))))
    return "" if text is None else f'; or write for "{wider.model.ref}": {text}'


def _is_let_past(rule: LintRule, earlier: LintRule) -> bool:
    return rule.model.action is Action.BLOCK and earlier.model.action is Action.SKIP


def _surely_ends(rule: LintRule) -> bool:
    return rule.ends and rule.always_evaluated


def _same_effect(one: LintRule, other: LintRule) -> bool:
    return one.model.action is other.model.action and one.model.skip == other.model.skip
