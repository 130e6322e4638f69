# SPDX-License-Identifier: Apache-2.0
"""The account's rules: first, by names of their own, and without skipping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import PolicyError
from authz.policy.snapshot import compile_snapshot
from authz.services.account_rules import account_models, kept_rules, models_in, names_taken
from authz.services.model import StoreModels
from authz.services.ruleset_management import create_ruleset
from authz.services.rulesets import append_rule, put_rules, rules_of
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from authz.services.zones import create_zone
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.store.engine import Store

BLOCK = {"ref": "a", "expression": "ssl", "action": "block"}


def account(store: Store) -> Scope:
    with store.read() as session:
        return Scope(account_id=session.zones.accounts()[0].id)


def create(store: Store, *rules: dict[str, Any]) -> Any:
    body = {"name": "x", "kind": "root", "phase": CUSTOM_RULES, "rules": list(rules)}
    return create_ruleset(store, account(store), body, geo=None, actor="t", at=AT)


def test_they_come_before_those_of_every_zone(store: Store) -> None:
    create(store, BLOCK, {**BLOCK, "ref": "b", "action": "log"})
    create_zone(store, "example.com", actor="t", at=AT)
    create_zone(store, "example.org", actor="t", at=AT)
    append_rule(store, "default", BLOCK, actor="t", at=AT)
    append_rule(store, "example.com", {**BLOCK, "ref": "c"}, actor="t", at=AT)

    with store.read() as session:
        model = StoreModels().build(session).model
    snapshot = compile_snapshot(model, 1, AT)

    assert {site.name: [rule.ref for rule in site.ruleset.rules] for site in snapshot.sites} == {
        "default": ["account:a", "account:b", "a"],
        "example.com": ["account:a", "account:b", "c"],
        "example.org": ["account:a", "account:b"],
    }


def test_a_rule_that_skips_is_none_of_the_account(store: Store) -> None:
    skip = {
        "ref": "s",
        "expression": "ssl",
        "action": "skip",
        "action_parameters": {"ruleset": "current"},
    }

    with pytest.raises(PolicyError, match=r"rules of the account\[1\]\.action: rules of the acc"):
        models_in(account(store), [BLOCK, skip])


def test_without_a_ruleset_there_are_none(store: Store) -> None:
    with store.read() as session:
        here = account(store)
        assert kept_rules(session, here) == ()
        assert account_models(session, here.account_id) == ()


def keep_in_zone(store: Store, ref: str) -> None:
    """Give the default zone a rule of a ref that no call would give it any more."""
    with store.write() as session:
        before = rules_of(session, session.zones.all()[0])
        rule = {**BLOCK, "ref": ref}
        put_rules(session, before, [rule], checked=True, actor="t", at=AT)


def test_a_zone_gets_no_ref_that_begins_as_the_accounts_do(store: Store) -> None:
    with pytest.raises(PolicyError, match='the ref "account:protect" begins with "account:"'):
        append_rule(store, "default", {**BLOCK, "ref": "account:protect"}, actor="t", at=AT)

    keep_in_zone(store, "account:protect")
    after = append_rule(store, "default", {**BLOCK, "ref": "other"}, actor="t", at=AT)
    assert [rule["ref"] for rule in after.rules] == ["account:protect", "other"]
    with store.read() as session:
        assert not list(names_taken(session, account(store), ["a"]))
        assert list(names_taken(session, account(store), ["protect"]))


def test_names_that_both_would_have(store: Store) -> None:
    create(store, BLOCK)
    keep_in_zone(store, "account:b")

    with store.read() as session:
        zone = scope_of(session.zones.all()[0])
        (of_zone,) = names_taken(session, zone, ["a", "account:a"])
        (of_account,) = names_taken(session, account(store), ["a", "b"])
    assert (of_zone[0], of_zone[1].message) == (
        "account:a",
        'a rule of the account is called "account:a"',
    )
    assert (of_account[0], of_account[1].message) == (
        "b",
        'a rule of the zone default is called "account:b"',
    )


def test_a_command_does_not_give_a_zone_such_a_name(store: Store) -> None:
    create(store, BLOCK)

    with pytest.raises(PolicyError, match="a rule of the account is called") as caught:
        append_rule(store, "default", {**BLOCK, "ref": "account:a"}, actor="t", at=AT)
    assert caught.value.where == 'rules of the zone "default"[0]'


def test_they_decide_before_a_zone_can_skip(store: Store) -> None:
    skip = {"action": "skip", "action_parameters": {"ruleset": "current"}}
    append_rule(store, "default", {"ref": "a", "expression": "true", **skip}, actor="t", at=AT)

    def decided_by(secure: bool) -> str:
        with store.read() as session:
            (site,) = compile_snapshot(StoreModels().build(session).model, 1, AT).sites
        rule = site.ruleset.run({"ssl": secure}, frozenset()).rule
        assert rule is not None
        return site.rulings.of(site.ruleset.run({"ssl": secure}, frozenset())).rule

    assert decided_by(secure=True) == "a"
    create(store, BLOCK)
    assert decided_by(secure=True) == "account:a"
    assert decided_by(secure=False) == "a"
