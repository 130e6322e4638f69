# SPDX-License-Identifier: Apache-2.0
"""`policy apply`: a policy file replaces a zone's rules, settings and lists.

Rules of the same ref and lists of the same name stay what they are. A list belongs to the zone
whose file it came with: what another zone or the API made is never touched, and what is gone from
the file goes, unless somebody else's rules name it. Everything compiles before anything is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authz.errors import ConflictError, InvalidInputError
from authz.services.audited import ItemsOfLists, Told
from authz.services.checking import check_models, check_rules, lists_named_by
from authz.services.context import audit, new_id, zone_of
from authz.services.loosening import covers, loosened
from authz.services.namespace import check_owner, normalise_hostname
from authz.services.rules import RuleChanges, changes_between
from authz.services.rulesets import facts_of_both, put_rules, rules_of
from authz.services.scopes import scope_of
from authz.store.records import List, ListItem, Zone

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from authz.policy.geo import GeoLookup
    from authz.sources.policy_import import ImportedList, ImportedPolicy
    from authz.store.engine import Store
    from authz.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanges:
    """What happened to lists, by name; `kept`: gone from the file, but other rules name them."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a policy file changed, or would change.

    Args:
        settings: those that changed, each with its new value.
        version: of the zone's ruleset afterwards.
        loosened: what is less strict than before (services.loosening).
        covers: whether the file was written for every host of the zone.
    """

    zone: Zone
    rules: RuleChanges
    lists: ListChanges
    settings: Mapping[str, Any]
    version: int
    loosened: tuple[str, ...] = ()
    covers: bool = True

    def __bool__(self) -> bool:
        lists = self.lists
        changed = lists.added or lists.changed or lists.removed
        return bool(self.rules or self.settings or changed)


class _DryRun(Exception):  # noqa: N818 - not an error: it ends a transaction that is not kept
    """Carries what would have changed out of a transaction that is rolled back."""

    def __init__(self, applied: Applied) -> None:
        super().__init__()
        self.applied = applied


def apply_policy(
    store: Store,
    zone: str,
    policy: ImportedPolicy,
    *,
    dry_run: bool = False,
    agreed: Collection[str] | None = None,
    geo: GeoLookup | None = None,
    actor: str,
    at: float,
) -> Applied:
    """Make a policy file's rules, settings and lists those of a zone; what that changes.

    Args:
        dry_run: everything is checked and nothing is kept.
        agreed: what may be less strict afterwards (`Applied.loosened`); anything, when left out.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: the file names hosts of another zone.
        ConflictError: a list of this name is there and did not come with this zone's file; or
            more would be less strict than was agreed to.
        PolicyError, ExpressionError: the rules do not compile, or others not any more.
    """
    try:
        with store.write() as session:
            applied = _apply(session, zone, policy, geo=geo, actor=actor, at=at)
            if dry_run:
                raise _DryRun(applied)
            if agreed is not None and not set(applied.loosened) <= set(agreed):
                raise ConflictError(
                    f"the zone {applied.zone.name} was changed meanwhile",
                    hint="look at what would change now: --dry-run",
                )
    except _DryRun as dry:
        return dry.applied
    return applied


def _apply(
    session: Session,
    zone: str,
    policy: ImportedPolicy,
    *,
    geo: GeoLookup | None,
    actor: str,
    at: float,
) -> Applied:
    here = zone_of(session, zone)
    zones = session.zones.all()
    for host in policy.hosts:
        if host != "*":
            try:
                check_owner(normalise_hostname(host), here, zones)
            except InvalidInputError as error:
                error.where = policy.file
                raise
    before = rules_of(session, here)
    items = ItemsOfLists()
    lists = _apply_lists(session, here, policy.lists, items, at)
    # After the lists that are gone from the file: a rule that still names one must be found.
    check_models(session, scope_of(here), policy.models, at=at, geo=geo, lists=policy.list_models)
    after = put_rules(session, before, policy.rules, checked=True, actor=actor, at=at)
    changes = changes_between(before.rules, after.rules)
    settings = {
        name: value
        for name in ("default_action", "paths", "misdirected", "upstream_headers")
        if (value := getattr(policy, name)) != getattr(here, name)
    }
    changed = replace(here, **settings, modified_at=at)
    session.zones.update(changed)
    _check_others(session, here, lists, at=at, geo=geo)

    told_before, told_after = Told(), Told()
    then, now = facts_of_both(before, after, told_before, told_after)
    items_then, items_now = items.facts(told_before, told_after)
    less = loosened(here, changed, before.rules, after.rules)
    names = {
        "rules_added": changes.added,
        "rules_changed": changes.changed,
        "rules_removed": changes.removed,
        "lists_added": lists.added,
        "lists_changed": lists.changed,
        "lists_removed": lists.removed,
    }
    if less:
        names["loosened"] = less
    now |= items_now
    for name, some in names.items():
        now |= told_after.all_of(name, some)
    audit(
        session,
        "policy.apply",
        actor=actor,
        at=at,
        of=("zone", here.id),
        zone_id=here.id,
        before=then | items_then | {name: getattr(here, name) for name in settings},
        after=now | settings,
    )
    return Applied(
        zone=changed,
        rules=changes,
        lists=lists,
        settings=settings,
        version=after.version,
        loosened=less,
        covers=covers(policy.hosts, here),
    )


def _apply_lists(
    session: Session,
    zone: Zone,
    given: tuple[ImportedList, ...],
    items: ItemsOfLists,
    at: float,
) -> ListChanges:
    """Make these the lists of a zone; `items` gets what that does to their items."""
    added: list[str] = []
    changed: list[str] = []
    for one in given:
        there = session.lists.named(zone.account_id, one.name)
        if there is not None and there.zone_id != zone.id:
            raise ConflictError(
                f'there is a list "{one.name}" already that did not come with the file of the '
                f"zone {zone.name}",
                hint="give the list another name, or leave it out of the file and use that one",
            )
        before = () if there is None else tuple(session.lists.values(there.id))
        items.changed(one.name, before, one.items)
        if there is None:
            _add_list(session, zone, one, at)
            added.append(one.name)
        elif there.kind != one.kind:
            # A list's kind never changes: it is another list of the same name.
            session.lists.remove(there.id)
            _add_list(session, zone, one, at)
            changed.append(one.name)
        elif before != one.items:
            session.lists.replace_items(there.id, _items(there.id, one, at), at)
            changed.append(one.name)
    names = {one.name for one in given}
    gone = [one for one in session.lists.all() if one.zone_id == zone.id and one.name not in names]
    elsewhere = _named_elsewhere(session, zone) if gone else set()
    for old in gone:
        if old.name not in elsewhere:
            items.changed(old.name, tuple(session.lists.values(old.id)), ())
            session.lists.remove(old.id)
    return ListChanges(
        added=tuple(added),
        changed=tuple(changed),
        removed=tuple(one.name for one in gone if one.name not in elsewhere),
        kept=tuple(one.name for one in gone if one.name in elsewhere),
    )


def _add_list(session: Session, zone: Zone, one: ImportedList, at: float) -> None:
    made = List(
        id=new_id(),
        account_id=zone.account_id,
        zone_id=zone.id,
        name=one.name,
        kind=one.kind,
        description="",
        items=0,
        revision=0,
        created_at=at,
        modified_at=at,
    )
    session.lists.add(made)
    session.lists.add_items(made.id, _items(made.id, one, at), at)


def _items(list_id: str, one: ImportedList, at: float) -> list[ListItem]:
    return [
        ListItem(
            id=new_id(), list_id=list_id, value=value, comment="", created_at=at, modified_at=at
        )
        for value in one.items
    ]


def _named_elsewhere(session: Session, zone: Zone) -> set[str]:
    """The lists that rules of others name."""
    named: set[str] = set()
    for ruleset in session.rulesets.all():
        version = session.rulesets.version(ruleset.id, ruleset.version)
        if ruleset.zone_id != zone.id and version is not None:
            named |= lists_named_by(str(rule.get("expression", "")) for rule in version.rules)
    return named


def _check_others(
    session: Session, zone: Zone, lists: ListChanges, *, at: float, geo: GeoLookup | None
) -> None:
    """Make sure that the rules of other zones still compile with the lists that changed."""
    if not lists.changed:
        return
    for other in session.zones.all():
        if other.id != zone.id:
            rules = rules_of(session, other).rules
            named = lists_named_by(str(rule["expression"]) for rule in rules)
            if named.intersection(lists.changed):
                check_rules(session, scope_of(other), rules, at=at, geo=geo)
