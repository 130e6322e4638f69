# SPDX-License-Identifier: Apache-2.0
"""What did not change is the same object in the next snapshot, and nothing else is."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.certs.trust import RevocationMode
from authz.errors import ExpressionError, PolicyError
from authz.policy import parts as module
from authz.policy.authorizer import authorize
from authz.policy.model import Action, PolicyModel, RuleModel, SiteModel, SkipParameters
from authz.policy.snapshot import Snapshot, compile_snapshot
from authz.rules.lists import ListKind, ListModel
from tests.factories.pki import AT, authority, root
from tests.factories.places import Places
from tests.factories.policies import facts, rule, site

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.policy.geo import GeoLookup

OFFICE = ListModel(name="office", kind=ListKind.STRING, items=("a",))
HOME = ListModel(name="home", kind=ListKind.STRING, items=("b",))
RULES = (
    rule('http.host eq "a.test"', ref="host"),
    rule("http.host in $office", ref="office"),
    rule('http.host in $home and http.host ne "$office"', ref="home"),
)
TWO = (
    site(*RULES, hosts=("a.test",)),
    site(RULES[0], name="b", hosts=("b.test",), trust=(authority(root("Other"), name="other"),)),
)


def _compiled(
    *sites: SiteModel,
    lists: tuple[ListModel, ...] = (OFFICE, HOME),
    previous: Snapshot | None = None,
    geo: GeoLookup | None = None,
) -> Snapshot:
    model = PolicyModel(sites=sites, lists=lists)
    generation = 1 if previous is None else previous.generation + 1
    return compile_snapshot(model, generation, AT, geo, previous=previous, lint=False)


def _filters(snapshot: Snapshot, site: int = 0) -> list[object]:
    return [rule.filter for rule in snapshot.sites[site].ruleset.rules]


def _kept(old: Snapshot, new: Snapshot, site: int = 0) -> list[bool]:
    pairs = zip(_filters(old, site), _filters(new, site), strict=True)
    return [one is other for one, other in pairs]


def _elsewhere(site: SiteModel) -> SiteModel:
    """The same site, twenty lines further down in the file."""
    return replace(
        site,
        where="p:31",
        trust=tuple(replace(one, where="p:32") for one in site.trust),
        rules=tuple(
            replace(one, where="p:33", expression_where="p:34", description="new")
            for one in site.rules
        ),
    )


def test_the_same_policy_again_is_made_of_the_same_parts() -> None:
    old = _compiled(*TWO)
    new = _compiled(*TWO, previous=old)

    assert new.generation == old.generation + 1
    for one, other in zip(old.sites, new.sites, strict=True):
        assert one is not other
        assert one.ruleset is other.ruleset
        assert one.budget is other.budget
        assert one.trust is other.trust
        assert one.rulings is not other.rulings


def test_a_new_generation_is_what_decisions_carry() -> None:
    old = _compiled(*TWO)
    new = _compiled(*TWO, previous=old)
    asked = facts(host=b"a.test")

    assert [authorize(one, asked, AT).generation for one in (old, new)] == [1, 2]


def test_where_something_stands_is_no_change() -> None:
    old = _compiled(*TWO)
    moved = tuple(replace(one, where="p:1") for one in (OFFICE, HOME))
    new = _compiled(*map(_elsewhere, TWO), lists=moved, previous=old)

    for one, other in zip(old.sites, new.sites, strict=True):
        assert one.ruleset is other.ruleset
        assert one.trust is other.trust


def test_one_rule_changed_is_one_rule_compiled() -> None:
    old = _compiled(*TWO)
    changed = (RULES[0], rule("http.host in $home", ref="office"), RULES[2])
    new = _compiled(replace(TWO[0], rules=changed), TWO[1], previous=old)

    assert _kept(old, new) == [True, False, True]
    assert new.sites[0].ruleset is not old.sites[0].ruleset
    assert new.sites[1].ruleset is old.sites[1].ruleset


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, enabled=False),
        lambda one: replace(one, action=Action.LOG),
        lambda one: replace(one, ref="renamed"),
        lambda one: replace(one, action=Action.SKIP, skip=SkipParameters(current=True)),
    ],
)
def test_what_a_rule_does_is_part_of_it(change: Callable[[RuleModel], RuleModel]) -> None:
    old = _compiled(*TWO)
    new = _compiled(replace(TWO[0], rules=(change(RULES[0]), *RULES[1:])), TWO[1], previous=old)

    assert new.sites[0].ruleset is not old.sites[0].ruleset
    assert _filters(new)[-2:] == _filters(old)[-2:]


def test_what_a_rule_skips_is_part_of_it() -> None:
    def skipping(ref: str) -> SiteModel:
        skip = SkipParameters(rules=(ref,))
        return site(rule("true", ref="s", action=Action.SKIP, skip=skip), *RULES[:2])

    old = _compiled(skipping("host"))
    new = _compiled(skipping("office"), previous=old)
    asked = facts(host=b"a.test")

    assert [authorize(one, asked, AT).rule for one in (old, new)] == ["", "host"]


def test_a_list_that_changed_recompiles_the_rules_that_may_name_it() -> None:
    old = _compiled(*TWO)
    new = _compiled(*TWO, lists=(replace(OFFICE, items=("a", "b")), HOME), previous=old)

    # The third names it in a string only, which is not told apart.
    assert _kept(old, new) == [True, False, False]
    assert authorize(old, facts(host=b"a.test"), AT).rule == "host"
    assert new.sites[1].ruleset is old.sites[1].ruleset


def test_the_new_list_is_the_one_that_is_asked() -> None:
    sites = (site(RULES[1]),)
    old = _compiled(*sites)
    new = _compiled(*sites, lists=(replace(OFFICE, items=("c",)), HOME), previous=old)

    for host, rules in ((b"a", ["office", ""]), (b"c", ["", "office"])):
        assert [authorize(one, facts(host=host), AT).rule for one in (old, new)] == rules


def test_a_list_that_is_gone_is_missed_although_the_rule_was_compiled_before() -> None:
    old = _compiled(*TWO)

    with pytest.raises(ExpressionError, match="office"):
        _compiled(*TWO, lists=(HOME,), previous=old)


def test_revocations_alone_change_no_other_bundle_and_no_judgement() -> None:
    old = _compiled(*TWO)
    revoking = replace(TWO[0], trust=(authority(root(), revoked_serials=[7]),))
    new = _compiled(revoking, TWO[1], previous=old)

    assert new.sites[0].trust is not old.sites[0].trust
    assert new.sites[0].trust.digest == old.sites[0].trust.digest
    assert new.sites[1].trust is old.sites[1].trust
    assert new.sites[0].ruleset is old.sites[0].ruleset


def test_a_revocation_parses_and_generates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    old = _compiled(*TWO)

    def refuse(*_: object) -> None:
        raise AssertionError("an expression was compiled")

    monkeypatch.setattr(module, "parse", refuse)
    monkeypatch.setattr(module, "compile_expression", refuse)
    revoking = replace(TWO[0], trust=(authority(root(), revoked_serials=[7]),))

    assert _compiled(revoking, TWO[1], previous=old).generation == 2


def test_sites_with_the_same_rules_share_them_in_one_snapshot() -> None:
    made = _compiled(*(site(*RULES, name=name, hosts=(name,)) for name in ("a", "b", "c")))

    assert len({id(one.ruleset) for one in made.sites}) == 1
    assert len({id(one.budget) for one in made.sites}) == 1


def test_other_fields_recompile_the_rules_and_keep_lists_and_trust() -> None:
    old = _compiled(*TWO)
    new = _compiled(*TWO, previous=old, geo=Places())
    again = _compiled(*TWO, previous=new, geo=Places())

    assert _kept(old, new) == [False, False, False]
    assert new.sites[0].trust is old.sites[0].trust
    assert again.sites[0].ruleset is new.sites[0].ruleset


def test_a_field_that_lost_its_source_is_refused_although_it_was_compiled_before() -> None:
    sites = (site(rule('ip.src.country eq "DE"')),)
    old = _compiled(*sites, geo=Places())

    with pytest.raises(ExpressionError, match=r"ip\.src\.country"):
        _compiled(*sites, previous=old)


def test_a_skip_of_a_rule_that_is_gone_is_refused_although_the_rest_is_known() -> None:
    skip = rule("ssl", ref="s", action=Action.SKIP, skip=SkipParameters(rules=("host",)))
    old = _compiled(site(skip, RULES[0]))

    with pytest.raises(PolicyError, match="host"):
        _compiled(site(skip), previous=old)


def test_an_error_says_where_the_rule_stands_now() -> None:
    old = _compiled(site(RULES[1]))
    moved = replace(RULES[1], where="p:9", expression_where="p:10")

    with pytest.raises(ExpressionError) as caught:
        _compiled(site(moved), lists=(), previous=old)
    assert caught.value.where == "p:10"


def test_findings_say_where_things_stand_now() -> None:
    off = authority(revoked_serials=[1], revocation=RevocationMode.OFF)
    trap = rule("not cf.tls_client_auth.cert_verified", where="p:1")
    model = PolicyModel(sites=(site(trap, trust=(off,)),))
    old = compile_snapshot(model, 1, AT)
    moved = PolicyModel(sites=(_elsewhere(model.sites[0]),))
    new = compile_snapshot(moved, 2, AT, previous=old)

    assert [found.where for found in old.findings] == ["p:1", "policy.yaml: trust acme"]
    assert [found.where for found in new.findings] == ["p:33", "p:32"]
    assert compile_snapshot(moved, 2, AT, lint=False).findings == ()


def test_parts_that_are_used_no_more_are_not_kept() -> None:
    first = _compiled(site(RULES[0], RULES[1]))
    gone = weakref.ref(first.sites[0].ruleset.rules[1].filter.matches)
    second = _compiled(site(RULES[0]), lists=(), previous=first)
    kept = weakref.ref(first.hosts)
    gc.disable()
    try:
        del first
        # By reference counts alone: nobody has to look for cycles after a swap.
        assert kept() is None
        assert gone() is None
    finally:
        gc.enable()
    assert second.generation == 2
