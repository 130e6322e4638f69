# SPDX-License-Identifier: Apache-2.0
"""Rulings are made once, say who decided, and do not pile up."""

from __future__ import annotations

from authz.policy.decision import Reason, Verdict
from authz.policy.model import Action, DefaultAction, SkipParameters
from authz.policy.ruleset import NOTHING_MATCHED, Outcome
from authz.policy.rulings import _MAX_REMEMBERED, Rulings
from tests.factories.policies import rule, site, snapshot


def _rulings(**changes: object) -> Rulings:
    return Rulings(site="api", generation=3, **changes)  # type: ignore[arg-type]


def test_nothing_matched_is_the_default_action() -> None:
    allowed = _rulings(default_action=DefaultAction.ALLOW).of(NOTHING_MATCHED)
    blocked = _rulings(default_action=DefaultAction.BLOCK).of(NOTHING_MATCHED)

    assert (allowed.verdict, allowed.action) == (Verdict.ALLOW, "allow")
    assert (blocked.verdict, blocked.action) == (Verdict.DENY, "block")
    assert {allowed.reason, blocked.reason} == {Reason.DEFAULT_ACTION}


def test_a_rule_that_skips_the_rest_lets_in_and_one_that_blocks_does_not() -> None:
    skipping = rule("ssl", ref="s", action=Action.SKIP, skip=SkipParameters(current=True))
    made = snapshot(site(skipping, rule("ssl", ref="b"))).sites[0]
    skips, blocks, _ = (made.rulings.of(outcome) for outcome in made.ruleset.outcomes)

    assert (skips.verdict, skips.rule) == (Verdict.ALLOW, "s")
    assert (blocks.verdict, blocks.rule) == (Verdict.DENY, "b")


def test_the_same_outcome_has_the_same_ruling() -> None:
    made = snapshot().sites[0]
    outcome = made.ruleset.outcomes[0]
    logged = Outcome(outcome.rule, ("a", "b"))

    assert made.rulings.of(outcome) is made.rulings.of(outcome)
    assert made.rulings.of(logged) is made.rulings.of(Outcome(outcome.rule, ("a", "b")))
    assert made.rulings.of(logged).logged == ("a", "b")


def test_a_refusal_denies_and_is_made_once() -> None:
    rulings = _rulings()
    refusal = rulings.refusal(Reason.AMBIGUOUS_PATH, "protect-admin")

    assert (refusal.verdict, refusal.reason) == (Verdict.DENY, Reason.AMBIGUOUS_PATH)
    assert (refusal.site, refusal.rule, refusal.generation) == ("api", "protect-admin", 3)
    assert rulings.refusal(Reason.AMBIGUOUS_PATH, "protect-admin") is refusal


def test_what_a_client_can_make_match_together_is_bounded() -> None:
    rulings = _rulings()
    for number in range(_MAX_REMEMBERED + 10):
        rulings.of(Outcome(None, (str(number),)))

    assert len(rulings._remembered) <= _MAX_REMEMBERED


def test_two_rules_of_one_ref_have_a_ruling_each() -> None:
    skipping = rule("ssl", ref="same", action=Action.SKIP, skip=SkipParameters(current=True))
    made = snapshot(site(skipping, rule("ssl", ref="same"))).sites[0]
    skips, blocks, _ = (Outcome(one.rule, ("l",)) for one in made.ruleset.outcomes)

    assert made.rulings.of(skips).verdict is Verdict.ALLOW
    assert made.rulings.of(blocks).verdict is Verdict.DENY
