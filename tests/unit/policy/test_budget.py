# SPDX-License-Identifier: Apache-2.0
"""The evaluation budget: ordinary requests never meet it, a pathological one is denied."""

from __future__ import annotations

from authz.policy.authorizer import authorize
from authz.policy.budget import exceeds_budget
from authz.policy.decision import Reason, Verdict
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site, snapshot

_LARGE = facts(headers=((b"x", b"v" * 60_000),))


def test_a_thousand_rules_read_the_largest_headers_that_envoy_accepts() -> None:
    assert not exceeds_budget(_LARGE, readings=4, rules=1000)


def test_many_readings_of_a_large_request_are_too_much() -> None:
    assert exceeds_budget(_LARGE, readings=32, rules=1000)


def test_a_few_rules_never_meet_the_budget() -> None:
    assert not exceeds_budget(facts(body=b"x" * 10_000_000), readings=32, rules=2)


def test_beyond_the_budget_the_request_is_denied_with_its_own_reason() -> None:
    rules = [
        rule(f'http.request.uri.path contains "n{n}" and http.cookie contains "x"', ref=f"r{n}")
        for n in range(1000)
    ]
    policy = snapshot(site(*rules))
    path = b"/%61;a/%62/%63;b//c"

    decision = authorize(policy, facts(path=path, headers=_LARGE.headers), AT)

    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.EVALUATION_BUDGET)
    assert authorize(policy, facts(path=b"/a", headers=_LARGE.headers), AT).verdict is Verdict.ALLOW
