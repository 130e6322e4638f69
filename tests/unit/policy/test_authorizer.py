# SPDX-License-Identifier: Apache-2.0
"""The decision, clause by clause of architecture section 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.failure import VerifyFailure
from authz.certs.presented import ABSENT, CertificateSource, Presented
from authz.policy.authorizer import authorize, path_readings
from authz.policy.decision import BlockResponse, Decision, Reason, Verdict
from authz.policy.model import (
    Action,
    DefaultAction,
    Misdirected,
    PathMode,
    SkipParameters,
)
from tests.factories.pki import AT, DAY, authority, presented, root, self_signed
from tests.factories.policies import facts, rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.snapshot import Snapshot

BLOCK_ALL = 'http.request.uri.path contains "/"'
RESPONSE = BlockResponse(status_code=418, content_type="text/plain", content="no")


def _outcome(decision: Decision) -> tuple[Verdict, Reason, str]:
    return decision.verdict, decision.reason, decision.rule


def test_without_a_snapshot_everything_is_denied() -> None:
    decision = authorize(None, facts(), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.NO_SNAPSHOT, "")


@pytest.mark.parametrize("host", [b"other.test", b"", b"a,b", b"user@api.example.com"])
def test_an_unknown_host_is_denied(host: bytes) -> None:
    policy = snapshot(site(hosts=("api.example.com",)))

    decision = authorize(policy, facts(host=host), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.UNKNOWN_HOST, "")


def test_a_valid_certificate_is_let_in() -> None:
    decision = authorize(
        snapshot(), facts(path=b"/admin", presented=presented(root().client("a"))), AT
    )

    assert _outcome(decision) == (Verdict.ALLOW, Reason.DEFAULT_ACTION, "")
    assert decision.client is not None
    assert decision.client.verified


@pytest.mark.parametrize(
    ("certificate", "failure"),
    [
        (ABSENT, VerifyFailure.ABSENT),
        (Presented(certificate="junk"), VerifyFailure.MALFORMED),
        (presented(self_signed("x")), VerifyFailure.UNKNOWN_ISSUER),
        (presented(root().client("old", not_after=AT - DAY)), VerifyFailure.EXPIRED),
        (presented(root().client("new", not_before=AT + DAY)), VerifyFailure.NOT_YET_VALID),
    ],
)
def test_certificate_trouble_is_for_the_rules(
    certificate: Presented, failure: VerifyFailure
) -> None:
    policy = snapshot()

    protected = authorize(policy, facts(path=b"/admin", presented=certificate), AT)
    public = authorize(policy, facts(path=b"/public", presented=certificate), AT)

    assert _outcome(protected) == (Verdict.DENY, Reason.RULE, "protect-admin")
    assert public.verdict is Verdict.ALLOW
    assert public.client is not None
    assert public.client.failure is failure


def test_a_revoked_certificate_is_verified_and_revoked() -> None:
    alice = root().client("alice")
    trust = (authority(root(), revoked_serials=[alice.serial]),)
    policy = snapshot(site(rule(), trust=trust))

    decision = authorize(policy, facts(path=b"/admin", presented=presented(alice)), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.RULE, "protect-admin")
    assert decision.client is not None
    assert decision.client.verified
    assert decision.client.revoked


def test_the_plain_rule_lets_a_revoked_certificate_in() -> None:
    """As at Cloudflare, which is why the lint warns about it."""
    alice = root().client("alice")
    trust = (authority(root(), revoked_serials=[alice.serial]),)
    plain = rule("not cf.tls_client_auth.cert_verified")

    decision = authorize(snapshot(site(plain, trust=trust)), facts(presented=presented(alice)), AT)

    assert decision.verdict is Verdict.ALLOW


def test_a_site_without_trust_verifies_nobody() -> None:
    policy = snapshot(site(rule("not cf.tls_client_auth.cert_verified"), trust=()))

    decision = authorize(policy, facts(presented=presented(root().client("a"))), AT)

    assert decision.verdict is Verdict.DENY


def test_another_sites_authority_does_not_count() -> None:
    other = root("Other Root")
    policy = snapshot(
        site(rule("not cf.tls_client_auth.cert_verified"), hosts=("a.test",)),
        site(name="b", hosts=("b.test",), trust=(authority(other),)),
    )

    decision = authorize(policy, facts(host=b"a.test", presented=presented(other.client("x"))), AT)

    assert decision.verdict is Verdict.DENY


def test_rules_run_in_order_and_the_first_block_ends() -> None:
    policy = snapshot(
        site(
            rule(BLOCK_ALL, ref="see", action=Action.LOG),
            rule(BLOCK_ALL, ref="first", response=RESPONSE),
            rule(BLOCK_ALL, ref="second"),
        )
    )

    decision = authorize(policy, facts(), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.RULE, "first")
    assert decision.logged == ("see",)
    assert decision.response == RESPONSE


def test_a_disabled_rule_does_nothing() -> None:
    decision = authorize(snapshot(site(rule(BLOCK_ALL, enabled=False))), facts(), AT)

    assert decision.verdict is Verdict.ALLOW


def test_skip_current_ends_evaluation_and_lets_in() -> None:
    skip = rule(BLOCK_ALL, ref="in", action=Action.SKIP, skip=SkipParameters(current=True))
    policy = snapshot(site(skip, rule(BLOCK_ALL), default_action=DefaultAction.BLOCK))

    decision = authorize(policy, facts(), AT)

    assert _outcome(decision) == (Verdict.ALLOW, Reason.RULE, "in")


def test_skip_rules_leaves_out_only_those() -> None:
    skip = rule(BLOCK_ALL, ref="s", action=Action.SKIP, skip=SkipParameters(rules=("first",)))
    policy = snapshot(site(skip, rule(BLOCK_ALL, ref="first"), rule(BLOCK_ALL, ref="second")))

    decision = authorize(policy, facts(), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.RULE, "second")


def test_skip_products_has_no_effect_here() -> None:
    skip = rule(
        BLOCK_ALL, ref="s", action=Action.SKIP, skip=SkipParameters(without_effect=("waf",))
    )

    decision = authorize(snapshot(site(skip, rule(BLOCK_ALL))), facts(), AT)

    assert decision.verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("default", "verdict"),
    [(DefaultAction.ALLOW, Verdict.ALLOW), (DefaultAction.BLOCK, Verdict.DENY)],
)
def test_nothing_matched_is_the_default_action(default: DefaultAction, verdict: Verdict) -> None:
    decision = authorize(snapshot(site(default_action=default)), facts(), AT)

    assert _outcome(decision) == (verdict, Reason.DEFAULT_ACTION, "")


# Paths (4.7)


@pytest.mark.parametrize(
    "path", [b"/x/..;/admin", b"/%61dmin", b"//admin", b"/admin;x", b"/admin%00", b"/admin%20"]
)
def test_a_disguised_path_is_ambiguous(path: bytes) -> None:
    decision = authorize(snapshot(), facts(path=path), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.AMBIGUOUS_PATH, "protect-admin")


@pytest.mark.parametrize(
    "path", [b"/a/", b"/100%25", b"/caf%C3%A9", b"/x;v=1", b"/a?x=/admin", b"/"]
)
def test_a_path_whose_readings_agree_is_ordinary(path: bytes) -> None:
    assert authorize(snapshot(), facts(path=path), AT).verdict is Verdict.ALLOW


def test_a_path_that_is_blocked_as_sent_names_its_rule() -> None:
    policy = snapshot(site(rule(BLOCK_ALL, ref="all", response=RESPONSE)))

    decision = authorize(policy, facts(path=b"/a%20b"), AT)

    assert _outcome(decision) == (Verdict.DENY, Reason.RULE, "all")


def test_every_reading_of_an_allow_list_has_to_be_on_it() -> None:
    into = rule(
        'http.request.uri.path in {"/public"}',
        ref="in",
        action=Action.SKIP,
        skip=SkipParameters(current=True),
    )
    policy = snapshot(site(into, default_action=DefaultAction.BLOCK))

    assert authorize(policy, facts(path=b"/public"), AT).verdict is Verdict.ALLOW
    assert authorize(policy, facts(path=b"/public;/../admin"), AT).verdict is Verdict.DENY
    assert authorize(policy, facts(path=b"/admin/..;/public"), AT).verdict is Verdict.DENY


class _Drawn:
    """A source of random bytes that counts: 00…, 01…, 02…."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return bytes([self.times - 1]) * 16


