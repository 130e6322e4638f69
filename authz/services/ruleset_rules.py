# SPDX-License-Identifier: Apache-2.0
"""Single rules of a ruleset: added, changed, moved and removed, each in one transaction.

Every one of them is a new version of the ruleset with one more, one other or one less rule in it,
made from the version that is in force then: two writers at once are two versions, one after the
other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authz.errors import NotFoundError, RulesetError
from authz.services.ready import Ready, made_ready
from authz.services.rule_positions import place_of
from authz.services.ruleset_input import MAX_RULES, Given, refuse, rules_from
from authz.services.ruleset_management import check_version, ruleset_of
from authz.services.rulesets import RulesInForce, audit_rules, keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.policy.geo import GeoLookup
    from authz.services.rules import Rule
    from authz.services.ruleset_management import Expected
    from authz.services.scopes import Scope
    from authz.store.engine import Store
    from authz.store.session import Session

#: Keys of a call for one rule that are no definition of it.
_NO_DEFINITION: Final = ("id", "position")


def add_rule(
    store: Store,
    scope: Scope,
    ruleset_id: str,
    body: Any,
    *,
    version: Expected = None,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Add a rule, behind all others unless `position` says where.

    Args:
        body: a rule, with `position` perhaps.
        version: the version that must be in force, or ANY.

    Raises:
        NotFoundError: the scope has no such ruleset.
        PreconditionError: it is at another version.
        RulesetError: the body is no rule, or the ruleset would not be one with it.
    """
    given = _object(body)
    ready = made_ready(store, scope, [given], most=MAX_RULES, geo=geo)
    with store.write() as session:
        before = ruleset_of(session, scope, ruleset_id)
        check_version(before, version)
        others = list(before.rules)
        found: list[RulesetError] = []
        place = _place(given, others, found)
        # A rule that is there has its own call: an ID or a ref that is taken is a mistake here.
        rule = {key: value for key, value in given.items() if key not in _NO_DEFINITION}
        taken = [one["ref"] for one in others]
        if isinstance(rule.get("ref"), str) and rule["ref"] in taken:
            found.append(
                RulesetError(
                    f'a second rule "{rule["ref"]}"',
                    path=("ref",),
                    hint=f"rule {taken.index(rule['ref']) + 1} has the name already",
                )
            )
            del rule["ref"]
        after = _with(session, before, others, rule, place, found, ready=ready, actor=actor, at=at)
        return audit_rules(
            session,
            "ruleset.rule.create",
            before,
            after,
            actor=actor,
            at=at,
        )


def change_rule(
    store: Store,
    scope: Scope,
    ruleset_id: str,
    rule_id: str,
    body: Any,
    *,
    version: Expected = None,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Replace a rule's definition, and move it where `position` says; or only move it.

    Args:
        body: all of a rule, `position`, or both. A rule keeps its ref where the body has none.

    Raises:
        NotFoundError: there is no such ruleset, or rule in it.
        PreconditionError: it is at another version.
        RulesetError: the body is neither, or the ruleset would not be one with it.
    """
    given = _object(body)
    ready = made_ready(store, scope, [given], most=MAX_RULES, geo=geo)
    with store.write() as session:
        before = ruleset_of(session, scope, ruleset_id)
        check_version(before, version)
        old, there, others = _taken_out(before, rule_id)
        found: list[RulesetError] = []
        if given.get("id") not in (None, rule_id):
            found.append(RulesetError("the ID is another rule's than the path's", path=("id",)))
        place = _place(given, others, found, there)
        rule = {key: value for key, value in given.items() if key not in _NO_DEFINITION}
        if not rule and "position" in given:
            refuse(found)
            rules = (*others[:place], old, *others[place:])
            assert before.ruleset is not None, "found by its identifier"
            after = keep(session, before, before.ruleset, rules, actor=actor, at=at)
        else:
            rule["id"] = rule_id
            after = _with(
                session, before, others, rule, place, found, ready=ready, actor=actor, at=at
            )
        return audit_rules(
            session,
            "ruleset.rule.change",
            before,
            after,
            actor=actor,
            at=at,
            position=place + 1,
        )


def remove_rule(
    store: Store,
    scope: Scope,
    ruleset_id: str,
    rule_id: str,
    *,
    version: Expected = None,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Remove a rule.

    Raises:
        NotFoundError: there is no such ruleset, or rule in it.
        PreconditionError: it is at another version.
        RulesetError: another rule skips it.
    """
    with store.write() as session:
        before = ruleset_of(session, scope, ruleset_id)
        check_version(before, version)
        _, _, others = _taken_out(before, rule_id)
        after = _kept(
            session, before, [Given(rule=one) for one in others], Ready(geo=geo), actor, at
        )
        return audit_rules(
            session,
            "ruleset.rule.delete",
            before,
            after,
            actor=actor,
            at=at,
        )


def _taken_out(before: RulesInForce, rule_id: str) -> tuple[Rule, int, list[Rule]]:
    """A rule, its place, and all others."""
    for place, rule in enumerate(before.rules):
        if rule["id"] == rule_id:
            return rule, place, [*before.rules[:place], *before.rules[place + 1 :]]
    raise NotFoundError(f"could not find rule {rule_id} in the ruleset")


def _place(
    given: dict[str, Any],
    others: Sequence[Rule],
    found: list[RulesetError],
    there: int | None = None,
) -> int:
    """Where the rule goes: as `position` says, or where it was, or behind all others."""
    last = len(others) if there is None else there
    if given.get("position") is None:
        return last
    try:
        return place_of(given["position"], [str(one["id"]) for one in others])
    except RulesetError as error:
        found.append(error)
        return last


def _with(
    session: Session,
    before: RulesInForce,
    others: Sequence[Rule],
    rule: dict[str, Any],
    place: int,
    found: list[RulesetError],
    *,
    ready: Ready,
    actor: str,
    at: float,
) -> RulesInForce:
    """The others with this rule among them, kept; `found` is what is wrong with it already."""
    given = [Given(rule=one) for one in others]
    given.insert(place, Given(rule=rule, path=()))
    return _kept(session, before, given, ready, actor, at, found)


def _kept(
    session: Session,
    before: RulesInForce,
    given: Sequence[Given],
    ready: Ready,
    actor: str,
    at: float,
    found: Sequence[RulesetError] = (),
) -> RulesInForce:
    ruleset = before.ruleset
    assert ruleset is not None, "found by its identifier"
    rules = rules_from(
        session,
        before.scope,
        given,
        before.rules,
        ruleset_id=ruleset.id,
        besides=found,
        ready=ready,
        at=at,
    )
    return keep(session, before, ruleset, rules, actor=actor, at=at)


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise RulesetError("the body is not a JSON object")
    return body
