# SPDX-License-Identifier: Apache-2.0
"""Rules that nothing reaches, and rules that are there twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from authz.policy.fields import SCHEME
from authz.policy.lint_reach import MAX_COMPARED, unreached
from authz.policy.lint_rule import LintRule
from authz.policy.model import Action, SkipParameters
from authz.rules import parse
from tests.factories.policies import rule

if TYPE_CHECKING:
    from authz.policy.lint_rule import PolicyFinding
    from authz.policy.model import RuleModel

_REST = SkipParameters(current=True)


def _skip(expression: str, ref: str, skip: SkipParameters = _REST) -> RuleModel:
    return rule(expression, ref=ref, action=Action.SKIP, skip=skip)


def _log(expression: str, ref: str) -> RuleModel:
    return rule(expression, ref=ref, action=Action.LOG)


def _findings(*rules: RuleModel) -> list[PolicyFinding]:
    return list(unreached([LintRule.of(one, parse(one.expression, SCHEME)) for one in rules]))


def _codes(*rules: RuleModel) -> list[tuple[str, str]]:
    return [(found.rule, found.code) for found in _findings(*rules)]


# Behind a rule that always matches.


def test_rules_behind_a_block_that_always_matches_are_unreachable() -> None:
    found = _findings(
        rule("true", ref="all"), rule("ssl", ref="a", where="p:9"), rule("not ssl", ref="b")
    )

    assert [(one.rule, one.code) for one in found] == [("a", "unreachable"), ("b", "unreachable")]
    assert found[0].where == "p:9"
    assert '"all"' in found[0].message


def test_what_always_matches_is_found_out() -> None:
    assert _codes(rule("ssl or not ssl", ref="all"), rule('http.host eq "a"', ref="a")) == [
        ("a", "unreachable")
    ]
    assert _codes(rule("len(http.host) ge 0", ref="all"), rule("ssl", ref="a")) == [
        ("a", "unreachable")
    ]


def test_a_block_behind_a_skip_that_always_matches_blocks_nothing() -> None:
    assert _codes(_skip("not ssl", "open"), rule("ssl", ref="a")) == []
    (found,) = _findings(_skip("true", "open"), rule("ssl", ref="a"))

    assert (found.rule, found.code) == ("a", "never_blocks")
    assert found.hint == (
        'give "open" a condition, or move it behind this rule; or write for "open": not ssl'
    )


@pytest.mark.parametrize(
    "first",
    [
        rule("true", ref="log", action=Action.LOG),
        _skip("true", "some", SkipParameters(rules=("x",))),
        _skip("true", "none", SkipParameters(without_effect=("products",))),
    ],
    ids=["log", "skip of one rule", "skip without effect"],
)
def test_rules_that_do_not_end_evaluation_leave_the_others_reachable(first: RuleModel) -> None:
    assert _codes(first, rule("ssl", ref="x")) == []


def test_a_rule_that_another_may_leave_out_hides_nothing() -> None:
    leave_out = _skip("ssl", "s", SkipParameters(rules=("all",)))

    assert _codes(leave_out, rule("true", ref="all"), rule("ssl", ref="a")) == []


def test_a_skip_that_reads_what_may_be_cut_short_hides_nothing() -> None:
    """Then it does not match, and the block rule behind it counts as matching."""
    reads = 'http.cookie contains ""'
    same = 'http.cookie contains "x"'

    assert _codes(_skip(reads, "s"), rule("ssl", ref="a")) == []
    assert _codes(_skip(same, "s"), rule(f"{same} and ssl", ref="a")) == []
    assert _codes(_skip(same, "s"), rule(same, ref="a")) == []
    # A block rule matches then, so that nothing behind it is reached.
    assert _codes(rule(reads, ref="b"), rule("ssl", ref="a")) == [("a", "unreachable")]


# The same condition.


@pytest.mark.parametrize(
    "again",
    [
        'ssl and http.host in {"a" "b"}',
        '(http.host in {"b" "a" "a"}) && ssl',
        '(http.host == "b" or http.host == "a") and ssl and ssl',
        'not (not ssl or http.host ne "a" and http.host ne "b")',
    ],
)
def test_the_same_rule_twice_is_found_whatever_its_spelling(again: str) -> None:
    found = _findings(rule('ssl and http.host in {"a" "b"}', ref="a"), rule(again, ref="b"))

    assert [(one.rule, one.code, one.message) for one in found] == [
        ("b", "same_rule_twice", 'rule "a" says the same')
    ]


def test_the_same_condition_behind_one_that_ended_evaluation_is_unreachable() -> None:
    assert _codes(_skip("ssl", "a"), rule("ssl", ref="b")) == [("b", "never_blocks")]
    assert _codes(rule("ssl", ref="a"), _skip("ssl", "b")) == [("b", "unreachable")]
    assert _codes(_log("ssl", "a"), rule("ssl", ref="b")) == []


def test_a_logged_rule_and_its_double_behind_a_block_are_told_apart() -> None:
    found = _codes(_log("ssl", "a"), rule("ssl", ref="b"), rule("ssl", ref="c"))

    assert found == [("c", "same_rule_twice")]


def test_two_rules_that_skip_something_else_are_not_the_same() -> None:
    one = _skip("ssl", "a", SkipParameters(rules=("x",)))
    other = _skip("ssl", "b", SkipParameters(rules=("y",)))

    assert _codes(one, other) == []
    assert _codes(one, _skip("ssl", "c", SkipParameters(rules=("x",)))) == [
        ("c", "same_rule_twice")
    ]


# A condition that implies an earlier one.


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("ssl", 'ssl and http.host eq "a"'),
        ('ssl or http.host eq "a"', "ssl"),
        ('http.host in {"a" "b"}', 'http.host eq "b" and ssl'),
        ("ip.src in {10.0.0.0/8}", "ip.src eq 10.1.2.3"),
        ('starts_with(http.request.uri.path, "/a")', 'http.request.uri.path in {"/a" "/a/b"}'),
        ('http.request.uri.path matches "^/a/"', 'http.request.uri.path eq "/a/b" and ssl'),
        (
            "not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked",
            "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) and ssl",
        ),
    ],
)
def test_a_rule_that_matches_less_than_one_before_it_is_unreachable(
    earlier: str, later: str
) -> None:
    assert _codes(rule(earlier, ref="a"), rule(later, ref="b")) == [("b", "unreachable")]
    assert _codes(rule(earlier, ref="a"), _log(later, "b")) == [("b", "unreachable")]
    assert _codes(_log(earlier, "a"), rule(later, ref="b")) == []
    # The other way round both have something to do.
    assert _codes(rule(later, ref="b"), rule(earlier, ref="a")) == []


def test_an_exception_that_is_too_wide_leaves_a_block_rule_nothing() -> None:
    (found,) = _findings(
        _skip("ip.src in {10.0.0.0/8}", "office"),
        rule('ip.src in {10.0.0.0/8} and http.request.uri.path eq "/admin"', ref="admin"),
    )

    assert (found.rule, found.code) == ("admin", "never_blocks")
    assert found.hint == (
        'move it before "office"; or write for "office": ip.src in {10.0.0.0/8} and not '
        '(ip.src in {10.0.0.0/8} and http.request.uri.path eq "/admin")'
    )
    narrower = found.hint.partition('write for "office": ')[2]
    assert (
        _codes(
            _skip(narrower, "office"),
            rule('ip.src in {10.0.0.0/8} and http.request.uri.path eq "/admin"', ref="admin"),
        )
        == []
    )


def test_a_rule_that_never_matches_is_not_said_to_be_unreachable_as_well() -> None:
    assert _codes(rule('http.host in {"a" "b"}', ref="a"), rule("http.host in {}", ref="b")) == []


def test_only_so_many_rules_before_it_are_looked_at() -> None:
    many = [
        rule(f'http.request.uri.path contains "<{n}>"', ref=f"r{n}") for n in range(MAX_COMPARED)
    ]
    last = rule('http.request.uri.path contains "y"', ref="last")
    covered = rule('http.request.uri.path contains "yy"', ref="covered")

    assert _codes(*many[1:], last, covered) == [("covered", "unreachable")]
    assert _codes(*many, last, covered) == []


def test_a_thousand_rules_are_compared_in_no_time() -> None:
    rules = [
        rule(
            f'http.request.uri.path matches "^/v{n}/" and http.host in {{"a{n}" "b{n}"}} and ssl',
            ref=f"r{n}",
        )
        for n in range(1000)
    ]
    known = [LintRule.of(one, parse(one.expression, SCHEME)) for one in rules]
    started = time.perf_counter()

    assert list(unreached(known)) == []
    # A sixth of a second is usual; comparing each with each takes minutes.
    assert time.perf_counter() - started < 10
