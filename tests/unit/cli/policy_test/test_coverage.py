# SPDX-License-Identifier: Apache-2.0
"""Watching a snapshot: the same decisions, and what they saw of the rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authz.cli.policy_test.coverage import Coverage, Totals
from authz.policy.authorizer import authorize
from authz.policy.model import PolicyModel, RuleModel
from authz.policy.snapshot import Snapshot, compile_snapshot
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site


def _watched(*rules: RuleModel) -> tuple[Snapshot, Snapshot, Coverage]:
    model = PolicyModel(sites=(site(*rules),))
    plain, coverage = compile_snapshot(model, 1, AT), Coverage()
    return plain, coverage.watch(model, plain), coverage


@given(
    paths=st.lists(st.sampled_from([b"/", b"/a", b"/b", b"/%61", b"/a;x", b"/admin"]), max_size=8)
)
def test_a_watched_snapshot_decides_as_the_original(paths: list[bytes]) -> None:
    plain, watched, _ = _watched(
        rule('http.request.uri.path eq "/a"', ref="a"),
        rule('http.request.uri.path in {"/b" "/admin"} and not ssl', ref="b"),
    )

    for path in paths:
        request = facts(path=path, scheme=b"http")
        one, other = authorize(watched, request, AT), authorize(plain, request, AT)
        assert (one.verdict, one.reason, one.rule) == (other.verdict, other.reason, other.rule)


def test_a_condition_behind_a_short_circuit_counts() -> None:
    _, watched, coverage = _watched(rule('ssl and http.host eq "api.example.com"', where="p:1"))

    authorize(watched, facts(scheme=b"http"), AT)

    (entry,) = coverage.rules
    assert list(entry.gaps()) == [
        "never matched",
        "never true: ssl",
        'never false: http.host eq "api.example.com"',
    ]
    assert entry.evaluated == 1


def test_a_rule_that_evaluation_does_not_come_to_is_never_reached() -> None:
    _, watched, coverage = _watched(rule("ssl", ref="first"), rule("not ssl", ref="second"))

    authorize(watched, facts(), AT)

    assert [list(entry.gaps()) for entry in coverage.rules] == [
        ["always matched"],
        ["never reached"],
    ]
    assert not coverage.complete


def test_every_element_counts_for_a_condition_on_each() -> None:
    _, watched, coverage = _watched(rule('any(http.request.headers.names[*] eq "a")'))

    authorize(watched, facts(headers=((b"a", b""), (b"b", b""))), AT)

    (entry,) = coverage.rules
    assert [part.seen for part in entry.parts] == [{True, False}]


def test_a_constant_need_not_be_what_it_cannot_be() -> None:
    _, watched, coverage = _watched(rule("true"))

    authorize(watched, facts(), AT)

    assert coverage.complete
    assert coverage.rule_totals == Totals(number=1, true=1, false=1)
    assert coverage.as_json() == {
        "rules": {"number": 1, "seen_true": 1, "seen_false": 1},
        "conditions": {"number": 0, "seen_true": 0, "seen_false": 0},
        "gaps": [],
    }


def test_a_rule_that_decided_because_an_input_is_unknown_was_seen_to_match() -> None:
    plain, watched, coverage = _watched(
        rule('http.request.body.raw contains "x"', ref="body"), rule("ssl", ref="behind")
    )
    request = facts(body=b"a", body_size=10, body_truncated=True)

    one, other = authorize(watched, request, AT), authorize(plain, request, AT)

    assert (one.verdict, one.reason, one.rule) == (other.verdict, other.reason, other.rule)
    entry, behind = coverage.rules
    assert one.rule == entry.ref == "body"
    assert list(entry.gaps()) == ["always matched"]
    assert list(behind.gaps()) == ["never reached"]

    authorize(watched, facts(body=b"a", body_size=1), AT)

    assert list(entry.gaps()) == []


def test_a_condition_that_is_written_twice_is_listed_once() -> None:
    _, watched, coverage = _watched(
        rule('(ssl and http.host eq "a") or (http.cookie eq "b" and ssl)')
    )

    authorize(watched, facts(scheme=b"http"), AT)

    (entry,) = coverage.rules
    assert [gap for gap in entry.gaps() if gap.endswith(": ssl")] == ["never true: ssl"]
    assert coverage.condition_totals.number == 5