def test_random_bytes_are_drawn_once_and_only_when_a_rule_comes_to_them() -> None:
    drawn = _Drawn()
    policy = snapshot(
        site(
            rule('http.request.uri.path eq "/x" and cf.random_seed eq ""', ref="one"),
            rule('http.request.uri.path eq "/x" and len(cf.random_seed) ne 16', ref="two"),
        )
    )

    authorize(policy, facts(path=b"/y"), AT, seed=drawn)
    unread = drawn.times
    decision = authorize(policy, facts(path=b"/x"), AT, seed=drawn)

    assert (unread, drawn.times, decision.verdict) == (0, 1, Verdict.ALLOW)


def test_every_reading_of_the_path_sees_the_same_random_bytes() -> None:
    """The reading as sent does not come to them, so that the first other one draws them."""
    drawn = _Drawn()
    path = b"/a;b/c%20d"
    expression = (
        'not http.request.uri.path contains ";" and substring(cf.random_seed, 0, 1) ne "\\x00"'
    )
    policy = snapshot(site(rule(expression)))

    decision = authorize(policy, facts(path=path), AT, seed=drawn)

    assert len(path_readings(policy.sites[0], facts(path=path), path) or ()) > 2
    assert (drawn.times, decision.verdict) == (1, Verdict.ALLOW)


def test_a_decision_that_hangs_on_random_bytes_is_never_remembered() -> None:
    policy = snapshot(site(rule('cf.random_seed eq "a" and http.request.uri.path eq "/x"')))

    verdicts = [
        authorize(policy, facts(path=b"/x"), AT, seed=lambda seed=seed: seed).verdict  # type: ignore[misc]  # a default
        for seed in (b"a", b"b", b"a")
    ]

    assert verdicts == [Verdict.DENY, Verdict.ALLOW, Verdict.DENY]


