# SPDX-License-Identifier: Apache-2.0
"""The working of a decision on a recorded request, and where there is none."""

from __future__ import annotations

import json

import pytest

from authz.policy.explain import TraceBudget
from authz.policy.explain_recorded import explain_recorded
from authz.policy.model import Action
from authz.policy.recorded import Missing
from tests.factories.pki import AT, presented, root, self_signed
from tests.factories.policies import facts, rule, site, snapshot

COOKIE = 'http.cookie contains "x"'
POLICY_RULES = (rule(f'{COOKIE} and http.request.method eq "GET"', ref="cookie"),)
POLICY = snapshot(
    site(
        rule(),
        rule(f'{COOKIE} and http.request.method eq "GET"', ref="cookie"),
        rule('http.request.uri.path eq "/last"', ref="last"),
        hosts=("api.example.com",),
    )
)
NO_COOKIE = Missing(headers=frozenset({b"cookie"}))


def test_a_rule_says_what_it_depends_on_and_those_behind_it_may_be_reached() -> None:
    found = explain_recorded(POLICY, facts(path=b"/x"), NO_COOKIE, AT)

    assert found["decision"] == {
        "verdict": None,
        "reason": "",
        "action": "",
        "site": "api",
        "rule": "",
        "reads": ["http.cookie"],
    }
    [reading] = found["rules"]
    assert (reading["reading"], reading["verdicts"]) == ("/x", ["allow", "deny"])
    first, cookie, last = reading["rules"]
    assert (first["matches"], first["reached"], "reads" in first) == (False, True, False)
    assert (cookie["matches"], cookie["reached"], cookie["reads"]) == (None, True, ["http.cookie"])
    assert cookie["trace"]["unknown"] == "http.cookie"
    assert (last["matches"], last["reached"]) == (False, None)
    json.dumps(found)


def test_a_rule_that_is_sure_to_end_it_ends_it() -> None:
    [reading] = explain_recorded(POLICY, facts(path=b"/admin"), NO_COOKIE, AT)["rules"]

    assert reading["verdicts"] == ["deny"]
    assert [one["reached"] for one in reading["rules"]] == [True, False, False]


def test_each_reading_of_the_path_says_how_it_ends() -> None:
    found = explain_recorded(POLICY, facts(path=b"/x/..;/admin"), Missing(), AT)

    assert found["decision"]["reason"] == "ambiguous_path"
    assert {one["reading"]: one["verdicts"] for one in found["rules"]}["/admin"] == ["deny"]
    assert found["readings"] == [one["reading"] for one in found["rules"]]


@pytest.mark.parametrize(
    ("certificate", "clause"),
    [
        (presented(root().client("alice")), None),
        (presented(self_signed("m")), "RFC 5280 §6.1"),
    ],
    ids=["good", "stranger"],
)
def test_the_certificate_says_which_clause_it_fails(
    certificate: object, clause: str | None
) -> None:
    found = explain_recorded(POLICY, facts(presented=certificate), Missing(), AT)["certificate"]

    assert (found["clause"] and found["clause"]["source"]) == clause


def test_a_host_that_nobody_answers_for_has_no_rules() -> None:
    found = explain_recorded(POLICY, facts(host=b"other.test"), Missing(), AT)

    assert found["decision"]["reason"] == "unknown_host"
    assert "rules" not in found


def test_of_a_path_that_was_cut_no_rule_is_told_what_it_said() -> None:
    found = explain_recorded(POLICY, facts(path=b"/admin#"), Missing(path=True), AT)

    assert found["decision"]["verdict"] is None
    assert all(one["matches"] is not True for one in found["rules"][0]["rules"])


def test_the_first_reading_and_the_first_that_ends_otherwise_are_told() -> None:
    found = explain_recorded(POLICY, facts(path=b"/x/..;/admin"), Missing(), AT)

    told = [one for one in found["rules"] if one["told"]]
    assert len(found["rules"]) > len(told) == 2
    assert told[0] is found["rules"][0]
    assert told[0]["verdicts"] != told[1]["verdicts"]
    assert all(bool(one["rules"]) is one["told"] for one in found["rules"])
    ends = {one["reading"]: one["ended_by"] for one in found["rules"]}
    assert ends["/admin"] == [POLICY.sites[0].ruleset.rules[0].ref]


def test_what_evaluation_does_not_come_to_is_neither_evaluated_nor_taken_apart() -> None:
    [reading] = explain_recorded(POLICY, facts(path=b"/admin"), Missing(), AT)["rules"]

    assert [one["matches"] for one in reading["rules"]] == [True, None, None]
    assert [one["trace"] is None for one in reading["rules"]] == [False, True, True]


def _many(number: int) -> list[str]:
    words = " or ".join(f'http.request.uri.path contains "word{one}"' for one in range(60))
    return [f'{words} or http.request.uri.path contains "n{one}"' for one in range(number)]


def test_as_many_rules_are_taken_apart_as_the_budget_says_those_that_matter_first() -> None:
    rules = [rule(text, action=Action.LOG, ref=f"r{one}") for one, text in enumerate(_many(100))]
    last = rule('http.request.uri.path eq "/admin"', ref="last")
    policy = snapshot(site(*rules, last, hosts=("api.example.com",)))
    path = b"/a/..;/b/..;/c/..;/d/..;/admin"

    found = explain_recorded(
        policy, facts(path=path), Missing(), AT, budget=TraceBudget(work=1e6, number=7)
    )

    assert len(found["rules"]) > 2
    told = [one for one in found["rules"] if one["told"]]
    traced = [said for one in told for said in one["rules"] if said["trace"] is not None]
    assert (len(told), len(traced)) == (2, 7)
    assert "last" in {said["rule"] for said in traced if said["matches"]}
    assert found["traces_left_out"] == 2 * 101 - 7


def test_what_was_left_out_is_no_matter_to_the_budget() -> None:
    budget = TraceBudget(work=1e6, number=9)
    headers = rule('any(http.request.headers["cookie"][*] eq "1")', ref="map", action=Action.LOG)
    policy = snapshot(site(*POLICY_RULES, headers, hosts=("api.example.com",)))
    asked = facts(path=b"/x", headers=((b"cookie", b""),))
    [reading] = explain_recorded(policy, asked, NO_COOKIE, AT, budget=budget)["rules"]

    assert [one["trace"]["unknown"] for one in reading["rules"]] == [
        "http.cookie",
        'http.request.headers["cookie"]',
    ]


def test_what_is_too_much_to_evaluate_is_not_evaluated() -> None:
    rules = [rule(text, action=Action.LOG, ref=f"r{one}") for one, text in enumerate(_many(100))]
    policy = snapshot(site(*rules, hosts=("api.example.com",)))
    long = b"/" + b"x" * 60_000

    found = explain_recorded(policy, facts(path=long), Missing(), AT)
    unsure = explain_recorded(policy, facts(path=long), NO_COOKIE, AT)

    assert found["decision"]["reason"] == "evaluation_budget"
    assert unsure["decision"]["reads"] == ["the size of the whole request"]
    assert found["too_much"] is unsure["too_much"] is True
    assert found["rules"] == unsure["rules"] == []
