# SPDX-License-Identifier: Apache-2.0
"""One rule put into force by somebody who looked at the rules before: new, or instead of another.

Nobody's change is overwritten unseen: whoever deploys says which rules they have seen (`Basis`),
and nothing is done when others are in force by then. A draft that is deployed is gone with it.

Where blocking at once is too bold, the rule first logs what it would block (`log_first`); the rule
as it is meant stays beside it as a draft, and deploying that one is all there is left to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError, NotFoundError, PreconditionError, RulesetError
from authz.services.context import new_id
from authz.services.loosening import blocks
from authz.services.ready import made_ready
from authz.services.rule_drafts import check_draft
from authz.services.ruleset_input import MAX_RULES, Given, rules_from
from authz.services.rulesets import audit_rules, keep, new_ruleset, rules_in
from authz.sources.rule_json import ref_of
from authz.store.rule_drafts import RuleDraft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.policy.geo import GeoLookup
    from authz.services.ready import Ready
    from authz.services.rules import Rule
    from authz.services.rulesets import RulesInForce
    from authz.services.scopes import Scope
    from authz.store.engine import Store
    from authz.store.session import Session

#: What a rule that only logs does not have.
_OF_OTHER_ACTIONS: Final = ("action_parameters", "logging")


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Which rules somebody has seen: a version of a ruleset; None and 0 where there were none.

    A ruleset that is removed and made again counts from 1 again, so the number alone says little.
    """

    ruleset_id: str | None
    version: int


