# SPDX-License-Identifier: Apache-2.0
"""What somebody changed in a rule, applied to the rule as others have changed it meanwhile.

A rule is compared part by part (`ruleset_diff.Part`). What only one side changed is taken from that
side. Where both changed the same part, and differently, the author's is taken and the other's is
told: nobody can decide that for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.services.rule_deployment import NO_RULES, Basis, basis_of
from authz.services.ruleset_diff import Part, RulesetDiff, compare_rules, text_of
from authz.services.rulesets import rules_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.services.rulesets import RulesInForce
    from authz.services.scopes import Scope
    from authz.store.engine import Store
    from authz.store.records import RulesetVersion
    from authz.store.session import Session

#: What a part is in a rule.
_KEYS: Final[Mapping[Part, tuple[str, ...]]] = {
    Part.DESCRIPTION: ("description",),
    Part.REF: ("ref",),
    Part.EXPRESSION: ("expression",),
    Part.ACTION: ("action", "action_parameters", "logging"),
    Part.ENABLED: ("enabled",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """A part that both sides changed: as it was (None: nobody knows), and as each has it."""

    part: Part
    base: str | None
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebased:
    """A change that was made from some rules, on top of those that are in force now.

    Args:
        now: what is in force.
        then: what was when the change was begun; None when that is not kept any more.
        diff: what others did in between; None when `then` is.
        actor, at: who made what is in force, and when (Unix seconds); "" and 0 without any.
        rule: what is wanted, on top of what others did.
        theirs: the rule that is to be changed as it is now; None when it is new, or gone.
        is_gone: others removed the rule that is to be changed.
        clashes: parts that both changed.
    """

    now: RulesInForce
    then: tuple[Mapping[str, Any], ...] | None
    diff: RulesetDiff | None
    actor: str
    at: float
    rule: dict[str, Any]
    theirs: Mapping[str, Any] | None
    is_gone: bool
    clashes: tuple[Clash, ...]

    @property
    def basis(self) -> Basis:
        """The rules that it is on top of."""
        return basis_of(self.now)


def rebase(
    store: Store, scope: Scope, rule: Mapping[str, Any], *, rule_id: str | None, basis: Basis
) -> Rebased:
    """Put a change on top of the rules that are in force now.

    Args:
        rule: what is wanted.
        rule_id: the rule that it changes; None: it is a new one.
        basis: the rules that it was made from.
    """
    with store.read() as session:
        now = rules_in(session, scope)
        made = _version(session, basis_of(now))
        then = _rules_then(session, now, basis)
    theirs = _by_id(now.rules, rule_id)
    base = _by_id(then or (), rule_id)
    merged = dict(rule)
    clashes: tuple[Clash, ...] = ()
    if theirs is not None:
        merged, clashes = merge(base, theirs, rule)
    return Rebased(
        now=now,
        then=then,
        diff=None if then is None else compare_rules(then, now.rules),
        actor="" if made is None else made.actor,
        at=0.0 if made is None else made.created_at,
        rule=merged,
        theirs=theirs,
        is_gone=rule_id is not None and theirs is None,
        clashes=clashes,
    )


def merge(
    base: Mapping[str, Any] | None, theirs: Mapping[str, Any], mine: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Clash, ...]]:
    """The rule with the changes of both, and where they do not go together.

    Args:
        base: what both began with; None: nobody knows, and every difference is one of both.
    """
    merged = dict(mine)
    clashes = []
    for part in Part:
        now, wanted = text_of(theirs, part), text_of(mine, part)
        was = None if base is None else text_of(base, part)
        # A rule keeps its ref where none is written.
        if now in (wanted, was) or (part is Part.REF and not wanted):
            continue
        if was == wanted:
            merged = _with_part(merged, theirs, part)
        else:
            clashes.append(Clash(part=part, base=was, theirs=now, mine=wanted))
    return merged, tuple(clashes)


def _with_part(rule: dict[str, Any], of: Mapping[str, Any], part: Part) -> dict[str, Any]:
    keys = _KEYS[part]
    others = {key: value for key, value in rule.items() if key not in keys}
    return others | {key: of[key] for key in keys if key in of}


def _by_id(rules: Sequence[Mapping[str, Any]], rule_id: str | None) -> Mapping[str, Any] | None:
    return next((one for one in rules if one["id"] == rule_id), None)


def _version(session: Session, basis: Basis) -> RulesetVersion | None:
    if basis.ruleset_id is None:
        return None
    return session.rulesets.version(basis.ruleset_id, basis.version)


def _rules_then(
    session: Session, now: RulesInForce, basis: Basis
) -> tuple[Mapping[str, Any], ...] | None:
    if basis == NO_RULES:
        return ()
    if now.ruleset is None or now.ruleset.id != basis.ruleset_id:
        # Another ruleset: what somebody has seen is gone with its versions.
        return None
    kept = _version(session, basis)
    return None if kept is None else kept.rules
