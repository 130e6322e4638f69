# SPDX-License-Identifier: Apache-2.0
"""Rules of a store, put into force in one call, as others find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.services.rule_deployment import Basis, Wanted, basis_of, deploy_rule
from authz.services.ruleset_management import put_entry_point
from authz.services.rulesets import rules_in
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.rule_deployment import Deployed
    from authz.services.rulesets import RulesInForce
    from authz.store.engine import Store


def rule(ref: str = "a", **changes: Any) -> dict[str, Any]:
    """A rule as the API takes it."""
    return {"ref": ref, "expression": f'http.host eq "{ref}.example"', "action": "block"} | changes


def zone_scope(store: Store) -> Scope:
    """The zone that a new store has."""
    with store.read() as session:
        return scope_of(session.zones.all()[0])


def account_scope(store: Store) -> Scope:
    """The account that a new store has."""
    with store.read() as session:
        return Scope(account_id=session.zones.accounts()[0].id)


def put_rules(
    store: Store, *rules: dict[str, Any], scope: Scope | None = None, at: float = AT
) -> RulesInForce:
    """Make these the rules of a scope: of the zone, unless another one is given."""
    return put_entry_point(
        store,
        scope or zone_scope(store),
        CUSTOM_RULES,
        {"rules": list(rules)},
        geo=None,
        actor="others",
        at=at,
    )


def in_force(store: Store, scope: Scope | None = None) -> RulesInForce:
    """The rules of a scope."""
    with store.read() as session:
        return rules_in(session, scope or zone_scope(store))


def seen(store: Store, scope: Scope | None = None) -> Basis:
    """What somebody has seen who looks now."""
    return basis_of(in_force(store, scope))


def deploy(
    store: Store, wanted: dict[str, Any], *, scope: Scope | None = None, **more: Any
) -> Deployed:
    """Deploy a rule on top of what is in force, unless `basis` says otherwise."""
    here = scope or zone_scope(store)
    given = {"basis": seen(store, here)} | more
    return deploy_rule(store, here, Wanted(rule=wanted, **given), geo=None, actor="me", at=AT)
