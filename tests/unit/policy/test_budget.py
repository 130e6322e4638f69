# SPDX-License-Identifier: Apache-2.0
"""The evaluation budget: ordinary requests never meet it, a pathological one is denied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.policy.authorizer import authorize
from authz.policy.decision import Reason, Verdict
from authz.policy.fields import field_values
from tests.factories.decisions import ANONYMOUS
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.snapshot import Snapshot
    from tests.factories.facts import RequestFacts

_LARGE = facts(headers=((b"cookie", b"v" * 60_000),))
_MANY_ARGUMENTS = facts(path=b"/?" + b"a&" * 30_000)


def _policy(expression: str, rules: int) -> Snapshot:
    return snapshot(
        site(*(rule(expression.replace("$N", str(n)), ref=f"r{n}") for n in range(rules)))
    )


def _exceeded(expression: str, request: RequestFacts, *, rules: int = 1, readings: int = 1) -> bool:
    policy = _policy(expression, rules)
    values = field_values(request, ANONYMOUS, "api", request.path, AT)
    return policy.sites[0].budget.exceeded(request, values, readings)


def test_a_thousand_rules_search_the_largest_headers_that_envoy_accepts() -> None:
    assert not _exceeded('http.cookie contains "n$N"', _LARGE, rules=1000)


def test_a_thousand_rules_read_an_ordinary_request_in_as_many_readings_as_there_may_be() -> None:
    request = facts(headers=((b"cookie", b"v" * 2000),), path=b"/" + b"a" * 200)

    assert not _exceeded('http.cookie contains "n$N"', request, rules=1000, readings=32)


def test_what_no_rule_searches_costs_nothing() -> None:
    request = facts(body=b"x" * 10_000_000)

    assert not _exceeded('http.host eq "$N" or http.cookie contains "$N"', request, rules=1000)


def test_random_bytes_are_counted_without_being_drawn() -> None:
    def never() -> bytes:
        raise AssertionError

    policy = _policy('substring(cf.random_seed, 0, 1) lt "\\x40" and http.host eq "$N"', 1000)
    request = facts(headers=((b"cookie", b"v" * 2000),))
    values = field_values(request, ANONYMOUS, "api", b"/", AT, seed=never)

    assert not policy.sites[0].budget.exceeded(request, values, 32)


def test_many_readings_of_a_large_request_are_too_much() -> None:
    assert _exceeded('http.cookie contains "n$N"', _LARGE, rules=1000, readings=32)


@pytest.mark.parametrize(
    "expression",
    [
        # A text for every argument times a text of the same length: quadratic.
        "len(concat(http.request.uri.args.names[*], http.request.uri)) eq 1",
        # An automaton too large to keep, on as many bytes.
        'http.request.uri matches "[ab&]*a[ab&]{5000}c"',
        # A long separator between many short texts.
        f'len(lower(join(http.request.uri.args.names, "{"x" * 3000}"))) eq 1',
    ],
    ids=["product", "regex", "join"],
)
def test_one_rule_can_be_too_much(expression: str) -> None:
    assert _exceeded(expression, _MANY_ARGUMENTS)
    assert not _exceeded(expression, facts(path=b"/?a=1&b=2"))


def test_beyond_the_budget_the_request_is_denied_with_its_own_reason() -> None:
    policy = _policy('http.request.uri.path contains "n$N" and http.cookie contains "x"', 1000)
    path = b"/%61;a/%62/%63;b//c"

    decision = authorize(policy, facts(path=path, headers=_LARGE.headers), AT)

    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.EVALUATION_BUDGET)
    assert authorize(policy, facts(path=b"/a", headers=_LARGE.headers), AT).verdict is Verdict.ALLOW


def test_a_field_that_is_no_part_of_the_request_is_measured() -> None:
    assert not _exceeded('authz.site contains "n$N"', _LARGE, rules=1000)


@pytest.mark.parametrize(
    "expression",
    [
        'lower(http.user_agent) contains "a"',
        'any(http.request.jwt.claims.sub["x"][*] eq "a") or http.user_agent eq "a"',
    ],
)
def test_a_request_of_a_size_may_be_within_the_budget_whatever_it_says(expression: str) -> None:
    budget = snapshot(site(rule(expression))).sites[0].budget
    values = field_values(facts(), ANONYMOUS, "api", b"/", AT)

    assert budget.surely_within(1_000, 1, values)
    assert not budget.surely_within(10**9, 1, values)
    assert not budget.surely_within(10**6, 10**6, values)