#: Of a scope that had no rules yet.
NO_RULES: Final = Basis(ruleset_id=None, version=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to be in force.

    Args:
        rule: all of it, as the API takes it.
        basis: the rules that they have seen.
        rule_id: the rule that it replaces; None: it is a new one.
        place: where it goes, from 1; None: where it is, or behind all others.
        draft_id: the draft that it was, which is gone afterwards.
        draft_state: what they have seen of that draft (`rule_drafts.state_of`).
        log_first: it is to log for now, and to be kept as a draft.
    """

    rule: Mapping[str, Any]
    basis: Basis
    rule_id: str | None = None
    place: int | None = None
    draft_id: str | None = None
    draft_state: str = ""
    log_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What is in force afterwards.

    Args:
        rule: the one that was deployed, as it is kept.
        before: the rules before.
    """

    rules: RulesInForce
    rule: Rule
    before: RulesInForce


def basis_of(rules: RulesInForce) -> Basis:
    """What somebody has seen who looks at these rules."""
    ruleset = rules.ruleset
    return NO_RULES if ruleset is None else Basis(ruleset_id=ruleset.id, version=ruleset.version)


def check_basis(rules: RulesInForce, basis: Basis) -> None:
    """Make sure that these are the rules that somebody has seen.

    Raises:
        PreconditionError: they are not.
    """
    if basis_of(rules) != basis:
        now = f"at version {rules.version}" if rules.version else "gone"
        seen = f"version {basis.version}" if basis.version else "none at all"
        raise PreconditionError(
            f"the rules are {now}, and the change was made from {seen}",
            hint="somebody changed them: look at them as they are now, and repeat the change",
        )


def deploy_rule(
    store: Store, scope: Scope, wanted: Wanted, *, geo: GeoLookup | None, actor: str, at: float
) -> Deployed:
    """Put a rule into force.

    Raises:
        PreconditionError: other rules are in force than those of `basis`, or the draft is another
            one than that of `draft_state`.
        NotFoundError: the rule that it replaces is not there.
        InvalidInputError: a rule that does not block cannot log first, and neither can one that
            replaces a rule that blocks: what that one blocks would be let in.
        RulesetError: it is no rule, or the ruleset would not be one with it; paths are those of
            the rule (`("action_parameters", "response")`).
    """
    rule = _first_logging(wanted.rule) if wanted.log_first else dict(wanted.rule)
    ready = made_ready(store, scope, [rule], most=MAX_RULES, geo=geo)
    with store.write() as session:
        before = rules_in(session, scope)
        check_basis(before, wanted.basis)
        old, there, others = _taken_out(before, wanted.rule_id)
        if wanted.log_first and old is not None and blocks(old):
            raise InvalidInputError(
                "the rule blocks now, and would let in whatever it blocks while it only logs",
                hint="deploy it as it is, or make a second rule that logs first",
            )
        after, kept = _with(session, before, others, rule, wanted, there, ready, actor, at)
        told: dict[str, Any] = {}
        if wanted.draft_id is not None and _removed(session, scope, wanted.draft_id, wanted):
            told["draft"] = wanted.draft_id
        if wanted.log_first:
            draft = _to_block(after, kept, wanted.rule, actor, at)
            session.rule_drafts.add(draft)
            told["to_block"] = draft.id
        action = "ruleset.rule.create" if old is None else "ruleset.rule.change"
        after = audit_rules(session, action, before, after, actor=actor, at=at, **told)
    return Deployed(rules=after, rule=kept, before=before)


def _removed(session: Session, scope: Scope, draft_id: str, wanted: Wanted) -> bool:
    """Remove the draft; whether it was still there."""
    draft = session.rule_drafts.get(draft_id)
    if draft is None or (draft.account_id, draft.zone_id) != (scope.account_id, scope.zone_id):
        return False
    check_draft(draft, wanted)
    return session.rule_drafts.remove(draft_id)


def rules_with(before: RulesInForce, wanted: Wanted) -> list[dict[str, Any]]:
    """All rules as they would be, as `rulesets.replace_rules` takes them, to try them.

    Raises:
        NotFoundError: the rule that is replaced is not there.
    """
    _, there, others = _taken_out(before, wanted.rule_id)
    rules = [*map(dict, others)]
    rules.insert(_place(wanted, there, len(others)), _named(wanted.rule, wanted.rule_id))
    return rules


def _named(rule: Mapping[str, Any], rule_id: str | None) -> dict[str, Any]:
    """The rule with this identifier, whatever it had; with none for None."""
    named = {key: one for key, one in rule.items() if key != "id"}
    return named if rule_id is None else named | {"id": rule_id}


def _place(wanted: Wanted, there: int, others: int) -> int:
    """Where the rule goes, from 0."""
    return there if wanted.place is None else max(0, min(wanted.place - 1, others))


def _first_logging(rule: Mapping[str, Any]) -> dict[str, Any]:
    if rule.get("action") != "block":
        raise InvalidInputError(
            "only a rule that is to block can log first", hint="choose the action Block"
        )
    return {key: one for key, one in rule.items() if key not in _OF_OTHER_ACTIONS} | {
        "action": "log"
    }


def _taken_out(before: RulesInForce, rule_id: str | None) -> tuple[Rule | None, int, list[Rule]]:
    """The rule that is replaced, its place from 0, and all others."""
    rules = before.rules
    if rule_id is None:
        return None, len(rules), list(rules)
    for place, rule in enumerate(rules):
        if rule["id"] == rule_id:
            return rule, place, [*rules[:place], *rules[place + 1 :]]
    raise NotFoundError(
        f"could not find rule {rule_id} in the ruleset",
        hint="somebody removed it: deploy yours as a new rule",
    )


def _with(
    session: Session,
    before: RulesInForce,
    others: Sequence[Rule],
    rule: dict[str, Any],
    wanted: Wanted,
    there: int,
    ready: Ready,
    actor: str,
    at: float,
) -> tuple[RulesInForce, Rule]:
    """The others with this rule among them, kept; and the rule."""
    place = _place(wanted, there, len(others))
    ruleset = before.ruleset or new_ruleset(before.scope, at=at)
    given = [Given(rule=one) for one in others]
    own = _named(rule, wanted.rule_id)
    if wanted.rule_id is None:
        _check_free(own, others)
    given.insert(place, Given(rule=own, path=()))
    rules = rules_from(
        session, before.scope, given, before.rules, ruleset_id=ruleset.id, ready=ready, at=at
    )
    return keep(session, before, ruleset, rules, actor=actor, at=at), rules[place]


def _check_free(rule: Mapping[str, Any], others: Sequence[Rule]) -> None:
    """Make sure that a new rule does not take another one's name: it would be that one."""
    taken = [ref_of(one) for one in others]
    if rule.get("ref") in taken:
        raise RulesetError(
            f'a second rule "{rule["ref"]}"',
            path=("ref",),
            hint=f"rule {taken.index(str(rule['ref'])) + 1} has the name already",
        )


def _to_block(
    after: RulesInForce, kept: Rule, rule: Mapping[str, Any], actor: str, at: float
) -> RuleDraft:
    """What is to be deployed when the rule has logged for long enough."""
    basis = basis_of(after)
    return RuleDraft(
        id=new_id(),
        account_id=after.scope.account_id,
        zone_id=after.scope.zone_id,
        ruleset_id=basis.ruleset_id,
        version=basis.version,
        rule_id=str(kept["id"]),
        rule=_named(rule, None),
        place=None,
        actor=actor,
        created_at=at,
        modified_at=at,
    )
