# SPDX-License-Identifier: Apache-2.0
"""The trace of a decision: the same decision, with its working shown."""

from __future__ import annotations

import json

import pytest

from authz.policy.authorizer import authorize
from authz.policy.decision import Verdict
from authz.policy.explain import TraceBudget, explain
from authz.policy.explain_json import explanation_json
from authz.policy.explanation import RuleOutcome
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

    trace = explanation_json(explain(_POLICY, request, AT))
    decision = authorize(_POLICY, request, AT)

    assert trace["decision"]["verdict"] == decision.verdict
    assert trace["decision"]["reason"] == decision.reason
    assert trace["decision"]["rule"] == decision.rule
    json.dumps(trace)


def test_without_a_snapshot_there_is_only_the_decision() -> None:
    assert explain(None, facts(), AT).decision.reason == "no_snapshot"


def test_each_rule_says_whether_it_matches_for_each_reading() -> None:
    found = explain(_POLICY, facts(path=b"/admin;x"), AT)

    assert {
        (one.path, one.rules[0].matches, one.verdict, one.ended_by) for one in found.readings
    } == {
        (b"/admin;x", False, Verdict.ALLOW, ""),
        (b"/admin", True, Verdict.DENY, "protect-admin"),
    }
    assert not found.path_refused
    assert (found.paths, found.default_action) == ("compare", "allow")


def test_a_rule_on_input_that_was_cut_short_is_unknown() -> None:
    found = explain(_POLICY, facts(headers_truncated=True), AT)

    assert [one.matches for one in found.readings[0].rules] == [False, None]
    assert found.unknown_fields == {"http.user_agent"}


def test_each_rule_has_the_value_of_every_part_of_its_expression() -> None:
    trace = explanation_json(explain(_POLICY, facts(path=b"/admin"), AT))
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

    shown = explain(policy, facts(), AT).readings[0].rules

    assert {one.ref: one.outcome for one in shown} == {
        "skip": RuleOutcome.MATCHED,
        "left-out": RuleOutcome.SKIPPED,
        "seen": RuleOutcome.NOT_MATCHED,
        "log": RuleOutcome.MATCHED,
        "block": RuleOutcome.MATCHED,
        "behind": RuleOutcome.NOT_REACHED,
    }
    assert [one.ref for one in shown if not one.reached] == ["left-out", "behind"]
    assert [one.skipped_by for one in shown if one.skipped_by] == ["skip"]
    assert all(one.matches for one in shown if one.ref != "seen")


def test_a_rule_on_unknown_input_ends_evaluation_only_if_it_blocks() -> None:
    agent = 'http.user_agent contains "x"'
    policy = snapshot(
        site(rule(agent, ref="log", action=Action.LOG), rule(agent), rule("ssl", ref="behind"))
    )

    shown = explain(policy, facts(headers_truncated=True), AT).readings[0].rules

    assert [(one.matches, one.outcome) for one in shown] == [
        (None, RuleOutcome.NOT_COUNTED),
        (None, RuleOutcome.COUNTED),
        (True, RuleOutcome.NOT_REACHED),
    ]


def test_the_reasons_see_the_random_bytes_that_the_decision_saw() -> None:
    drawn = iter(b"%c" % n for n in range(256))
    policy = snapshot(site(rule('cf.random_seed eq "\\x00"')))

    found = explain(policy, facts(path=b"/a;b"), AT, seed=lambda: next(drawn))

    assert found.decision.reason == "rule"
    assert [one.rules[0].matches for one in found.readings] == [True]
    assert next(drawn) == b"\x01"


def test_the_certificate_is_judged_as_for_the_decision() -> None:
    alice = root().client("alice")

    stranger = explain(_POLICY, facts(presented=presented(self_signed("mallory"))), AT).certificate
    friend = explain(_POLICY, facts(presented=presented(alice)), AT).certificate

    assert stranger is not None
    assert friend is not None
    assert (stranger.failure, stranger.path, stranger.authority) == ("unknown_issuer", (), "")
    assert (friend.verified, friend.authority, friend.failure) == (True, "acme", None)
    assert [one.subject_dn for one in friend.path] == ["CN=alice", "CN=Test Root CA"]


def test_the_host_says_by_which_pattern_it_was_found() -> None:
    found = explain(_POLICY, facts(host=b"API.example.com:443", sni="other.test"), AT).host
    unknown = explain(_POLICY, facts(host=b"other.test"), AT)

    assert (found.read_as, found.pattern, found.site) == (
        "api.example.com",
        "api.example.com",
        "api",
    )
    assert (found.sni, found.sni_site, found.misdirected) == ("other.test", None, False)
    assert (unknown.host.read_as, unknown.host.pattern) == ("other.test", None)
    assert (unknown.certificate, unknown.readings) == (None, ())


def test_another_site_s_sni_is_told() -> None:
    policy = snapshot(
        site(rule(), hosts=("api.example.com",)), site(name="b", hosts=("b.test",), trust=())
    )

    found = explain(policy, facts(sni="b.test"), AT)

    assert found.decision.reason == "misdirected"
    assert (found.host.sni_site, found.host.misdirected) == ("b", True)


def test_the_fields_are_those_that_rules_read_and_those_of_the_certificate() -> None:
    found = explain(_POLICY, facts(presented=presented(root().client("alice"))), AT).fields

    assert found["http.user_agent"] == b""
    assert found["cf.tls_client_auth.cert_verified"] is True
    assert found["cf.tls_client_auth.cert_subject_dn"] == b"CN=alice"
    assert sum(name.startswith("cf.tls_client_auth.") for name in found) == 21
    assert "ip.src" not in found


def test_traces_are_made_while_there_is_budget_and_for_what_was_reached_first() -> None:
    policy = snapshot(
        site(
            rule("ssl", ref="skip", action=Action.SKIP, skip=SkipParameters(rules=("left-out",))),
            rule("ssl", ref="left-out"),
            rule("not ssl", ref="other"),
            rule("ssl", ref="block"),
        )
    )

    few = explain(policy, facts(), AT, budget=TraceBudget(work=1e6, number=2)).readings[0].rules
    none = explain(policy, facts(), AT, budget=TraceBudget(work=0.0, number=9)).readings[0].rules

    assert [one.ref for one in few if one.traced is not None] == ["skip", "block"]
    assert [one.traced for one in none] == [None] * 4
    assert [one.outcome for one in none] == [one.outcome for one in few]


def test_rules_that_cost_too_much_to_judge_are_not_explained() -> None:
    costly = rule('any(url_decode(http.request.headers["a"][*], "r")[*] eq "x")')
    header = (b"a", b"%25" * 20_000)
    request = facts(path=b"/a;%25%25/%2e%2e/b//c", headers=(header,) * 40)

    found = explain(snapshot(site(costly)), request, AT)

    assert found.decision.reason == "evaluation_budget"
    assert found.readings == ()


def test_a_path_with_path_refused_is_explained_as_sent() -> None:
    path = b"/a//b/../c;x=1/%2e%2e\\d%00e#f"

    found = explain(_POLICY, facts(path=path), AT)

    assert found.decision.reason == "ambiguous_path"
    assert found.path_refused
    assert [one.path for one in found.readings] == [path]
