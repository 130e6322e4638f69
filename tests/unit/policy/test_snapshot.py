# SPDX-License-Identifier: Apache-2.0
"""Compiling a policy: what is refused, with the place, and what is only noted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.certs.trust import RevocationMode
from authz.errors import ExpressionError, PolicyError
from authz.policy.authorizer import authorize
from authz.policy.model import Action, PolicyModel, SkipParameters
from authz.policy.snapshot import MAX_DECIDED, compile_snapshot
from tests.factories.pki import AT, authority, presented, root
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


def test_a_skip_that_does_nothing_here_is_noted() -> None:
    skip = SkipParameters(without_effect=("products",))
    policy = snapshot(site(rule(action=Action.SKIP, skip=skip, where="p:1")))

    assert "skip_without_effect" in {found.code for found in policy.findings}


def test_what_is_odd_about_trust_is_noted_with_its_place() -> None:
    off = authority(revoked_serials=[1], revocation=RevocationMode.OFF)

    assert "revocation is off" in snapshot(site(trust=(off,))).findings[0].message


# --- decisions that are remembered ----------------------------------------------------------

_RULES = (
    rule('http.request.uri.path eq "/a" and not cf.tls_client_auth.cert_verified', ref="a"),
    rule('http.host eq "b.example.com" and cf.tls_client_auth.cert_revoked', ref="b"),
)


@given(
    requests=st.lists(
        st.tuples(
            st.sampled_from([b"/a", b"/a?q=1", b"/b", b"/%61", b"*", b"/a;x"]),
            st.sampled_from([b"a.example.com", b"b.example.com", b"B.example.com:443"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_a_remembered_decision_is_the_one_made_anew(
    requests: list[tuple[bytes, bytes, bool]],
) -> None:
    remembering = snapshot(site(*_RULES))
    alice = presented(root().client("alice"))

    for path, host, with_certificate in requests:
        request = facts(path=path, host=host, **({"presented": alice} if with_certificate else {}))
        old, new = (
            authorize(remembering, request, AT),
            authorize(snapshot(site(*_RULES)), request, AT),
        )
        assert (old.verdict, old.reason, old.rule, old.detail) == (
            new.verdict,
            new.reason,
            new.rule,
            new.detail,
        )


def test_decisions_that_follow_from_client_host_and_path_are_kept() -> None:
    made = snapshot(site(*_RULES))
    first = authorize(made, facts(path=b"/b?one"), AT)

    assert authorize(made, facts(path=b"/b?two"), AT) is first
    assert authorize(made, facts(path=b"/c"), AT) is not first


@pytest.mark.parametrize("field", ["http.request.method", "http.user_agent", "http.request.uri"])
def test_a_rule_that_reads_more_is_asked_every_time(field: str) -> None:
    made = snapshot(site(*_RULES, rule(f'{field} eq "x"', ref="more")))
    authorize(made, facts(), AT)

    assert made.decided == {}


def test_the_paths_of_clients_do_not_pile_up() -> None:
    made = snapshot(site(*_RULES))
    for number in range(MAX_DECIDED + 10):
        authorize(made, facts(path=b"/%d" % number), AT)

    assert len(made.decided) <= MAX_DECIDED


def test_a_request_too_large_for_the_budget_is_not_let_in_by_a_smaller_one() -> None:
    """The same request gets the same answer whatever came before."""
    costly = rule(
        " or ".join(f'http.request.uri.path matches "a[ab]{{{n}}}c"' for n in range(200, 260))
    )
    made = snapshot(site(costly))
    authorize(made, facts(path=b"/x"), AT)
    large = facts(path=b"/x", headers=((b"h", b"v" * 60_000),))

    assert authorize(made, large, AT).reason is authorize(snapshot(site(costly)), large, AT).reason
