# SPDX-License-Identifier: Apache-2.0
"""The rules in force: the entry point ruleset of `http_request_firewall_custom`, of a zone or of
the account.

Every change makes a new version of the ruleset; the same rules again are none. Old ones are kept
for a while (KEPT_VERSIONS and what follows). Whoever read a
version and says so (`version`) changes nothing when somebody else was quicker. Rules are compiled
before they are kept. Here is what commands do to a zone's rules, and what every change is made of;
the calls of the API are in ruleset_management, ruleset_rules and ruleset_versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ConflictError, PolicyError
from authz.services.account_rules import entry_point
from authz.services.audited import Told, facts_of_change
from authz.services.checking import check_rules
from authz.services.context import audit, new_id, zone_of
from authz.services.loosening import loosened_rules
from authz.services.rules import Rule, changes_between, foreign_skips, new_rules
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from authz.store.records import Ruleset, RulesetVersion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.policy.geo import GeoLookup
    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session

#: Old versions that are kept however old they are, and how many seconds the others are.
KEPT_VERSIONS: Final = 100
KEPT_SECONDS: Final = 30 * 86_400.0

#: All of them together, in characters of their rules. Every change writes all rules once more.
KEPT_CHARACTERS: Final = 64 * 1024 * 1024

# Looking how large they are reads all of them.
_PRUNED_EVERY: Final = 10

#: What a ruleset is called that nobody gave a name.
NAME: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInForce:
    """Rules of a scope, in order; `ruleset` is None, and there are none, before the first.

    Args:
        loosened: what is less strict than before the change that made them (services.loosening).
    """

    scope: Scope
    ruleset: Ruleset | None
    rules: tuple[Rule, ...] = ()
    loosened: tuple[str, ...] = field(default=(), compare=False)

    @property
    def version(self) -> int:
        """The number of this version, 0 before the first."""
        return 0 if self.ruleset is None else self.ruleset.version


def get_rules(store: Store, zone: str) -> RulesInForce:
    """The rules of the zone with this name or identifier.

    Raises:
        NotFoundError: there is no such zone.
    """
    with store.read() as session:
        return rules_of(session, zone_of(session, zone))


def append_rule(
    store: Store,
    zone: str,
    rule: Mapping[str, Any],
    *,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Add a rule behind all others of a zone.

    Raises:
        NotFoundError: there is no such zone.
        PolicyError, ExpressionError: it is no rule, or does not compile.
    """
    with store.write() as session:
        before = rules_of(session, zone_of(session, zone))
        after = put_rules(session, before, [*before.rules, rule], geo=geo, actor=actor, at=at)
        return audit_rules(session, "ruleset.append", before, after, actor=actor, at=at)


