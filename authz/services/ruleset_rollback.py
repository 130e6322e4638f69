# SPDX-License-Identifier: Apache-2.0
"""The rules of an earlier version, put into force again: as a new version, with the same rules.

Rules keep their identifiers, those that were removed since get theirs back: what counts them, and
rules that skip them, name them by it. What cannot be in force any more (a list that is gone, a name
that the account has taken) is refused, and nothing changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.errors import NotFoundError, RulesetError
from authz.services.checking import check_rules
from authz.services.rule_deployment import check_basis
from authz.services.rules import new_rules
from authz.services.rulesets import audit_rules, keep, rules_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from authz.policy.geo import GeoLookup
    from authz.services.rule_deployment import Basis
    from authz.services.rulesets import RulesInForce
    from authz.services.scopes import Scope
    from authz.store.engine import Store


def roll_back(
    store: Store,
    scope: Scope,
    version: int,
    *,
    basis: Basis,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Make the rules of a version those in force.

    Args:
        basis: the rules that are in force, as whoever asks for it has seen them.

    Raises:
        PreconditionError: others are in force.
        NotFoundError: there is no such version.
        RulesetError: it is in force.
        PolicyError, ExpressionError: its rules cannot be in force any more.
    """
    with store.write() as session:
        before = rules_in(session, scope)
        check_basis(before, basis)
        ruleset = before.ruleset
        kept = None if ruleset is None else session.rulesets.version(ruleset.id, version)
        if ruleset is None or kept is None:
            raise NotFoundError(
                f"there is no version {version} of the rules",
                hint="the list of versions has those that are kept",
            )
        if version == before.version:
            raise RulesetError(
                f"version {version} is in force", path=None, hint="choose an earlier one"
            )
        rules = new_rules(
            kept.rules, _known(before.rules, kept.rules), ruleset_id=ruleset.id, at=at
        )
        check_rules(session, scope, rules, at=at, geo=geo)
        ruleset = replace(ruleset, description=kept.description)
        after = keep(session, before, ruleset, rules, actor=actor, at=at)
        return audit_rules(
            session, "ruleset.rollback", before, after, actor=actor, at=at, restored=version
        )


def _known(
    now: Sequence[Mapping[str, Any]], then: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Every rule that has an identifier: as it is now, or as it was last where it is gone."""
    there = {str(rule["id"]) for rule in now}
    return [*(rule for rule in then if str(rule["id"]) not in there), *now]
