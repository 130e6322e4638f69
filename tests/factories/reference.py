# SPDX-License-Identifier: Apache-2.0
"""The obvious authorizer: the policy's own data, the reference evaluator, one rule after another.

It shares field values, hosts and readings with the product, and neither compiled filters nor the
ruleset nor the authorizer, so that the two can be compared on any message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.policy.authorizer import is_misdirected, path_readings
from authz.policy.client import identify
from authz.policy.fields import SCHEME, FieldValues, field_values
from authz.policy.model import Action, DefaultAction
from authz.policy.unknown import unknown_fields
from authz.rules import compile_list, evaluate, parse

if TYPE_CHECKING:
    from authz.policy.model import PolicyModel, SiteModel
    from authz.policy.snapshot import Snapshot
    from tests.factories.facts import RequestFacts


def reference_allows(
    model: PolicyModel, snapshot: Snapshot, facts: RequestFacts, at: float
) -> bool:
    """True when the policy lets the request in."""
    site = snapshot.hosts.find(facts.host)
    if site is None or (snapshot.sni_matters and is_misdirected(snapshot, site, facts)):
        return False
    site_model = next(item for item in model.sites if item.name == site.name)
    client = identify(facts.presented, site.trust, at)
    target = facts.path.partition(b"?")[0]
    paths = path_readings(site, facts, target)
    values = field_values(facts, client, site.name, target, at, snapshot.geo)
    if paths is None:
        return False
    # Reading the size of every header is left out where it cannot matter: a part that no rule reads
    # may be unreadable.
    small = len(paths) == 1 and facts.size <= site.budget.ample
    if not small and site.budget.exceeded(facts, values, len(paths)):
        return False
    unknown = unknown_fields(values, site.ruleset.fields) if site.may_be_unknown else frozenset()
    return all(
        _allows(
            model,
            site_model,
            field_values(facts, client, site.name, path, at, snapshot.geo),
            unknown,
        )
        for path in paths
    )


def _allows(
    model: PolicyModel, site: SiteModel, values: FieldValues, unknown: frozenset[str]
) -> bool:
    lists = {item.name: compile_list(item) for item in model.lists}
    skipped: set[str] = set()
    for rule in site.rules:
        if not rule.enabled or rule.ref in skipped:
            continue
        expression = parse(rule.expression, SCHEME, lists)
        if unknown & expression.fields:
            matches = rule.action is Action.BLOCK
        else:
            matches = evaluate(expression, values)
        if not matches:
            continue
        if rule.action is Action.BLOCK:
            return False
        if rule.action is Action.SKIP and rule.skip is not None:
            if rule.skip.current:
                return True
            skipped |= set(rule.skip.rules)
    return site.default_action is DefaultAction.ALLOW
