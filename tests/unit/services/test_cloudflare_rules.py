# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's rules as ours: every verdict, and what is said with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import PolicyError
from authz.policy.fields import scheme_for
from authz.rules import ListKind, ListModel, compile_list
from authz.services.cloudflare_report import Verdict
from authz.services.cloudflare_rules import Challenge, Surroundings, translate_rules
from tests.factories.cloudflare import hex_id, rule

if TYPE_CHECKING:
    from authz.services.cloudflare_rules import TranslatedRules

OFFICE = compile_list(ListModel(name="office", kind=ListKind.IP, items=("192.0.2.0/24",)))
NARROWER = Surroundings(trust_narrows=True, hosts_ask=True)
OF_ACCOUNT = Surroundings(of_account=True)


def translated(*rules: dict[str, Any], **given: Any) -> TranslatedRules:
    return translate_rules(
        rules, **{"scheme": scheme_for(None), "lists": {"office": OFFICE}, **given}
    )


def codes(done: TranslatedRules, index: int = 0) -> list[str]:
    return [note.code for note in done.items[index].notes]


@pytest.mark.parametrize(
    "given",
    [
        rule("a", "not ip.src in $office"),
        rule("a", "ssl", "log"),
        rule("a", "ssl", "skip", action_parameters={"ruleset": "current"}),
        rule("a", "ssl", "skip", action_parameters={"phase": "current"}, logging={"enabled": True}),
        rule("a", "ssl", enabled=False),
        rule(
            "a",
            "ssl",
            action_parameters={
                "response": {
                    "status_code": 401,
                    "content": "{}",
                    "content_type": "application/json",
                }
            },
        ),
        rule("a", "cf.tls_client_auth.cert_presented and cf.threat_score eq 0"),
        rule("a", 'cf.zone.name eq "example.com"'),
        rule("a", "ssl", categories=None, ratelimit=None),
    ],
)
def test_a_rule_that_carries_over_is_the_same(given: dict[str, Any]) -> None:
    done = translated(given)

    assert (done.items[0].verdict, done.items[0].notes) == (Verdict.CARRIES_OVER, ())
    assert done.losses == ()
    assert done.rules == ({key: one for key, one in given.items() if one is not None},)


def test_a_rule_without_a_ref_is_named_by_its_identifier() -> None:
    given = rule("a", "ssl")
    del given["ref"]

    assert translated(given).rules[0]["ref"] == given["id"]


@pytest.mark.parametrize("action", ["managed_challenge", "js_challenge", "challenge"])
def test_challenges_are_left_out_unless_something_is_chosen(action: str) -> None:
    given = rule("bots", "ssl", action, action_parameters={})

    done = translated(given)
    assert (done.items[0].verdict, codes(done)) == (Verdict.CANNOT, ["challenge"])
    assert done.losses == (f"rule bots ({action}) is left out",)

    blocked = translated(given, challenge=Challenge.BLOCK)
    assert (blocked.items[0].verdict, codes(blocked)) == (Verdict.CHANGES, ["challenge"])
    assert (blocked.rules[0]["action"], blocked.losses) == ("block", ())

    skipped = translated(given, challenge=Challenge.SKIP_RULE)
    assert (skipped.rules, skipped.items[0].verdict) == ((), Verdict.CANNOT)
    assert skipped.losses == (f"rule bots ({action}) is left out",)


@pytest.mark.parametrize(
    ("given", "losses"),
    [
        (rule("waf", "true", "execute", action_parameters={"id": hex_id(9)}), 1),
        (rule("waf", "true", "execute", enabled=False), 0),
        (rule("score", "ssl", "score"), 0),
        (rule("rewrite", "ssl", "rewrite"), 0),
    ],
)
def test_actions_that_are_of_other_products_are_left_out(
    given: dict[str, Any], losses: int
) -> None:
    done = translated(given)

    assert (done.items[0].verdict, codes(done)) == (Verdict.CANNOT, ["action"])
    assert (len(done.losses), done.rules) == (losses, ())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (rule("bad", 'http.hots eq "a"'), 'did you mean "http.host"?'),
        (rule("bad", "cf.bot_management.score lt 30"), "^^^^^^"),
        (rule("bad", 'ip.src.country eq "DE"'), "geoip.city"),
        (rule("bad", "ip.src in $cf.open_proxies"), "^^^^"),
        (rule("bad", "ssl", ratelimit={"period": 10}), "rate limiting"),
        (rule("bad", "ssl", "skip"), "does not say what to skip"),
        (rule("bad", "ssl", "dance"), 'unknown action "dance"'),
        (rule("bad", ""), "write a value"),
    ],
)
def test_what_cannot_be_used_shows_the_engines_error(given: dict[str, Any], says: str) -> None:
    done = translated(given)

    (item,) = done.items
    assert (item.verdict, done.rules) == (Verdict.CANNOT, ())
    assert item.error is not None
    assert says in item.error.render()
    assert len(done.losses) == (given["action"] == "block")


