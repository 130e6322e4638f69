# SPDX-License-Identifier: Apache-2.0
"""Compiling a policy: what is refused, with the place, and what is only noted."""

from __future__ import annotations

import pytest

from authz.certs.trust import RevocationMode
from authz.demo.pki import make_root
from authz.errors import ExpressionError, PolicyError
from authz.policy.authorizer import authorize
from authz.policy.model import Action, PolicyModel, SkipParameters
from authz.policy.snapshot import MAX_DECIDED, MAX_DECIDED_KEY, compile_snapshot
from tests.factories.pki import AT, authority, root
from tests.factories.policies import facts, rule, site, snapshot


def _error(*sites: object) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        snapshot(*sites)  # type: ignore[arg-type]
    return caught.value


def test_a_policy_without_sites_is_refused() -> None:
    with pytest.raises(PolicyError, match="no sites"):
        compile_snapshot(PolicyModel(sites=()), 1, AT)


def test_two_sites_for_one_host_are_refused_with_the_place() -> None:
    error = _error(site(), site(name="b", where="policy.yaml:9: sites[1]"))

    assert error.where == "policy.yaml:9: sites[1]"


@pytest.mark.parametrize("enabled", [True, False])
def test_a_bad_expression_names_its_rule_even_when_disabled(enabled: bool) -> None:
    where = "policy.yaml:12: sites[0].rules[0].expression"

    with pytest.raises(ExpressionError) as caught:
        snapshot(site(rule("http.hots eq 1", where=where, enabled=enabled)))

    assert caught.value.where == where
    assert "http.host" in str(caught.value.hint)


def test_a_list_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="nope"):
        snapshot(site(rule("ip.src in $nope")))


def test_a_skip_without_parameters_is_refused() -> None:
    assert "skips nothing" in _error(site(rule(action=Action.SKIP))).message


def test_a_skip_of_an_unknown_rule_is_refused() -> None:
    skip = SkipParameters(rules=("ghost",))

    assert "ghost" in _error(site(rule(action=Action.SKIP, skip=skip))).message


def test_sites_with_the_same_trust_share_one_bundle() -> None:
    policy = snapshot(site(hosts=("a.test",)), site(name="b", hosts=("b.test",)))

    assert policy.sites[0].trust is policy.sites[1].trust


def test_the_revocation_trap_is_found_and_named() -> None:
    policy = snapshot(site(rule("not cf.tls_client_auth.cert_verified", where="p:1")))

    assert [(found.rule, found.where) for found in policy.findings] == [("protect-admin", "p:1")]
    assert "revoked" in policy.findings[0].message


def test_the_recommended_rule_has_no_findings() -> None:
    assert snapshot().findings == ()


def test_next_updates_are_by_site_and_authority() -> None:
    ca = root()
    crl = ca.crl(revoked=[], next_update=AT + 3600)
    policy = snapshot(site(trust=(authority(ca, crls=[crl.der]),)))

    assert list(policy.crl_next_updates().values()) == [AT + 3600]


def test_the_first_end_of_an_anchor_by_the_name_of_its_authority() -> None:
    ca, other = (make_root(str(end), at=AT, not_after=AT + end) for end in (3600, 60))
    policy = snapshot(
        site(trust=(authority(ca),)),
        site(name="same", hosts=("b.example",), trust=(authority(ca),)),
        site(name="more", hosts=("c.example",), trust=(authority(other), authority(ca, name="b"))),
        site(name="none", hosts=("d.example",)),
    )

    assert policy.anchor_ends() == {"acme": AT + 60, "b": AT + 3600}


def test_a_skip_that_does_nothing_here_is_noted() -> None:
    skip = SkipParameters(without_effect=("products",))
    policy = snapshot(site(rule(action=Action.SKIP, skip=skip, where="p:1")))

    assert "skip_without_effect" in {found.code for found in policy.findings}


def test_what_is_odd_about_trust_is_noted_with_its_place() -> None:
    off = authority(revoked_serials=[1], revocation=RevocationMode.OFF)

    assert "revocation is off" in snapshot(site(trust=(off,))).findings[0].message


# --- decisions that are remembered ----------------------------------------------------------


def test_what_clients_make_remembered_does_not_pile_up() -> None:
    made = snapshot()
    decision = authorize(made, facts(), AT)
    for number in range(MAX_DECIDED + 10):
        made.remember((b"", b"a", b"/%d" % number, b""), decision)

    assert len(made.decided) <= MAX_DECIDED


def test_what_is_long_is_not_remembered() -> None:
    made = snapshot()
    made.remember((b"", b"a", b"/" * (MAX_DECIDED_KEY + 1), b""), authorize(made, facts(), AT))

    assert made.decided == {}
