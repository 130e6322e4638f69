# SPDX-License-Identifier: Apache-2.0
"""A rule index changes nothing: what it is told is implied, what it finds decides the same."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authz.certs.presented import ABSENT
from authz.policy import rule_index
from authz.policy.client import identify
from authz.policy.fields import SCHEME as PRODUCT
from authz.policy.fields import field_values
from authz.policy.model import Action, SkipParameters
from authz.policy.paths import readings
from authz.policy.rule_index import index_of
from authz.policy.ruleset import CompiledRule, Outcome, Ruleset
from authz.policy.unknown import unknown_fields
from authz.rules import Bytes, Int, Ip, compile_expression, evaluate, parse
from authz.rules.necessary import necessary
from tests.factories.expressions import contexts
from tests.factories.pki import AT, presented, root
from tests.factories.policies import facts, rule, site, snapshot
from tests.factories.schemes import SCHEME
from tests.factories.selective import LISTS, selective

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.model import RuleModel
    from authz.rules import Value
    from authz.rules.necessary import Condition
    from tests.factories.facts import RequestFacts

_SLOW = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
_SIMPLE = frozenset(
    name
    for name, field in {**SCHEME.fields, **PRODUCT.fields}.items()
    if field.type in (Bytes, Int, Ip)
)


def _holds(condition: Condition, values: Mapping[str, Value]) -> bool:
    for key, constants in condition.items():
        read = key.reader()
        value = values[key.field]
        if (value if read is None else read(value)) in constants:
            return True
    return False


@_SLOW
@given(source=selective, values=st.lists(contexts, min_size=3, max_size=3))
def test_what_is_necessary_holds_whenever_the_expression_is_true(
    source: str, values: list[dict[str, Value]]
) -> None:
    expression = parse(source, SCHEME, LISTS)
    conditions = necessary(expression, _SIMPLE)

    for one in values:
        if evaluate(expression, one):
            assert all(_holds(condition, one) for condition in conditions)


@_SLOW
@given(
    sources=st.lists(selective, min_size=1, max_size=24),
    values=st.lists(contexts, min_size=2, max_size=4),
    fewest=st.sampled_from([1, 2, 4]),
    merged=st.sampled_from([0, 8, 100_000]),
    visits=st.sampled_from([0, 8]),
)
def test_every_rule_that_matches_is_a_candidate_and_candidates_are_in_order(
    sources: list[str],
    values: list[dict[str, Value]],
    fewest: int,
    merged: int,
    visits: int,
) -> None:
    expressions = [parse(source, SCHEME, LISTS) for source in sources]
    with (
        patch.object(rule_index, "_MOST_MERGED", merged),
        patch.object(rule_index, "_MOST_VISITS", visits),
    ):
        index = index_of(expressions, fewest)

    for one in values:
        matching = {
            position for position, expression in enumerate(expressions) if evaluate(expression, one)
        }
        candidates = range(len(sources)) if index is None else index.candidates(one)
        assert matching <= set(candidates)
        assert list(candidates) == sorted(set(candidates))


def _said(outcome: Outcome) -> tuple[str | None, tuple[str, ...], bool]:
    return outcome.rule and outcome.rule.ref, outcome.logged, outcome.unknown_input


_actions = st.sampled_from(Action)


@_SLOW
@given(
    data=st.data(),
    sources=st.lists(selective, min_size=1, max_size=16),
    values=st.lists(contexts, min_size=1, max_size=3),
    unknown=st.sets(st.sampled_from(sorted(SCHEME.fields)), max_size=2) | st.just(set()),
)
def test_a_ruleset_says_the_same_with_and_without_an_index(
    data: st.DataObject,
    sources: list[str],
    values: list[dict[str, Value]],
    unknown: set[str],
) -> None:
    rules = tuple(
        _compiled(data, source, position, len(sources)) for position, source in enumerate(sources)
    )
    index = index_of([one.filter.expression for one in rules], 1)
    fields = frozenset[str]().union(*(one.filter.fields for one in rules))
    indexed, plain = Ruleset(rules, fields, index), Ruleset(rules, fields)

    for one in values:
        for cut in (frozenset[str](), frozenset(unknown)):
            assert _said(indexed.run(one, cut)) == _said(plain.run(one, cut))


def _compiled(data: st.DataObject, source: str, position: int, number: int) -> CompiledRule:
    action = data.draw(_actions)
    skip = action is Action.SKIP
    rest = skip and data.draw(st.integers(0, 3)) == 0
    positions = st.frozensets(st.integers(0, number - 1), max_size=3)
    return CompiledRule(
        ref=f"r{position}",
        action=action,
        filter=compile_expression(parse(source, SCHEME, LISTS)),
        skips_rest=rest,
        skipped_rules=data.draw(positions) if skip and not rest else frozenset(),
    )


# Whole policies, with the product's fields and values.

_ALICE = root().client("alice")
_TRUST = snapshot().sites[0].trust
_CLIENTS = [identify(one, _TRUST, AT) for one in (ABSENT, presented(_ALICE))]
_PIN = _ALICE.certificate.fingerprint(_ALICE.certificate.signature_hash_algorithm).hex()

_conditions = st.sampled_from(
    [
        *(f'http.host eq "{name}.test"' for name in "abc"),
        'http.host in {"a.test" "b.test"}',
        'http.host wildcard "*.test"',
        *(f'http.request.uri.path eq "/{name}"' for name in ("a", "b", "a/b", "%61")),
        'http.request.uri.path in {"/a" "/b"}',
        'starts_with(http.request.uri.path, "/a")',
        'raw.http.request.uri.path eq "/a"',
        'http.request.method eq "GET"',
        f'cf.tls_client_auth.cert_fingerprint_sha256 eq "{_PIN.upper()}"',
        f'cf.tls_client_auth.cert_fingerprint_sha256 ne "{_PIN}"',
        'cf.tls_client_auth.cert_fingerprint_sha256 eq ""',
        "ip.src in {198.51.100.7 198.51.100.8}",
        "ip.src eq 0.0.0.0",
        "cf.tls_client_auth.cert_verified",
        'any(http.request.headers["x"][*] eq "1")',
        'http.user_agent eq "curl"',
    ]
)
_expressions = st.lists(
    st.builds("{}{}".format, st.sampled_from(["", "", "not "]), _conditions),
    min_size=1,
    max_size=3,
).flatmap(lambda parts: st.sampled_from([" and ", " and ", " or "]).map(lambda by: by.join(parts)))
_requests = st.builds(
    facts,
    host=st.sampled_from([b"a.test", b"B.test:443", b"c.test.", b"d.test"]),
    path=st.sampled_from([b"/a", b"/b?q", b"/%61", b"/a//b", b"/a;x/b", b"/a%2fb", b"/"]),
    method=st.sampled_from([b"GET", b"POST"]),
    source_address=st.sampled_from(["", "198.51.100.7", "::ffff:198.51.100.8"]),
    headers=st.sampled_from([(), ((b"x", b"1"),), ((b"user-agent", b"curl"), (b"x", b"2"))]),
    headers_truncated=st.booleans(),
)


@st.composite
def _policies(draw: st.DrawFn) -> list[RuleModel]:
    number = draw(st.integers(8, 24))
    rules = []
    for position in range(number):
        action = draw(st.sampled_from([Action.BLOCK, Action.LOG, Action.LOG, Action.SKIP]))
        skip = None
        if action is Action.SKIP:
            refs = draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=4))
            current = draw(st.integers(0, 4)) == 0
            skip = SkipParameters(
                current=current, rules=() if current else tuple(f"r{one}" for one in sorted(refs))
            )
        rules.append(
            rule(
                draw(_expressions),
                ref=f"r{position}",
                action=action,
                skip=skip,
                enabled=draw(st.integers(0, 5)) > 0,
            )
        )
    return rules


@_SLOW
@given(policy=_policies(), requests=st.lists(_requests, min_size=1, max_size=4), data=st.data())
def test_a_policy_says_the_same_in_every_reading_of_a_request(
    policy: list[RuleModel], requests: list[RequestFacts], data: st.DataObject
) -> None:
    compiled = snapshot(site(*policy, trust=())).sites[0].ruleset
    plain = Ruleset(compiled.rules, compiled.fields)
    index = index_of([one.filter.expression for one in compiled.rules], 1)
    forced = Ruleset(compiled.rules, compiled.fields, index)

    for request in requests:
        client = data.draw(st.sampled_from(_CLIENTS))
        target = request.path.partition(b"?")[0]
        for path in readings(target) or (target,):
            said = []
            for ruleset in (plain, compiled, forced):
                values = field_values(request, client, "api", path, AT)
                unknown = unknown_fields(values, ruleset.fields)
                said.append(_said(ruleset.run(values, unknown)))
            assert said[0] == said[1] == said[2]
