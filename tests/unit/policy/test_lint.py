# SPDX-License-Identifier: Apache-2.0
"""What is probably not meant in a policy: what its rules say each, and beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.certificate import Certificate
from authz.certs.trust import compile_trust
from authz.policy.fields import SCHEME
from authz.policy.lint import authorities_of, lint_rules
from authz.policy.lint_catalogue import POLICY_KINDS
from authz.policy.model import Action, DefaultAction, SkipParameters
from authz.rules import KnownAuthority, parse
from tests.factories.pki import authority, intermediate, root
from tests.factories.policies import rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.lint import PolicyFinding
    from authz.policy.model import RuleModel

_REST = SkipParameters(current=True)
_TLS = "cf.tls_client_auth."
_V, _R = _TLS + "cert_verified", _TLS + "cert_revoked"
_SUBJECT = _TLS + "cert_subject_dn"
_A, _B = 'http.request.uri.path in {"/a"}', 'http.request.uri.path in {"/b"}'


def _ski(name: str = "Test Root CA") -> str:
    return Certificate.from_der(root(name).der).ski


def _skip(expression: str, ref: str, skip: SkipParameters = _REST) -> RuleModel:
    return rule(expression, ref=ref, action=Action.SKIP, skip=skip)


def _findings(*rules: RuleModel, **changes: Any) -> list[PolicyFinding]:
    return list(snapshot(site(*rules, **changes)).findings)


def _codes(*rules: RuleModel, **changes: Any) -> list[tuple[str, str]]:
    return [(found.rule, found.code) for found in _findings(*rules, **changes)]


# Revoked certificates.


def test_a_rule_is_judged_by_its_action() -> None:
    verified = f"{_V} and {_A}"

    assert _codes(rule(f"not {_V}", ref="b")) == [("b", "revoked_not_checked")]
    assert _codes(rule(f"not {_V}", ref="b", action=Action.LOG)) == []
    assert _codes(_skip(verified, "s")) == [("s", "revoked_not_checked")]
    assert _codes(rule(verified, ref="b")) == []
    assert _codes(_skip(verified, "s", SkipParameters(rules=("x",))), rule("ssl", ref="x")) == [
        ("s", "revoked_not_checked")
    ]
    assert _codes(_skip(verified, "s", SkipParameters(without_effect=("products",)))) == [
        ("s", "skip_without_effect")
    ]


def test_the_hint_has_the_corrected_expression_and_so_has_the_finding() -> None:
    (found,) = _findings(rule(f"not {_V} and {_A}", ref="b", where="p:3"))

    assert found.where == "p:3"
    assert found.suggestion == f"(not {_V} or {_R}) and {_A}"
    assert found.hint == f"write: {found.suggestion}"
    assert _codes(rule(found.suggestion)) == []


@pytest.mark.parametrize(
    "guard", [_R, f"{_R} and {_A}", f'{_R} and http.request.uri.path in {{"/b" "/a"}}']
)
def test_a_rule_of_its_own_for_revoked_certificates_protects_the_others(guard: str) -> None:
    """Cloudflare: "add a new mTLS rule or add a new expression to the default rule"."""
    default, new = rule(f"not {_V} and {_A}", ref="default"), rule(guard, ref="new")

    assert _codes(new, default) == []
    # The new one is behind the old one unless somebody moves it.
    assert _codes(default, new) == []


@pytest.mark.parametrize("guard", [f"{_R} and {_B}", f"{_R} and {_A} and ssl"])
def test_a_rule_for_revoked_certificates_elsewhere_protects_nothing(guard: str) -> None:
    default = rule(f"not {_V} and {_A}", ref="default")

    assert _codes(rule(guard, ref="new"), default) == [("default", "revoked_not_checked")]


def test_several_rules_protect_together() -> None:
    default = rule(f'not {_V} and http.request.uri.path in {{"/a" "/b"}}', ref="default")
    one, other = rule(f"{_R} and {_A}", ref="one"), rule(f"{_R} and {_B}", ref="other")

    assert _codes(one, default) == [("default", "revoked_not_checked")]
    assert _codes(one, default, other) == []


def test_a_rule_that_may_be_left_out_or_does_not_block_protects_nothing() -> None:
    default = rule(f"not {_V} and {_A}", ref="default")
    found = [("default", "revoked_not_checked")]

    assert (
        _codes(_skip("ssl", "s", SkipParameters(rules=("new",))), rule(_R, ref="new"), default)
        == found
    )
    assert _codes(rule(_R, ref="new", action=Action.LOG), default) == found
    assert _codes(rule(_R, ref="new", enabled=False), default) == found


def test_a_rule_behind_protects_unless_somebody_is_let_in_before_it() -> None:
    default, new = rule(f"not {_V} and {_A}", ref="default"), rule(_R, ref="new")
    office = _skip("ip.src in {10.0.0.0/8}", "office")
    good = _skip(f"{_V} and not {_R} and ssl", "good")

    assert _codes(default, office, new) == [("default", "revoked_not_checked")]
    assert _codes(office, default, new) == []
    # Whom this one lets in is not revoked.
    assert _codes(default, good, new) == []
    assert _codes(default, _skip("ssl", "s", SkipParameters(rules=("default",))), new) == []


def test_a_skip_is_protected_only_by_what_stands_before_it() -> None:
    skip, new = _skip(f"{_V} and {_A}", "s"), rule(_R, ref="new")

    assert _codes(new, skip) == []
    assert _codes(skip, new) == [("s", "revoked_not_checked")]
    # A rule that leaves out another one goes on to those behind it.
    part = _skip(f"{_V} and {_A}", "s", SkipParameters(rules=("x",)))
    assert _codes(part, rule("not ssl", ref="x"), new) == []


# Policies that admit.

_BLOCK = DefaultAction.BLOCK


def test_whoever_comes_to_a_default_that_blocks_is_kept_out() -> None:
    unverified, good = rule(f"not {_V}", ref="b"), _skip(f"not {_R}", "s")

    assert _codes(unverified, good, default_action=_BLOCK) == []
    assert _codes(unverified, good) == [("b", "revoked_not_checked")]
    assert _codes(unverified, default_action=_BLOCK) == []
    # Here somebody else lets them in, before the default.
    assert _codes(unverified, _skip("ssl", "s"), good, default_action=_BLOCK) == [
        ("b", "revoked_not_checked")
    ]
    # And here the rule itself.
    assert _codes(_skip(_V, "s"), default_action=_BLOCK) == [("s", "revoked_not_checked")]
    assert (
        _codes(_skip(_V, "s", SkipParameters(rules=("b",))), unverified, default_action=_BLOCK)
        == []
    )


@pytest.mark.parametrize(
    ("source", "code", "corrected"),
    [
        (_R, "revoked_admitted", f"{_V} and not {_R}"),
        ('authz.cert.failure eq "unknown_issuer"', "presented_not_verified", f"{_V} and not {_R}"),
        (
            f'{_TLS}cert_fingerprint_sha256 eq "{"ab" * 32}"',
            "pin_not_verified",
            f'{_V} and not {_R} and {_TLS}cert_fingerprint_sha256 eq "{"ab" * 32}"',
        ),
    ],
)
def test_whom_a_policy_that_admits_lets_in(source: str, code: str, corrected: str) -> None:
    (found,) = _findings(_skip(source, "s"), default_action=_BLOCK)

    assert (found.code, found.suggestion) == (code, corrected)
    assert _codes(_skip(corrected, "s"), default_action=_BLOCK) == []


def test_a_pin_behind_a_rule_that_blocks_the_unverified_is_fine() -> None:
    pinned = rule(f'not {_TLS}cert_fingerprint_sha256 in {{"{"ab" * 32}"}}', ref="pin")

    assert _codes(pinned) == [("pin", "pin_not_verified")]
    assert _codes(rule(f"not {_V} or {_R}", ref="b"), pinned) == []
    # Without trust, nobody is verified.
    assert "pin_not_verified" not in [code for _, code in _codes(pinned, trust=())]


def test_a_page_of_its_own_for_revoked_certificates_is_no_way_in() -> None:
    default = rule(f"not {_V} or {_R}", ref="default")
    aside = _skip(_R, "aside", SkipParameters(rules=("default",)))

    assert _codes(aside, default, rule(_R, ref="page")) == []
    assert _codes(aside, default) == [("aside", "revoked_admitted")]


# Several authorities.


def test_the_authorities_of_a_site_are_its_trust_with_the_key_identifiers() -> None:
    both = authority(root(), intermediate(), name="acme")
    trust = compile_trust((both, authority(root("Other CA"), name="beta")))
    below = Certificate.from_der(intermediate().der).ski

    assert authorities_of(trust) == (
        KnownAuthority(name="acme", skis=(_ski(), below)),
        KnownAuthority(name="beta", skis=(_ski("Other CA"),)),
    )


def test_any_authority_is_found_where_a_site_has_several_and_the_correction_names_them() -> None:
    trust = (authority(root(), name="acme"), authority(root("Other CA"), name="beta"))

    (found,) = _findings(rule(f"not {_V} or {_R}", ref="b"), trust=trust)

    assert (found.rule, found.code) == ("b", "issuer_not_checked")
    assert found.suggestion == (
        f'not ({_V} and {_TLS}cert_issuer_ski in {{"{_ski()}" "{_ski("Other CA")}"}}) or {_R}'
    )
    assert found.hint == f"keep the issuers that this rule is for; write: {found.suggestion}"
    assert f"acme ({_ski()})" in found.message
    assert _codes(rule(found.suggestion), trust=trust) == []


def test_a_rule_for_other_issuers_protects_the_others() -> None:
    trust = (authority(root(), name="acme"), authority(root("Other CA"), name="beta"))
    default = rule(f"not {_V} or {_R}", ref="default")
    new = rule(f'{_V} and not {_TLS}cert_issuer_ski in {{"{_ski()}"}}', ref="new")

    assert _codes(default, new, trust=trust) == []
    assert _codes(new, default, trust=trust) == []


# Certificates that nobody verified.


def test_behind_a_rule_that_blocks_everybody_unverified_names_can_be_believed() -> None:
    unverified = rule(f"not {_V} or {_R}", ref="first")
    staff = rule(f'not {_SUBJECT} contains "OU=Staff"', ref="staff")

    assert _codes(staff) == [("staff", "unverified_claim")]
    assert _codes(unverified, staff) == []
    # Whoever comes past it is blocked a little later.
    assert _codes(staff, unverified) == []
    assert _codes(staff, _skip("ssl", "s"), unverified) == [("staff", "unverified_claim")]
    assert _codes(rule(f"(not {_V} or {_R}) and {_A}", ref="first"), staff) == [
        ("staff", "unverified_claim")
    ]


def test_a_log_rule_may_read_what_it_likes() -> None:
    assert _codes(rule(f'{_SUBJECT} contains "x"', action=Action.LOG)) == []


# What one rule says.


def test_parameters_without_effect_are_named() -> None:
    (found,) = _findings(
        _skip("ssl", "s", SkipParameters(current=True, without_effect=("phases",)))
    )

    assert (found.code, found.message) == ("skip_without_effect", "phases: no effect here")


def test_findings_of_rules_come_before_those_of_the_ruleset() -> None:
    assert _codes(rule("ssl", ref="a"), rule("ssl and http.host in {}", ref="b")) == [
        ("b", "never_true"),
        ("b", "never_true"),
    ]
    assert _codes(
        rule("ssl", ref="a"), rule("ssl", ref="a2"), rule("http.host in {}", ref="c")
    ) == [
        ("c", "never_true"),
        ("a2", "same_rule_twice"),
    ]


def test_without_rules_there_is_nothing_to_say() -> None:
    assert list(lint_rules((), ())) == []


def test_where_rules_are_need_not_be_known() -> None:
    model = rule('http.host eq "other.test"')

    assert list(lint_rules([(model, parse(model.expression, SCHEME))], ())) == []


def test_every_kind_of_finding_is_explained_once() -> None:
    codes = [kind.code for kind in POLICY_KINDS]

    assert len(codes) == len(set(codes))