def test_a_rule_without_an_expression_is_none() -> None:
    given = rule("a")
    del given["expression"]

    assert translated(given).items[0].verdict is Verdict.CANNOT


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ('cf.zone.plan eq "ENT"', "other_value"),
        ('cf.zone.name eq "example.com"', "other_value"),
        ("cf.edge.server_port eq 443", "other_value"),
        ('http.request.body.raw contains "x"', "needs_envoy"),
        ("cf.tls_client_auth.cert_verified", "trust_per_host"),
        ('cf.tls_client_auth.cert_issuer_ski eq "AB"', "trust_per_host"),
    ],
)
def test_what_has_another_value_here_is_said(expression: str, code: str) -> None:
    done = translated(rule("a", expression), around=NARROWER)

    assert (done.items[0].verdict, codes(done)) == (Verdict.CHANGES, [code])


def test_a_block_rule_that_wants_a_plan_never_blocks_here() -> None:
    wants = 'ssl and cf.zone.plan eq "ENT"'
    done = translated(
        rule("a", wants),
        rule("b", wants, "log"),
        rule("c", wants, enabled=False),
        rule("d", wants, "challenge"),
        challenge=Challenge.BLOCK,
    )

    assert len(done.rules) == 4
    assert done.losses == (
        'rule a (block) reads cf.zone.plan, which is "" here: it may never block',
        'rule d (challenge) reads cf.zone.plan, which is "" here: it may never block',
    )


def test_rules_of_the_account_do_not_skip() -> None:
    skip = rule("a", "ssl", "skip", action_parameters={"ruleset": "current"})
    done = translated(skip, rule("b"), around=OF_ACCOUNT)

    assert [one["ref"] for one in done.rules] == ["b"]
    assert (done.items[0].verdict, codes(done)) == (Verdict.CANNOT, ["account_skip"])
    assert done.losses == ()


def test_a_rule_whose_name_is_taken_is_left_out() -> None:
    why = PolicyError("somebody has it", hint="another ref")
    done = translated(rule("a"), rule("b"), taken={"b": why})

    assert [one["ref"] for one in done.rules] == ["a"]
    assert (done.items[1].verdict, done.items[1].error) == (Verdict.CANNOT, why)
    assert done.losses == ("rule b (block) is left out",)


def test_rules_that_are_skipped_are_named_by_ref() -> None:
    block = rule("block", "ssl")
    gone = rule("gone", "ssl", "execute")
    skip = rule(
        "skip",
        "ssl",
        "skip",
        action_parameters={
            "rules": {hex_id(0x77): [block["id"], gone["id"]], hex_id(8): ["f" * 32]}
        },
    )

    done = translated(skip, block, gone)

    assert done.rules[0]["action_parameters"] == {"rules": {"current": ["block"]}}
    assert codes(done) == ["skipped_rules"]
    assert "gone" in done.items[0].notes[0].text


def test_a_skip_of_nothing_that_is_here_is_left_out() -> None:
    skip = rule("skip", "ssl", "skip", action_parameters={"rules": {hex_id(8): ["f" * 32]}})

    done = translated(skip)

    assert (done.rules, done.items[0].verdict, done.losses) == ((), Verdict.CANNOT, ())


def test_a_skip_of_other_products_has_no_effect() -> None:
    skip = rule(
        "skip", "ssl", "skip", action_parameters={"products": ["waf"], "ruleset": "current"}
    )

    done = translated(skip)

    assert (done.items[0].verdict, codes(done)) == (Verdict.CHANGES, ["skip_without_effect"])
    assert done.rules[0]["action_parameters"] == skip["action_parameters"]