def replace_rules(
    store: Store,
    zone: str,
    rules: Sequence[Mapping[str, Any]],
    *,
    version: int | None = None,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Make these the rules of a zone.

    Args:
        version: the version that these rules were made from; None replaces whatever is there.

    Raises:
        NotFoundError: there is no such zone.
        ConflictError: the ruleset is at another version by now.
        PolicyError, ExpressionError: one is no rule, or does not compile.
    """
    with store.write() as session:
        before = rules_of(session, zone_of(session, zone))
        if version is not None and version != before.version:
            raise ConflictError(
                f"the rules are at version {before.version}, not at {version}",
                hint="somebody changed them: read them again",
            )
        after = put_rules(session, before, rules, geo=geo, actor=actor, at=at)
        return audit_rules(session, "ruleset.replace", before, after, actor=actor, at=at)


def rules_of(session: Session, zone: Zone) -> RulesInForce:
    """The rules of a zone."""
    return rules_in(session, scope_of(zone))


def rules_in(session: Session, scope: Scope) -> RulesInForce:
    """The rules of a scope."""
    ruleset = entry_point(session, scope)
    if ruleset is None:
        return RulesInForce(scope=scope, ruleset=None)
    version = session.rulesets.version(ruleset.id, ruleset.version)
    assert version is not None, "the version in force is kept"
    return RulesInForce(scope=scope, ruleset=ruleset, rules=version.rules)


def put_rules(
    session: Session,
    before: RulesInForce,
    rules: Sequence[Mapping[str, Any]],
    *,
    name: str = NAME,
    description: str | None = None,
    checked: bool = False,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> RulesInForce:
    """Make these the rules of a scope, in a transaction of the caller's, who writes the audit row.

    Args:
        name: of the ruleset, where there is none yet.
        description: of the ruleset; None leaves it.
        checked: the caller has compiled them already.
    """
    ruleset = before.ruleset or new_ruleset(before.scope, name=name, at=at)
    if description is not None:
        ruleset = replace(ruleset, description=description)
    kept = new_rules(rules, before.rules, ruleset_id=ruleset.id, at=at)
    for index, error in foreign_skips(kept, ruleset.id):
        place = ".".join(str(step) for step in error.path or ())
        raise PolicyError(error.message, where=f"rules[{index}].{place}", hint=error.hint)
    if not checked:
        check_rules(session, before.scope, kept, at=at, geo=geo)
    return keep(session, before, ruleset, kept, actor=actor, at=at)


def keep(
    session: Session,
    before: RulesInForce,
    ruleset: Ruleset,
    rules: tuple[Rule, ...],
    *,
    actor: str,
    at: float,
) -> RulesInForce:
    """Make a new version out of checked rules, unless it would be the same again.

    Args:
        ruleset: the one of `before`, with another description perhaps; or a new one.

    Raises:
        ConflictError: `before` is not in force any more.
    """
    if before.ruleset == ruleset and rules == before.rules:
        return before
    number = before.version + 1
    ruleset = replace(ruleset, version=number, modified_at=at)
    version = RulesetVersion(
        ruleset_id=ruleset.id,
        version=number,
        description=ruleset.description,
        rules=rules,
        actor=actor,
        created_at=at,
    )
    if before.ruleset is None:
        session.rulesets.add(ruleset, version)
    elif not session.rulesets.add_version(ruleset, version):
        raise ConflictError(
            "the rules were changed meanwhile", hint="read them again, and repeat the change"
        )
    if number % _PRUNED_EVERY == 0:
        _prune(session, ruleset, at)
    return RulesInForce(scope=before.scope, ruleset=ruleset, rules=rules)


def _prune(session: Session, ruleset: Ruleset, at: float) -> None:
    """Remove versions that are too old and too many, or together too large; the oldest first."""
    total = 0
    for position, (version, made_at, size) in enumerate(session.rulesets.sizes(ruleset.id)):
        total += size
        old = position > KEPT_VERSIONS and made_at < at - KEPT_SECONDS
        if version != ruleset.version and (old or total > KEPT_CHARACTERS):
            session.rulesets.remove_versions(ruleset.id, version)
            return


def audit_rules(
    session: Session,
    action: str,
    before: RulesInForce,
    after: RulesInForce,
    *,
    actor: str,
    at: float,
    **more: Any,
) -> RulesInForce:
    """Keep what a change did to rules; `more` is what else there is to say of them now.

    Returns:
        `after`, with what is less strict in it.
    """
    ruleset = after.ruleset or before.ruleset
    assert ruleset is not None, "a change makes a ruleset, or takes one away"
    told = Told()
    then, now = facts_of_both(before, after, Told(), told)
    changes = changes_between(before.rules, after.rules)
    for name in ("added", "changed", "removed"):
        now |= told.all_of(name, getattr(changes, name))
    loosened = loosened_rules(before.rules, after.rules)
    if loosened:
        now |= told.all_of("loosened", loosened)
    audit(
        session,
        action,
        actor=actor,
        at=at,
        of=("ruleset", ruleset.id),
        zone_id=after.scope.zone_id,
        before=then,
        after=now | more,
    )
    return replace(after, loosened=loosened)


def facts_of_both(
    before: RulesInForce, after: RulesInForce, told_before: Told, told_after: Told
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the audit log keeps of rules and of what a change did to them, then and now."""
    then, now = facts_of_rules(before), facts_of_rules(after)
    described = [one.ruleset.description if one.ruleset else "" for one in (before, after)]
    if described[0] != described[1]:
        then["description"], now["description"] = described
    changed_then, changed_now = facts_of_change(before.rules, after.rules, told_before, told_after)
    return then | changed_then, now | changed_now


def facts_of_rules(rules: RulesInForce) -> dict[str, Any]:
    """How many rules there are, and which version they are."""
    return {"version": rules.version, "rules": len(rules.rules)}


def new_ruleset(scope: Scope, *, name: str = NAME, at: float) -> Ruleset:
    """The ruleset of a scope that has none; not kept yet."""
    return Ruleset(
        id=new_id(),
        account_id=scope.account_id,
        zone_id=scope.zone_id,
        kind=scope.kind,
        phase=CUSTOM_RULES,
        name=name,
        description="",
        version=0,
        created_at=at,
        modified_at=at,
    )