def test_without_a_source_there_are_no_random_bytes() -> None:
    policy = snapshot(site(rule('cf.random_seed eq ""')))

    assert authorize(policy, facts(), AT).verdict is Verdict.DENY


def test_refuse_refuses_every_path_with_two_readings() -> None:
    policy = snapshot(site(paths=PathMode.REFUSE))

    assert authorize(policy, facts(path=b"/100%25"), AT).reason is Reason.AMBIGUOUS_PATH
    assert authorize(policy, facts(path=b"/a/"), AT).verdict is Verdict.ALLOW


def test_as_sent_judges_what_was_sent() -> None:
    policy = snapshot(site(rule(), paths=PathMode.AS_SENT))

    assert authorize(policy, facts(path=b"/%61dmin"), AT).verdict is Verdict.ALLOW


def test_a_path_with_too_many_readings_is_ambiguous() -> None:
    path = b"/a//b/../c;x=1/%2e%2e\\d%00e#f"

    assert authorize(snapshot(), facts(path=path), AT).reason is Reason.AMBIGUOUS_PATH


@pytest.mark.parametrize(
    ("method", "path", "verdict"),
    [
        (b"OPTIONS", b"*", Verdict.ALLOW),
        (b"CONNECT", b"", Verdict.ALLOW),
        (b"CONNECT", b"/chat", Verdict.ALLOW),
        (b"GET", b"*", Verdict.DENY),
        (b"GET", b"", Verdict.DENY),
        (b"GET", b"admin", Verdict.DENY),
        (b"GET", b"http://other.test/admin", Verdict.DENY),
        (b"GET", b"?/admin", Verdict.DENY),
    ],
)
def test_only_ordinary_targets_are_judged(method: bytes, path: bytes, verdict: Verdict) -> None:
    decision = authorize(snapshot(), facts(method=method, path=path), AT)

    assert decision.verdict is verdict


# 421 (4.10)


def _two_sites(**changes: Any) -> Snapshot:
    return snapshot(
        site(hosts=("a.test",), **changes),
        site(name="b", hosts=("b.test",), trust=(authority(root("Other Root")),)),
        site(name="c", hosts=("c.test",)),
    )


@pytest.mark.parametrize(
    ("sni", "misdirected"),
    [
        ("b.test", True),
        ("B.TEST.", True),
        ("a.test", False),
        ("c.test", False),
        ("unknown.test", False),
        ("", False),
        (None, False),
    ],
)
def test_421_when_sni_and_host_differ_in_trust(sni: str | None, misdirected: bool) -> None:
    decision = authorize(_two_sites(), facts(host=b"a.test", sni=sni), AT)

    assert (decision.reason is Reason.MISDIRECTED) is misdirected


def test_421_never_with_xfcc() -> None:
    certificate = Presented(source=CertificateSource.XFCC)

    decision = authorize(
        _two_sites(),
        facts(host=b"a.test", sni="b.test", presented=certificate),
        AT,
    )

    assert decision.verdict is Verdict.ALLOW


def test_421_can_be_ignored() -> None:
    policy = _two_sites(misdirected=Misdirected.IGNORE)

    decision = authorize(policy, facts(host=b"a.test", sni="b.test"), AT)

    assert decision.verdict is Verdict.ALLOW


# Unknown inputs (4.9)


def test_a_rule_on_a_truncated_body_matches_for_block() -> None:
    policy = snapshot(site(rule('http.request.body.raw contains "x"')))

    assert authorize(policy, facts(body=b"ok", body_truncated=True), AT).verdict is Verdict.DENY
    assert authorize(policy, facts(body=b"ok"), AT).verdict is Verdict.ALLOW


@pytest.mark.parametrize("action", [Action.SKIP, Action.LOG])
def test_a_rule_on_truncated_headers_does_not_match_for_skip_and_log(action: Action) -> None:
    skip = SkipParameters(current=True) if action is Action.SKIP else None
    policy = snapshot(
        site(
            rule('http.user_agent contains ""', action=action, skip=skip),
            default_action=DefaultAction.BLOCK,
        )
    )

    decision = authorize(policy, facts(headers_truncated=True), AT)

    assert decision.reason is Reason.DEFAULT_ACTION
    assert decision.logged == ()


def test_truncated_is_itself_known() -> None:
    policy = snapshot(site(rule("http.request.body.truncated", ref="t")))

    assert authorize(policy, facts(body_truncated=True), AT).rule == "t"


# Who is anonymous (4.3)


@pytest.mark.parametrize(
    "changes",
    [{"host": b"a,b"}, {"path": b"/admin"}, {"path": b"/admin;x"}, {"path": b"no-slash"}],
)
def test_a_denial_knows_whether_a_certificate_was_presented(changes: dict[str, bytes]) -> None:
    somebody = presented(self_signed("x"))

    assert authorize(snapshot(), facts(**changes), AT).anonymous
    assert not authorize(snapshot(), facts(presented=somebody, **changes), AT).anonymous
    assert authorize(None, facts(**changes), AT).anonymous
