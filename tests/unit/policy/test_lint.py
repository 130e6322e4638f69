# SPDX-License-Identifier: Apache-2.0
"""What is probably not meant in a ruleset: rules nothing reaches, and unverified claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.policy.fields import SCHEME
from authz.policy.lint import CLAIMS
from authz.policy.model import Action, SkipParameters
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.lint import PolicyFinding
    from authz.policy.model import RuleModel

_REST = SkipParameters(current=True)
_SUBJECT = "cf.tls_client_auth.cert_subject_dn"
_VERIFIED = "cf.tls_client_auth.cert_verified and not cf.tls_client_auth.cert_revoked"


def _skip(expression: str, ref: str, skip: SkipParameters = _REST) -> RuleModel:
    return rule(expression, ref=ref, action=Action.SKIP, skip=skip)


def _findings(*rules: RuleModel, **changes: Any) -> list[PolicyFinding]:
    return list(snapshot(site(*rules, **changes)).findings)


def _codes(*rules: RuleModel) -> list[tuple[str, str]]:
    return [(found.rule, found.code) for found in _findings(*rules)]


def test_rules_behind_a_block_that_always_matches_are_unreachable() -> None:
    found = _findings(
        rule("true", ref="all"), rule("ssl", ref="a", where="p:9"), rule("not ssl", ref="b")
    )

    assert [(one.rule, one.code) for one in found] == [("a", "unreachable"), ("b", "unreachable")]
    assert found[0].where == "p:9"
    assert '"all"' in found[0].message


def test_a_block_behind_a_skip_that_always_matches_blocks_nothing() -> None:
    assert _codes(_skip("not ssl", "open"), rule("ssl", ref="a")) == []
    (found,) = _findings(_skip("true", "open"), rule("ssl", ref="a"))

    assert (found.rule, found.code) == ("a", "never_blocks")
    assert found.hint == 'give "open" a condition, or move it behind this rule'


@pytest.mark.parametrize(
    "first",
    [
        rule("true", ref="log", action=Action.LOG),
        _skip("true", "some", SkipParameters(rules=("x",))),
        rule("true", ref="off", enabled=False),
    ],
    ids=["log", "skip of one rule", "disabled"],
)
def test_rules_that_do_not_end_evaluation_leave_the_others_reachable(first: RuleModel) -> None:
    assert _codes(first, rule("ssl", ref="x")) == []


def test_a_rule_that_another_may_leave_out_hides_nothing() -> None:
    leave_out = _skip("ssl", "s", SkipParameters(rules=("all",)))

    assert _codes(leave_out, rule("true", ref="all"), rule("ssl", ref="a")) == []


def test_the_same_rule_twice_is_found_whatever_its_spelling() -> None:
    found = _findings(
        rule('ssl && http.host == "a"', ref="a"), rule('ssl and http.host eq "a"', ref="b")
    )

    assert [(one.rule, one.code, one.message) for one in found] == [
        ("b", "same_rule_twice", 'rule "a" says the same')
    ]


def test_the_same_condition_behind_one_that_ended_evaluation_is_unreachable() -> None:
    assert _codes(_skip("ssl", "a"), rule("ssl", ref="b")) == [("b", "unreachable")]
    assert _codes(rule("ssl", ref="a", action=Action.LOG), rule("ssl", ref="b")) == []


def test_a_logged_rule_and_its_double_behind_a_block_are_told_apart() -> None:
    log = rule("ssl", ref="a", action=Action.LOG)

    assert _codes(log, rule("ssl", ref="b"), rule("ssl", ref="c")) == [("c", "same_rule_twice")]


def test_a_name_is_believed_only_of_a_verified_certificate() -> None:
    (found,) = _findings(rule(f'not {_SUBJECT} contains "OU=Staff" and http.host eq "a"'))

    assert found.code == "unverified_claim"
    assert found.message.startswith(f"{_SUBJECT} is what the certificate says")
    assert found.hint == (
        f'write: not ({_VERIFIED} and {_SUBJECT} contains "OU=Staff") and http.host eq "a"'
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            rule(f'{_SUBJECT} ne "CN=a"'),
            f'write: not ({_VERIFIED} and {_SUBJECT} eq "CN=a")',
        ),
        (
            _skip(f'{_SUBJECT} eq "CN=a" or ssl', "s"),
            f'write: {_VERIFIED} and {_SUBJECT} eq "CN=a" or ssl',
        ),
        (
            rule('not any(authz.cert.san.dns[*] eq "a.example.com")'),
            f'write: not ({_VERIFIED} and any(authz.cert.san.dns[*] eq "a.example.com"))',
        ),
        (
            rule(f'not (ssl and starts_with(lower({_SUBJECT}), "cn=a"))'),
            f'write: not (ssl and ({_VERIFIED} and starts_with(lower({_SUBJECT}), "cn=a")))',
        ),
        # Whom a list keeps out shows another certificate: verified or not changes nothing.
        (rule('cf.tls_client_auth.cert_serial in {"0A" "0B"}'), None),
        (rule(f'ssl xor {_SUBJECT} eq "CN=a"'), None),
    ],
)
def test_the_corrected_expression_is_named_where_there_is_one(
    given: RuleModel, expected: str | None
) -> None:
    (found,) = _findings(given)

    assert (found.code, found.hint) == ("unverified_claim", expected)


def test_the_suggestion_has_no_finding() -> None:
    (found,) = _findings(rule(f'not {_SUBJECT} contains "OU=Staff"'))

    assert found.hint is not None
    assert _findings(rule(found.hint.removeprefix("write: "))) == []


@pytest.mark.parametrize(
    "expression",
    [
        f'{_SUBJECT} eq "a" and cf.tls_client_auth.cert_issuer_ski eq "8204"',
        'cf.tls_client_auth.cert_fingerprint_sha256 eq "' + "ab" * 32 + '"',
        f'not authz.cert.failure eq "" or {_SUBJECT} eq "a"',
    ],
)
def test_an_issuer_a_fingerprint_and_a_failure_are_verified_facts(expression: str) -> None:
    assert _codes(rule(expression)) == []


def test_behind_a_rule_that_blocks_everybody_unverified_names_can_be_believed() -> None:
    unverified = "not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked"
    staff = rule(f'not {_SUBJECT} contains "OU=Staff"', ref="staff")

    assert _codes(rule(unverified, ref="first"), staff) == []
    assert _codes(staff, rule(unverified, ref="last")) == [("staff", "unverified_claim")]


def test_a_log_rule_may_read_what_it_likes() -> None:
    assert _codes(rule(f'{_SUBJECT} contains "x"', action=Action.LOG)) == []


def test_every_claim_is_a_field() -> None:
    assert SCHEME.fields.keys() >= CLAIMS
