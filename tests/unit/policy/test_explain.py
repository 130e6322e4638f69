# SPDX-License-Identifier: Apache-2.0
"""The trace of a decision: the same decision, with its working shown."""

from __future__ import annotations

import json

import pytest

from authz.policy.authorizer import authorize
from authz.policy.explain import explain
from authz.policy.model import Action, SkipParameters
from tests.factories.pki import AT, presented, root, self_signed
from tests.factories.policies import facts, rule, site, snapshot

_POLICY = snapshot(
    site(rule(), rule('http.user_agent contains "x"', ref="agent"), hosts=("api.example.com",))
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"path": b"/admin"},
        {"path": b"/x/..;/admin"},
        {"path": b"/a//b/../c;x=1/%2e%2e\\d%00e#f"},
        {"host": b"other.test"},
        {"path": b"/admin", "presented": presented(root().client("alice"))},
        {"path": b"/admin", "presented": presented(self_signed("m"))},
        {"path": b"/\xff", "headers_truncated": True},
    ],
)
def test_explain_decides_as_authorize_does_and_is_json(changes: dict[str, bytes]) -> None:
    request = facts(**changes)

    trace = explain(_POLICY, request, AT)
    decision = authorize(_POLICY, request, AT)

    assert trace["decision"]["verdict"] == decision.verdict
    assert trace["decision"]["reason"] == decision.reason
    assert trace["decision"]["rule"] == decision.rule
    json.dumps(trace)


def test_without_a_snapshot_there_is_only_the_decision() -> None:
    assert explain(None, facts(), AT)["decision"]["reason"] == "no_snapshot"


def test_each_rule_says_whether_it_matches_for_each_reading() -> None:
    trace = explain(_POLICY, facts(path=b"/admin;x"), AT)

    found = {(one["reading"], one["rules"][0]["matches"]) for one in trace["rules"]}
    assert found == {("/admin;x", False), ("/admin", True)}


def test_a_rule_on_input_that_was_cut_short_is_unknown() -> None:
    trace = explain(_POLICY, facts(headers_truncated=True), AT)

    assert [one["matches"] for one in trace["rules"][0]["rules"]] == [False, None]


def test_each_rule_has_the_value_of_every_part_of_its_expression() -> None:
    trace = explain(_POLICY, facts(path=b"/admin"), AT)
    root = trace["rules"][0]["rules"][0]["trace"]

    assert (root["kind"], root["value"]) == ("and", True)
    assert [part["value"] for part in root["parts"]] == [True, True]
    assert root["parts"][1]["operand"] == "/admin"


def test_a_rule_that_evaluation_does_not_come_to_is_shown_and_says_so() -> None:
    policy = snapshot(
        site(
            rule("ssl", ref="skip", action=Action.SKIP, skip=SkipParameters(rules=("left-out",))),
            rule("ssl", ref="left-out"),
            rule("not ssl", ref="seen"),
            rule("ssl", ref="log", action=Action.LOG),
            rule("ssl", ref="block"),
            rule("ssl", ref="behind"),
        )
    )

    shown = explain(policy, facts(), AT)["rules"][0]["rules"]

    assert {one["rule"]: one["reached"] for one in shown} == {
        "skip": True,
        "left-out": False,
        "seen": True,
        "log": True,
        "block": True,
        "behind": False,
    }
    assert all(one["matches"] for one in shown if one["rule"] != "seen")


def test_a_rule_on_unknown_input_ends_evaluation_only_if_it_blocks() -> None:
    agent = 'http.user_agent contains "x"'
    policy = snapshot(
        site(rule(agent, ref="log", action=Action.LOG), rule(agent), rule("ssl", ref="behind"))
    )

    shown = explain(policy, facts(headers_truncated=True), AT)["rules"][0]["rules"]

    assert [(one["matches"], one["reached"]) for one in shown] == [
        (None, True),
        (None, True),
        (True, False),
    ]


def test_the_reasons_see_the_random_bytes_that_the_decision_saw() -> None:
    drawn = iter(b"%c" % n for n in range(256))
    policy = snapshot(site(rule('cf.random_seed eq "\\x00"')))

    trace = explain(policy, facts(path=b"/a;b"), AT, seed=lambda: next(drawn))

    assert trace["decision"]["reason"] == "rule"
    assert [one["rules"][0]["matches"] for one in trace["rules"]] == [True]
    assert next(drawn) == b"\x01"


def test_the_certificate_is_shown_with_its_failure_and_without_secrets() -> None:
    shown = explain(_POLICY, facts(presented=presented(self_signed("mallory"))), AT)["certificate"]

    assert shown["failure"] == "unknown_issuer"
    assert shown["subject_dn"] == "CN=mallory"
    assert "path" not in shown
