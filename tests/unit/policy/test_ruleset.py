# SPDX-License-Identifier: Apache-2.0
"""Rules in order, found by an index or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.policy.model import Action, SkipParameters
from authz.policy.ruleset import Ruleset
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.model import RuleModel
    from authz.policy.ruleset import Outcome

_NOTHING: frozenset[str] = frozenset()
#: Enough for an index; none is about the host of the tests.
_OTHERS = [rule(f'http.host eq "other{n}.test"', ref=f"other{n}") for n in range(20)]


def _log(expression: str, ref: str) -> RuleModel:
    return rule(expression, ref=ref, action=Action.LOG)


def _skip(expression: str, ref: str, *rules: str) -> RuleModel:
    skip = SkipParameters(current=not rules, rules=rules)
    return rule(expression, ref=ref, action=Action.SKIP, skip=skip)


@pytest.fixture(params=["found", "in order"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _ruleset(way: str, *rules: RuleModel) -> Ruleset:
    ruleset = snapshot(site(*_OTHERS[:10], *rules, *_OTHERS[10:])).sites[0].ruleset
    assert ruleset.index is not None
    return ruleset if way == "found" else Ruleset(ruleset.rules, ruleset.fields)


def _run(ruleset: Ruleset, unknown: frozenset[str] = _NOTHING) -> Outcome:
    values = {"http.host": b"a.test", "ssl": True, "http.cookie": b"", "http.user_agent": b""}
    return ruleset.run(values, unknown)


_A = 'http.host eq "a.test"'


def test_logs_are_in_the_order_of_the_rules(way: str) -> None:
    outcome = _run(_ruleset(way, _log("ssl", "1"), _log(_A, "2"), _log("ssl", "3"), _log(_A, "4")))

    assert outcome.rule is None
    assert outcome.logged == ("1", "2", "3", "4")


def test_the_first_block_ends(way: str) -> None:
    outcome = _run(_ruleset(way, _log(_A, "log"), rule("ssl", ref="first"), rule(_A, ref="second")))

    assert outcome.rule is not None
    assert (outcome.rule.ref, outcome.logged) == ("first", ("log",))


def test_a_skip_leaves_out_the_rules_it_names_and_no_others(way: str) -> None:
    outcome = _run(
        _ruleset(
            way,
            _skip("ssl", "skip", "named", "other15"),
            rule(_A, ref="named"),
            _log(_A, "log"),
            rule(_A, ref="end"),
        )
    )

    assert outcome.rule is not None
    assert (outcome.rule.ref, outcome.logged) == ("end", ("log",))


def test_a_skip_of_the_rest_ends(way: str) -> None:
    outcome = _run(_ruleset(way, _skip(_A, "skip"), rule("ssl", ref="block")))

    assert outcome.rule is not None
    assert outcome.rule.ref == "skip"


def test_an_unknown_input_counts_for_a_rule_that_could_not_match(way: str) -> None:
    """No value of the host matches it, and it counts as matching."""
    reads = rule('http.host eq "b.test" and http.cookie contains "x"', ref="reads")
    unread = _log(f'{_A} and http.cookie eq ""', "reads as well")
    ruleset = _ruleset(way, _log(_A, "log"), unread, reads)

    outcome = _run(ruleset, frozenset({"http.cookie"}))

    assert outcome.rule is not None
    assert (outcome.rule.ref, outcome.unknown_input, outcome.logged) == ("reads", True, ("log",))
    assert _run(ruleset).rule is None


def test_nothing_matched(way: str) -> None:
    outcome = _run(_ruleset(way, rule('http.host eq "b.test"', ref="b")))

    assert (outcome.rule, outcome.logged, outcome.unknown_input) == (None, (), False)
