# SPDX-License-Identifier: Apache-2.0
"""What the lint says is true of every request, and what it proposes is what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from authz.certs.certificate import Certificate
from authz.certs.names import Attribute, one_line, rfc2253
from authz.policy.fields import SCHEME as PRODUCT
from authz.policy.hosts import HostTable, normalise_host
from authz.policy.lint import lint_rules
from authz.policy.lint_here import Here, KnownIssuer
from authz.policy.lint_site import never_here
from authz.policy.model import Action, DefaultAction, RuleModel, SkipParameters
from authz.rules import KnownAuthority, Role, evaluate, lint, parse
from authz.rules.ast import Comparison
from authz.rules.evaluator import evaluate_node
from authz.rules.lint_fault import Place
from authz.rules.lint_hex import hex_fault
from authz.rules.lint_hosts import host_fault
from authz.rules.lint_implication import implies
from authz.rules.lint_names import one_line_fault, rfc2253_fault
from authz.rules.lint_normal import normal
from authz.rules.lint_solver import Solver
from authz.rules.lint_tree import leaves
from authz.rules.lint_truth import explained
from authz.rules.lint_worlds import ISSUER_FIELDS, PRESENTED_FIELD, REVOKED_FIELD, VERIFIED_FIELD
from tests.factories.expressions import conditions, contexts
from tests.factories.plausible import client_conditions, plausible, related_conditions
from tests.factories.schemes import SCHEME

if TYPE_CHECKING:
    from authz.rules import Expression, Finding, Value

_AUTHORITIES = (
    KnownAuthority(name="acme", skis=("AA11",)),
    KnownAuthority(name="beta", skis=("BB22", "CC33")),
)
_MANY = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
_ANY = st.one_of(conditions(), related_conditions(), client_conditions())
_ROLES = st.sampled_from([None, *Role])
#: What certificates are let in is told of the whole expression, everything else of a place in it.
_OF_THE_WHOLE = (
    "revoked_not_checked",
    "revoked_admitted",
    "issuer_not_checked",
    "presented_not_verified",
    "pin_not_verified",
)
#: These are mended with a good certificate in the place of another.
_LET_IN_GOOD = ("revoked_admitted", "presented_not_verified")


@_MANY
@given(source=st.one_of(conditions(), related_conditions()), values=contexts)
def test_a_condition_that_is_proved_constant_is(source: str, values: dict[str, Value]) -> None:
    real = plausible(values)

    for fact in explained(Solver(parse(source, SCHEME).root)):
        assert evaluate_node(fact.node, real) is fact.value, fact.message


@_MANY
@given(source=st.one_of(related_conditions(), client_conditions()), values=contexts)
def test_every_condition_in_an_expression_has_one_of_the_vectors_that_are_possible(
    source: str, values: dict[str, Value]
) -> None:
    """Also of the conditions that are not constant, in the world that the request is in."""
    root = parse(source, SCHEME).root
    solver = Solver(root)
    real = plausible(values)
    world = 8 if real[REVOKED_FIELD] else 4 if real[VERIFIED_FIELD] else 2
    if not real[PRESENTED_FIELD]:
        world = 1

    for node in (root, *leaves(root)):
        truths = {bool(vector & world) for vector in solver.vectors(node)}
        assert evaluate_node(node, real) in truths


@_MANY
@given(source=_ANY, role=_ROLES)
def test_a_proposed_expression_can_be_used_and_has_not_the_finding_it_is_for(
    source: str, role: Role | None
) -> None:
    def found(text: str) -> tuple[Finding, ...]:
        return lint(parse(text, SCHEME), role=role, authorities=_AUTHORITIES)

    for finding in found(source):
        start, end = finding.span
        assert 0 <= start < end <= len(source)
        if finding.suggestion is None:
            continue
        left = found(finding.suggestion)
        if finding.code in _OF_THE_WHOLE:
            assert finding.code not in [one.code for one in left], finding.suggestion
        elif "… is " not in finding.message:
            # Cut short, a message may be that of another condition with the same beginning.
            told = [(one.code, one.message) for one in left]
            assert (finding.code, finding.message) not in told, finding.suggestion


@_MANY
@given(source=client_conditions(), values=contexts, role=st.sampled_from([Role.BLOCK, Role.ADMIT]))
def test_a_proposal_lets_in_nobody_whom_the_rule_kept_out(
    source: str, values: dict[str, Value], role: Role
) -> None:
    real = plausible(values)
    is_good = real[VERIFIED_FIELD] and not real[REVOKED_FIELD]
    if is_good and role is Role.BLOCK:
        # A good certificate may be what the rule was meant to let in.
        return
    kept_out = evaluate(parse(source, SCHEME), real) is (role is Role.BLOCK)

    for finding in lint(parse(source, SCHEME), role=role, authorities=_AUTHORITIES):
        if is_good and finding.code in _LET_IN_GOOD:
            continue
        if kept_out and finding.suggestion and finding.code in _OF_THE_WHOLE:
            proposed = parse(finding.suggestion, SCHEME)
            assert evaluate(proposed, real) is (role is Role.BLOCK), finding.suggestion


@_MANY
@given(source=client_conditions(), values=contexts)
def test_a_block_rule_without_finding_keeps_revoked_certificates_out_like_none(
    source: str, values: dict[str, Value]
) -> None:
    expression = parse(source, SCHEME)
    codes = [finding.code for finding in lint(expression, role=Role.BLOCK)]
    if "revoked_not_checked" in codes:
        return
    # The same request from an unverified client, with whatever the leaf says of itself.
    unverified = plausible(
        {**values, PRESENTED_FIELD: True, VERIFIED_FIELD: False, REVOKED_FIELD: False}
    )
    revoked = plausible({**values, VERIFIED_FIELD: True, REVOKED_FIELD: True})

    if evaluate(expression, unverified):
        assert evaluate(expression, revoked)


@_MANY
@given(one=_ANY, other=_ANY, values=contexts)
def test_what_is_seen_to_imply_a_condition_is_true_only_where_that_is(
    one: str, other: str, values: dict[str, Value]
) -> None:
    real = plausible(values)
    pairs = [(one, other), (f"{one} and {other}", other), (one, f"{other} or {one}")]

    for left, right in pairs:
        first, second = parse(left, SCHEME), parse(right, SCHEME)
        if implies(normal(first.root), normal(second.root)) and evaluate(first, real):
            assert evaluate(second, real)


@_MANY
@given(one=_ANY, other=_ANY, values=contexts)
def test_conditions_of_one_form_are_the_same(
    one: str, other: str, values: dict[str, Value]
) -> None:
    def form_of(text: str) -> object:
        return normal(parse(text, SCHEME).root)

    # "and" binds tighter than "or" and "xor": only in parentheses is it the same either way.
    assert form_of(f"({one}) and ({other})") == form_of(f"({other}) && ({one})")
    assert form_of(f"({one}) or ({other})") == form_of(f"({other}) || ({one}) || ({one})")
    assert form_of(f"not (({one}) or ({other}))") == form_of(f"not ({one}) and !({other})")
    if form_of(one) == form_of(other):
        assert evaluate(parse(one, SCHEME), values) is evaluate(parse(other, SCHEME), values)


# What values can be.


@_MANY
@given(
    raw=st.lists(
        st.sampled_from(
            [
                b"a",
                b"A1",
                b".",
                b"-",
                b"_",
                b":",
                b":80",
                b"[",
                b"]",
                b"::",
                b"db8",
                b"\xc3\xbc",
                b"@",
            ]
        ),
        max_size=8,
    ).map(b"".join),
    cut=st.tuples(st.integers(0, 24), st.integers(0, 24)),
)
def test_no_part_of_a_host_is_said_to_be_in_none(raw: bytes, cut: tuple[int, int]) -> None:
    host = (normalise_host(raw) or "").encode()
    start, end = sorted(cut)

    assert host_fault(host, Place.WHOLE) is None
    assert host_fault(host[:end], Place.FIRST) is None
    assert host_fault(host[start:], Place.LAST) is None
    assert host_fault(host[start:end], Place.WITHIN) is None
    fault = host_fault(raw, Place.WHOLE)
    assert fault is None or fault.fixed is None or normalise_host(fault.fixed)


_CONTENT = st.lists(
    st.sampled_from(
        [b"a", b" ", b",", b"=", b"/", b"+", b"\\", b"#", b", ", b"cn=", b"\xc3\xb6", b"\0"]
    ),
    max_size=5,
).map(b"".join)
_ATTRIBUTES = st.lists(
    st.builds(
        lambda rdn, oid, tag, content: Attribute(
            rdn=rdn, oid=oid, tag=tag, content=content, raw=bytes((tag, len(content))) + content
        ),
        st.integers(0, 3),
        st.sampled_from(["2.5.4.3", "2.5.4.10", "2.5.4.5", "1.2.3.4"]),
        st.sampled_from([0x0C, 0x13, 0x14, 0x04]),
        _CONTENT,
    ),
    max_size=4,
).map(lambda some: tuple(sorted(some, key=lambda one: one.rdn)))


@_MANY
@given(name=_ATTRIBUTES, cut=st.tuples(st.integers(0, 40), st.integers(0, 40)))
def test_no_part_of_a_name_is_said_to_be_in_none(
    name: tuple[Attribute, ...], cut: tuple[int, int]
) -> None:
    start, end = sorted(cut)
    for text, fault in (
        (rfc2253(name).encode(), rfc2253_fault),
        (one_line(name).encode(), one_line_fault),
    ):
        assert fault("", text, Place.WHOLE) is None
        assert fault("", text[:end], Place.FIRST) is None
        assert fault("", text[start:], Place.LAST) is None
        assert fault("", text[start:end], Place.WITHIN) is None


@_MANY
@given(number=st.integers(1, 2**159 - 1))
def test_no_serial_number_is_said_to_be_none(number: int) -> None:
    serial = Certificate(b"", number).serial.encode()

    assert hex_fault("cert_serial", serial) is None
    # Written by another program it is mended to this one.
    for other in (serial.lstrip(b"0"), b"00" + serial, b":".join((b"00", serial))):
        fault = hex_fault("cert_serial", other)
        assert other == serial or (fault is not None and fault.fixed == serial)


# Whole policies.

_ACTIONS = st.sampled_from([Action.BLOCK, Action.BLOCK, Action.SKIP, Action.LOG])
_POLICIES = st.lists(st.tuples(_ACTIONS, client_conditions(depth=2)), min_size=1, max_size=4)
_REST = SkipParameters(current=True)
_DEFAULTS = st.sampled_from(DefaultAction)
_UNREACHED = ("unreachable", "never_blocks")


def _parsed(policy: list[tuple[Action, str]]) -> list[tuple[RuleModel, Expression]]:
    return [
        (
            RuleModel(
                ref=str(number),
                expression=text,
                action=action,
                skip=_REST if action is Action.SKIP else None,
            ),
            parse(text, SCHEME),
        )
        for number, (action, text) in enumerate(policy)
    ]


def _ending(
    rules: list[tuple[RuleModel, Expression]], values: dict[str, Value]
) -> tuple[int, Action | None]:
    """Where evaluation ends and what ends it; behind the last rule if nothing does."""
    for number, (model, expression) in enumerate(rules):
        if model.action is not Action.LOG and evaluate(expression, values):
            return number, model.action
    return len(rules), None


@_MANY
@given(policy=_POLICIES, values=contexts)
def test_a_rule_that_is_said_to_be_unreached_is(
    policy: list[tuple[Action, str]], values: dict[str, Value]
) -> None:
    rules = _parsed(policy)
    real = plausible(values)
    end, _ = _ending(rules, real)

    for found in lint_rules(rules, ()):
        if found.code in _UNREACHED:
            number = int(found.rule)
            assert number > end or not evaluate(rules[number][1], real)


def _lets_in(
    rules: list[tuple[RuleModel, Expression]], default: DefaultAction, values: dict[str, Value]
) -> bool:
    ended_by = _ending(rules, values)[1]
    return ended_by is Action.SKIP or (ended_by is None and default is DefaultAction.ALLOW)


@_MANY
@given(policy=_POLICIES, default=_DEFAULTS, values=contexts)
def test_a_policy_without_finding_lets_a_revoked_certificate_in_no_sooner_than_none(
    policy: list[tuple[Action, str]], default: DefaultAction, values: dict[str, Value]
) -> None:
    rules = _parsed(policy)
    codes = {found.code for found in lint_rules(rules, (), default)}
    if codes & {"revoked_not_checked", "revoked_admitted"}:
        return
    # The same request from two clients, with whatever the certificate says of itself.
    unverified = {PRESENTED_FIELD: True, VERIFIED_FIELD: False, REVOKED_FIELD: False}
    none = plausible({**values, **unverified})
    revoked = plausible({**values, VERIFIED_FIELD: True, REVOKED_FIELD: True})

    if not _lets_in(rules, default, none):
        assert not _lets_in(rules, default, revoked)


@_MANY
@given(policy=_POLICIES, default=_DEFAULTS, values=contexts)
def test_a_policy_without_finding_lets_an_unverified_certificate_in_no_sooner_than_none(
    policy: list[tuple[Action, str]], default: DefaultAction, values: dict[str, Value]
) -> None:
    rules = _parsed(policy)
    codes = {found.code for found in lint_rules(rules, _AUTHORITIES, default)}
    if codes & {"unverified_claim", "presented_not_verified", "pin_not_verified"}:
        return
    unverified = {PRESENTED_FIELD: True, VERIFIED_FIELD: False, REVOKED_FIELD: False}
    presented = plausible({**values, **unverified})
    none = plausible({**values, **unverified, PRESENTED_FIELD: False})

    if not _lets_in(rules, default, none):
        assert not _lets_in(rules, default, presented)


# What is known of the sites that have a rule.

_PATTERNS = st.sampled_from(["a", "b", "a.b", "b.b", "*.b", "*.a.b", "*"])
_TRUSTED = KnownIssuer(
    authority="acme",
    values={name: b"AA" if name.endswith("ski") else b"a" for name in ISSUER_FIELDS},
)
_AT_SITES = st.sampled_from(
    [
        *(
            f'http.host {operator} "{text}"'
            for operator in ("eq", "ne")
            for text in ("a", "b", "a.b")
        ),
        'http.host in {"a" "c.b"}',
        'http.host in {"b.b" "a:80"}',
        'ends_with(http.host, ".b")',
        'http.host wildcard "a*"',
        'lower(http.host) matches "^b"',
        'authz.site eq "0"',
        'authz.site in {"1" "2"}',
        'cf.zone.name ne "0"',
        VERIFIED_FIELD,
        REVOKED_FIELD,
        'cf.tls_client_auth.cert_issuer_ski eq "AA"',
        'cf.tls_client_auth.cert_issuer_ski ne "AA"',
        "ssl",
    ]
)
_CONDITIONS_AT_SITES = st.recursive(
    _AT_SITES,
    lambda inner: st.one_of(
        inner.map(lambda one: f"not {one}"),
        st.tuples(inner, st.sampled_from(["and", "or", "xor"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
    ),
    max_leaves=5,
)


@_MANY
@given(
    source=_CONDITIONS_AT_SITES,
    patterns=st.lists(st.lists(_PATTERNS, max_size=2), min_size=1, max_size=3),
    having=st.integers(1, 3),
    trusts=st.booleans(),
    host=st.sampled_from(["a", "b", "a.b", "b.b", "c.b", "c.a.b", "x", "[::1]"]),
    client=st.tuples(st.booleans(), st.booleans(), st.sampled_from([b"AA", b"BB", b""])),
    ssl=st.booleans(),
)
def test_a_condition_that_is_said_never_to_be_true_at_the_sites_of_a_rule_is_not(
    source: str,
    patterns: list[list[str]],
    having: int,
    trusts: bool,
    host: str,
    client: tuple[bool, bool, bytes],
    ssl: bool,
) -> None:
    seen = {pattern: str(number) for number, some in enumerate(patterns) for pattern in some}
    table: HostTable[str] = HostTable()
    for pattern, number in seen.items():
        table.add(pattern, number)
    sites = tuple(map(str, range(min(having, len(patterns)))))
    named = frozenset(one.encode() for one in seen if "*" not in one)
    here = Here(
        sites=sites,
        hosts=tuple(one for one, site in seen.items() if site in sites),
        site_of=lambda text: table.find(text.encode()),
        named=named,
        issuers=(_TRUSTED,) if trusts else (),
    )
    site = table.find(host.encode())
    assume(site in sites)
    verified = client[0] and trusts
    values: dict[str, Value] = {
        "http.host": host.encode(),
        "authz.site": str(site).encode(),
        "cf.zone.name": str(site).encode(),
        VERIFIED_FIELD: verified,
        REVOKED_FIELD: verified and client[1],
        "cf.tls_client_auth.cert_issuer_ski": client[2] if verified else b"",
        "ssl": ssl,
    }
    root = parse(source, PRODUCT).root

    for fact in never_here(root, Solver(root), here):
        assert evaluate_node(fact.node, values) is False, fact.message
    for leaf in leaves(root):
        for text in here.never(leaf) if isinstance(leaf, Comparison) else ():
            assert text not in (values["http.host"], values["authz.site"])
