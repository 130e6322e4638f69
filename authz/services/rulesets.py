# SPDX-License-Identifier: Apache-2.0
"""A zone's custom rules: the entry point ruleset of `http_request_firewall_custom`.

Every change makes a new version of the ruleset; the same rules again are none. Whoever read a
version and says so (`version`) changes nothing when somebody else was quicker. Rules are compiled
before they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import ConflictError
from authz.services.checking import check_rules
from authz.services.context import audit, new_id, zone_of
from authz.services.rules import Rule, RuleChanges, changes_between, new_rules
from authz.store.records import Ruleset, RulesetVersion, Zone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.policy.geo import GeoLookup
    from authz.store.engine import Store
    from authz.store.session import Session

CUSTOM_RULES: Final = "http_request_firewall_custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRules:
    """A zone's rules, in order; `ruleset` is None, and there are none, before the first."""

    zone: Zone
    ruleset: Ruleset | None
    rules: tuple[Rule, ...] = ()

    @property
    def version(self) -> int:
        """The number of this version, 0 before the first."""
        return 0 if self.ruleset is None else self.ruleset.version


def get_rules(store: Store, zone: str) -> ZoneRules:
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
) -> ZoneRules:
    """Add a rule behind all others of a zone.

    Raises:
        NotFoundError: there is no such zone.
        PolicyError, ExpressionError: it is no rule, or does not compile.
    """
    with store.write() as session:
        before = rules_of(session, zone_of(session, zone))
        after = put_rules(session, before, [*before.rules, rule], geo=geo, actor=actor, at=at)
        audit_rules(session, "ruleset.append", before, after, actor=actor, at=at)
    return after


def replace_rules(
    store: Store,
    zone: str,
    rules: Sequence[Mapping[str, Any]],
    *,
    version: int | None = None,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> ZoneRules:
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
        audit_rules(session, "ruleset.replace", before, after, actor=actor, at=at)
    return after


def rules_of(session: Session, zone: Zone) -> ZoneRules:
    """The rules of a zone."""
    ruleset = session.rulesets.entry_point(zone.id, CUSTOM_RULES)
    if ruleset is None:
        return ZoneRules(zone=zone, ruleset=None)
    version = session.rulesets.version(ruleset.id, ruleset.version)
    assert version is not None, "the version in force is kept"
    return ZoneRules(zone=zone, ruleset=ruleset, rules=version.rules)


def put_rules(
    session: Session,
    before: ZoneRules,
    rules: Sequence[Mapping[str, Any]],
    *,
    checked: bool = False,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> ZoneRules:
    """Make these the rules of a zone, in a transaction of the caller's, who writes the audit row.

    Args:
        checked: the caller has compiled them already.
    """
    zone = before.zone
    ruleset = before.ruleset or _empty(zone, at)
    kept = new_rules(rules, before.rules, ruleset_id=ruleset.id, at=at)
    if not checked:
        check_rules(session, zone, kept, at=at, geo=geo)
    if before.ruleset is not None and kept == before.rules:
        return before
    number = before.version + 1
    ruleset = replace(ruleset, version=number, modified_at=at)
    version = RulesetVersion(
        ruleset_id=ruleset.id,
        version=number,
        description=ruleset.description,
        rules=kept,
        actor=actor,
        created_at=at,
    )
    if before.ruleset is None:
        session.rulesets.add(ruleset, version)
    elif not session.rulesets.add_version(ruleset, version):
        raise ConflictError(
            "the rules were changed meanwhile", hint="read them again, and repeat the change"
        )
    return ZoneRules(zone=zone, ruleset=ruleset, rules=kept)


def audit_rules(
    session: Session, action: str, before: ZoneRules, after: ZoneRules, *, actor: str, at: float
) -> None:
    """Keep what a change did to a zone's rules."""
    assert after.ruleset is not None, "a change makes a ruleset"
    audit(
        session,
        action,
        actor=actor,
        at=at,
        of=("ruleset", after.ruleset.id),
        zone_id=after.zone.id,
        before=facts_of_rules(before),
        after=facts_of_rules(after) | _told(changes_between(before.rules, after.rules)),
    )


def facts_of_rules(rules: ZoneRules) -> dict[str, Any]:
    """What the audit log keeps of rules: the versions have the rest."""
    return {"version": rules.version, "rules": len(rules.rules)}


def _told(changes: RuleChanges) -> dict[str, Any]:
    return {"added": changes.added, "changed": changes.changed, "removed": changes.removed}


def _empty(zone: Zone, at: float) -> Ruleset:
    return Ruleset(
        id=new_id(),
        account_id=zone.account_id,
        zone_id=zone.id,
        kind="zone",
        phase=CUSTOM_RULES,
        name="default",
        description="",
        version=0,
        created_at=at,
        modified_at=at,
    )
