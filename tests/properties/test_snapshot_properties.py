# SPDX-License-Identifier: Apache-2.0
"""However a policy is edited, what it decides does not depend on what was compiled before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from authz.errors import AuthzError
from authz.policy.authorizer import authorize
from authz.policy.model import Action, DefaultAction, PathMode, PolicyModel, SkipParameters
from authz.policy.snapshot import Snapshot, compile_snapshot
from authz.rules.lists import ListKind, ListModel
from tests.factories.pki import AT, authority, presented, root
from tests.factories.places import Places
from tests.factories.policies import facts, rule, site

if TYPE_CHECKING:
    from authz.policy.geo import GeoLookup
    from authz.policy.model import RuleModel, SiteModel

ALICE = root().client("alice")
TRUSTS = (
    (),
    (authority(root()),),
    (authority(root(), revoked_serials=[ALICE.certificate.serial_number]),),
    (authority(root("Other"), name="other"), authority(root())),
)
EXPRESSIONS = (
    'http.request.uri.path eq "/a"',
    'http.request.uri.path in {"/a" "/b"} and not cf.tls_client_auth.cert_verified',
    "cf.tls_client_auth.cert_revoked",
    "http.request.uri.path in $paths",
    'http.request.uri.path in $more or http.user_agent eq "$paths"',
    'ip.src.country eq "DE"',
    'http.user_agent contains "x"',
    "http.hots eq 1",
)
REQUESTS = tuple(
    facts(path=path, host=host, headers=((b"user-agent", b"x"),) * agent, **certificate)
    for path in (b"/a", b"/b", b"/c", b"/%61")
    for host in (b"one.test", b"two.test")
    for agent in (0, 1)
    for certificate in ({}, {"presented": presented(ALICE)})
)

rules = st.builds(
    rule,
    st.sampled_from(EXPRESSIONS[:-1]) | st.sampled_from(EXPRESSIONS),
    ref=st.sampled_from(["r1", "r2", "r3"]),
    action=st.just(Action.BLOCK) | st.sampled_from(Action),
    enabled=st.booleans(),
    skip=st.none()
    | st.builds(
        SkipParameters,
        current=st.booleans(),
        rules=st.sampled_from([(), ("r1",), ("r2", "r3")]),
    ),
    where=st.sampled_from(["p:1", "p:2"]),
)
site_models = st.builds(
    site,
    st.lists(rules, max_size=4),
    trust=st.sampled_from(TRUSTS),
    default_action=st.sampled_from(DefaultAction),
    paths=st.sampled_from(PathMode),
    where=st.sampled_from(["p:1", "p:2"]),
).map(lambda made: replace(made, rules=tuple(made.rules[0])))  # type: ignore[arg-type]
list_models = st.builds(
    ListModel,
    name=st.sampled_from(["paths", "more"]),
    kind=st.just(ListKind.STRING),
    items=st.lists(st.sampled_from(["/a", "/b", "/c"]), max_size=2).map(tuple),
    where=st.sampled_from(["p:1", "p:2"]),
)
places = st.sampled_from([None, Places()])


@st.composite
def policies(draw: st.DrawFn) -> tuple[PolicyModel, GeoLookup | None]:
    """A policy and what it is compiled with."""
    made = draw(st.lists(site_models, min_size=1, max_size=2))
    hosts = (("one.test",), ("*",))
    sites = tuple(
        replace(one, name=f"s{n}", hosts=hosts[n] if len(made) == 2 else ("*",))
        for n, one in enumerate(made)
    )
    lists = draw(st.lists(list_models, max_size=2, unique_by=lambda one: one.name))
    return PolicyModel(sites=sites, lists=tuple(lists)), draw(places)


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[PolicyModel, GeoLookup | None]]:
    """A policy and what becomes of it: most edits leave most of it as it was."""
    model, geo = draw(policies())
    steps = [(model, geo)]
    for _ in range(draw(st.integers(1, 6))):
        edit = draw(st.sampled_from(["site", "rule", "trust", "lists", "geo", "order", "all"]))
        other, elsewhere = draw(policies())
        sites = list(model.sites)
        at = draw(st.integers(0, len(sites) - 1))
        if edit == "site":
            sites[at] = replace(other.sites[0], name=sites[at].name, hosts=sites[at].hosts)
        elif edit == "rule":
            sites[at] = _with_rule(sites[at], draw(rules), draw(st.integers(0, 4)))
        elif edit == "trust":
            sites[at] = replace(sites[at], trust=draw(st.sampled_from(TRUSTS)))
        elif edit == "order":
            sites.reverse()
        model = replace(model, sites=tuple(sites))
        if edit == "lists":
            model = replace(model, lists=other.lists)
        elif edit == "geo":
            geo = elsewhere
        elif edit == "all":
            model, geo = other, elsewhere
        steps.append((model, geo))
    return steps


def _with_rule(site: SiteModel, changed: RuleModel, at: int) -> SiteModel:
    rules = list(site.rules)
    rules[at : at + 1] = [changed]
    return replace(site, rules=tuple(rules))


def _says(snapshot: Snapshot) -> list[Any]:
    """Everything that a snapshot does, but for the identity of what it is made of."""
    decided = [authorize(snapshot, request, AT) for request in REQUESTS]
    return [
        [
            (d.verdict, d.reason, d.site, d.action, d.rule, d.logged, d.generation, d.detail)
            for d in decided
        ],
        [d.standing for d in decided],
        snapshot.findings,
        snapshot.crl_next_updates(),
        snapshot.sni_matters,
        [(s.name, s.trust.digest, s.may_be_unknown) for s in snapshot.sites],
        [(s.budget.ample, s.ruleset.fields, len(s.ruleset.rules)) for s in snapshot.sites],
    ]


def _compiled(
    policy: tuple[PolicyModel, GeoLookup | None], previous: Snapshot | None, *, lint: bool
) -> Snapshot | tuple[object, ...]:
    model, geo = policy
    try:
        return compile_snapshot(model, 7, AT, geo, previous=previous, lint=lint)
    except AuthzError as error:
        return type(error), str(error), error.hint


@settings(max_examples=60)
@given(steps=edits(), lint=st.booleans())
def test_a_snapshot_made_of_earlier_parts_is_the_one_made_from_scratch(
    steps: list[tuple[PolicyModel, GeoLookup | None]], lint: bool
) -> None:
    previous: Snapshot | None = None
    for policy in steps:
        expected = _compiled(policy, None, lint=lint)
        made = _compiled(policy, previous, lint=lint)
        if isinstance(made, Snapshot) and isinstance(expected, Snapshot):
            assert _says(made) == _says(expected)
            previous = made
        else:
            assert made == expected
