# SPDX-License-Identifier: Apache-2.0
"""A recorded request is decided, or it is said what that depends on. What holds for every request
is a property: tests/properties/test_recorded_properties.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.policy import recorded as module
from authz.policy.decision import Verdict
from authz.policy.model import Action, DefaultAction, Misdirected, PathMode, SkipParameters
from authz.policy.recorded import Judged, Missing, judge
from tests.factories.pki import AT, authority, presented, root
from tests.factories.policies import facts, rule, site, snapshot

if TYPE_CHECKING:
    from authz.policy.facts import RequestFacts
    from authz.policy.model import RuleModel

COOKIE = 'http.cookie contains "x"'
SKIP_ALL = {"action": Action.SKIP, "skip": SkipParameters(current=True)}
NO_COOKIE = Missing(headers=frozenset({b"cookie"}))


def _judged(
    *rules: RuleModel, missing: Missing = NO_COOKIE, of: RequestFacts | None = None, **changes: Any
) -> Judged:
    request = of or facts(path=b"/a", headers=((b"cookie", b""),))
    return judge(snapshot(site(*rules, **changes)), request, missing, AT)


def test_what_depends_on_a_value_that_was_left_out_is_not_decided() -> None:
    found = _judged(rule(COOKIE, ref="r"))

    assert found == Judged(verdict=None, site="api", reads=("http.cookie",))


def test_it_is_decided_where_every_way_ends_alike() -> None:
    always = rule('http.request.uri.path eq "/a"', ref="always")

    found = _judged(rule(COOKIE, ref="r"), always)
    assert found.verdict is Verdict.DENY
    assert found.reads == ("http.cookie",)
    assert _judged(always, rule(COOKIE, ref="r")) == Judged(
        verdict=Verdict.DENY, reason="rule", site="api", rule="always", action="block"
    )
    assert _judged(rule(COOKIE, ref="r"), default_action=DefaultAction.BLOCK).verdict is (
        Verdict.DENY
    )


def test_a_rule_that_only_logs_decides_nothing() -> None:
    found = _judged(rule(COOKIE, ref="r", action=Action.LOG))

    assert (found.verdict, found.reason, found.reads) == (Verdict.ALLOW, "default_action", ())


def test_a_skip_that_may_match_is_followed_both_ways() -> None:
    block = rule('http.request.uri.path eq "/a"', ref="b")
    assert _judged(rule(COOKIE, ref="s", **SKIP_ALL), block).verdict is None
    assert _judged(rule(COOKIE, ref="s", **SKIP_ALL)).verdict is Verdict.ALLOW
    some = {"action": Action.SKIP, "skip": SkipParameters(rules=("b",))}
    assert _judged(rule(COOKIE, ref="s", **some), block).verdict is None
    other = rule('http.request.uri.path ne "/b"', ref="c")
    found = _judged(rule(COOKIE, ref="s", **some), block, other)
    assert found.verdict is Verdict.DENY


def test_ways_are_not_followed_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [
        rule(
            f'{COOKIE} or http.cookie eq "{n}"',
            ref=f"r{n}",
            action=Action.SKIP,
            skip=SkipParameters(rules=("last",)),
        )
        for n in range(3)
    ]
    last = rule('http.request.uri.path eq "/none"', ref="last")
    assert _judged(*some, last).verdict is Verdict.ALLOW
    monkeypatch.setattr(module, "MAX_FORKS", 2)
    assert _judged(*some, last).verdict is None


def test_many_rules_are_looked_up_as_far_as_the_keys_are_known() -> None:
    some = [rule(f'http.request.uri.path eq "/{n}"', ref=f"r{n}") for n in range(40)]

    found = _judged(*some, of=facts(path=b"/7"))
    assert (found.verdict, found.rule) == (Verdict.DENY, "r7")
    some = [rule(f'http.request.uri.query eq "{n}"', ref=f"r{n}") for n in range(40)]
    found = _judged(*some, missing=Missing(query=True), of=facts(path=b"/?"))
    assert (found.verdict, found.reads) == (None, ("http.request.uri.query",))


@pytest.mark.parametrize(
    ("missing", "expression"),
    [
        (Missing(query=True), 'http.request.uri eq "/a"'),
        (Missing(query=True), 'http.request.full_uri contains "x"'),
        (Missing(query=True), 'any(raw.http.request.uri.args.values[*] eq "x")'),
        (Missing(query=True, query_names=True), 'any(http.request.uri.args.names[*] eq "x")'),
        (Missing(query=True, query_names=True), 'any(http.request.uri.args["x"][*] eq "x")'),
        (Missing(path=True), 'http.host eq "x"'),
        (Missing(host=True), 'raw.http.request.full_uri contains "x"'),
        (Missing(body=True), "http.request.body.size > 1"),
        (Missing(body=True), "http.request.body.truncated"),
        (Missing(metadata=True), 'any(http.request.jwt.claims.sub["x"][*] eq "x")'),
        (Missing(metadata=True), 'any(authz.metadata["x"][*] eq "x")'),
        (Missing(headers=frozenset({b"x"})), 'any(http.request.headers.values[*] eq "x")'),
        (
            Missing(headers=frozenset({b"accept-language"})),
            "len(http.request.accepted_languages) > 1",
        ),
        (Missing(), 'cf.random_seed eq "x"'),
    ],
)
def test_each_thing_that_may_be_left_out_concerns_its_fields(
    missing: Missing, expression: str
) -> None:
    found = _judged(rule(expression), missing=missing, of=facts(path=b"/b"))

    assert found.verdict is None
    assert found.reads


@pytest.mark.parametrize(
    ("missing", "expression"),
    [
        (Missing(query=True), 'http.request.uri.path eq "/a"'),
        (Missing(query=True), 'any(http.request.uri.args.names[*] eq "x")'),
        (Missing(query=True), 'any(http.request.uri.args["absent"][*] eq "x")'),
        (Missing(headers=frozenset({b"x"})), 'any(http.request.headers.names[*] eq "y")'),
        (Missing(headers=frozenset({b"x"})), 'any(http.request.headers["y"][*] eq "x")'),
        (Missing(headers=frozenset({b"x"})), 'http.cookie eq "x"'),
        (Missing(body=True), 'http.request.method eq "PUT"'),
    ],
)
def test_what_is_known_besides_is_used(missing: Missing, expression: str) -> None:
    request = facts(path=b"/b?z=", headers=((b"x", b""), (b"z", b"")))

    assert _judged(rule(expression), missing=missing, of=request).verdict is Verdict.ALLOW


def test_what_was_cut_short_then_still_is() -> None:
    post = facts(path=b"/b", method=b"POST", headers=((b"content-length", b"9"),))
    cut = frozenset({"http.request.body.raw"})

    found = _judged(
        rule('http.request.body.raw contains "x" and http.request.uri.path eq "/a"'),
        missing=Missing(body=True, cut=cut),
        of=post,
    )
    # Architecture 4.9: a rule to block that reads it matches, whatever else it asks.
    assert (found.verdict, found.reason) == (Verdict.DENY, "rule")
    headers = facts(headers_truncated=True)
    assert _judged(rule(COOKIE), missing=Missing(), of=headers).verdict is Verdict.DENY
    assert _judged(rule(COOKIE, **SKIP_ALL), missing=Missing(), of=headers).verdict is (
        Verdict.ALLOW
    )


def test_a_path_is_allowed_if_every_reading_is() -> None:
    admin = rule('http.request.uri.path eq "/admin"', ref="admin")
    twice = facts(path=b"/x/..;/admin", headers=((b"cookie", b""),))

    found = _judged(admin, of=twice)
    assert (found.verdict, found.reason, found.rule) == (
        Verdict.DENY,
        "ambiguous_path",
        "admin",
    )
    both = rule(f'http.request.uri.path eq "/admin" and {COOKIE}', ref="both")
    assert _judged(both, of=twice).verdict is None
    assert _judged(both, admin, of=twice).verdict is Verdict.DENY
    assert _judged(admin, of=twice, paths=PathMode.REFUSE).reason == "ambiguous_path"
    assert _judged(admin, of=twice, paths=PathMode.AS_SENT).verdict is Verdict.ALLOW


def test_what_ends_a_check_outright_ends_it_here() -> None:
    named = snapshot(site(rule(), hosts=("other.test",)))
    assert judge(named, facts(), Missing(), AT).reason == "unknown_host"
    two = snapshot(
        site(rule(), name="a", hosts=("a.test",), misdirected=Misdirected.ANSWER_421),
        site(rule(), name="b", hosts=("b.test",), trust=(authority(root("Other")),)),
    )
    request = facts(host=b"a.test", sni="b.test", presented=presented(root().client("c")))
    assert judge(two, request, Missing(), AT).reason == "misdirected"


def test_a_request_that_may_have_been_too_large_to_decide_is_not_decided() -> None:
    costly = rule('http.request.uri.query matches "(a|b)*c" or http.cookie matches "(a|b)*c"')
    policy = snapshot(site(*[costly for _ in range(1)]))
    small, large = Missing(query=True, size=100), Missing(query=True, size=10**9)

    assert judge(policy, facts(), small, AT).reads != ("the size of the whole request",)
    assert judge(policy, facts(), large, AT).reads == ("the size of the whole request",)
    # What is all there is looked at as it is.
    assert judge(policy, facts(), Missing(size=10**9), AT).verdict is Verdict.ALLOW


def test_a_request_that_is_all_there_and_too_large_is_denied() -> None:
    costly = rule('any(lower(http.request.headers.values[*])[*] matches "x")')
    policy = snapshot(site(*(costly for _ in range(1))))
    lines = tuple((b"h%d" % n, b"v" * 60_000) for n in range(400))

    found = judge(policy, facts(headers=lines), Missing(), AT)

    assert (found.verdict, found.reason) == (Verdict.DENY, "evaluation_budget")


def test_fields_that_are_no_text_of_the_request_have_their_own_size() -> None:
    claims = rule('any(http.request.jwt.claims.sub["x"][*] eq "x")')

    kept = _judged(claims, missing=Missing(size=100), of=facts())
    assert kept.verdict is Verdict.ALLOW
    gone = _judged(claims, missing=Missing(metadata=True, size=100), of=facts())
    assert gone.verdict is None
