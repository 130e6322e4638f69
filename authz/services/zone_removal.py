# SPDX-License-Identifier: Apache-2.0
"""Removing a zone that nothing depends on.

What it had in the past goes with it: empty rulesets with their versions, counts. The audit log and
recorded events stay, under its identifier. Its names are those of another zone from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.errors import ConflictError, InvalidInputError
from authz.policy.model import DefaultAction
from authz.services.context import audit, facts_of, zone_of
from authz.services.loosening import laxer_settings
from authz.services.namespace import DEFAULT_ZONE, owner_of
from authz.services.permissions import ACCOUNT_WIDE, Grant, Level, Resource, allows
from authz.services.token_policies import grants_of, policies_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session

#: Names that are told of each kind.
_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedZone:
    """A zone that is no more; `heir` is the zone that has its names now."""

    zone: Zone
    heir: Zone


def check_removable(store: Store, named: str) -> Zone:
    """The zone that `remove_zone` would remove; raises what it does.

    For whoever asks before: nothing is promised about the moment when it is done.
    """
    with store.read() as session:
        zone = zone_of(session, named)
        _check_removable(session, zone, within=None)
    return zone


def remove_zone(
    store: Store,
    named: str,
    *,
    within: frozenset[Grant] | None = None,
    actor: str,
    at: float,
) -> RemovedZone:
    """Remove a zone.

    Args:
        within: what whoever removes it may do, which decides whether what keeps the zone is told
            by name or as a number; None for whoever has the store.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: it is `default`.
        ConflictError: hosts, authorities, rules, drafts, lists or tokens are its own, it blocks
            what no rule decides, or its settings are stricter than those of the zone that would
            have its names; says which.
    """
    with store.write() as session:
        zone = zone_of(session, named)
        heir = _check_removable(session, zone, within)
        session.zones.remove(zone.id)
        audit(
            session,
            "zone.remove",
            actor=actor,
            at=at,
            of=("zone", zone.id),
            zone_id=zone.id,
            before=facts_of(zone),
        )
        return RemovedZone(zone=zone, heir=heir)


def _check_removable(session: Session, zone: Zone, within: frozenset[Grant] | None) -> Zone:
    """The zone that would have its names; raises what `remove_zone` does."""
    if zone.name == DEFAULT_ZONE:
        raise InvalidInputError(
            f"the zone {DEFAULT_ZONE} has every host that no other has, and stays",
            hint="authz zone list shows the others",
        )
    heir = owner_of(zone.name, [one for one in session.zones.all() if one.id != zone.id])
    found = [told for told in _own(session, zone, within) if told]
    if zone.default_action == DefaultAction.BLOCK:
        found.append("it blocks what no rule decides (default_action)")
    if found:
        raise ConflictError(
            f"the zone {zone.name} is not empty: {'; '.join(found)}",
            hint="remove them first, or give the zone another name: authz zone rename",
        )
    _check_settings(zone, heir, within)
    return heir


def _check_settings(zone: Zone, heir: Zone, within: frozenset[Grant] | None) -> None:
    """Make sure that its names are judged as strictly afterwards: rules of the account go on."""
    laxer = laxer_settings(zone, heir)
    if not laxer:
        return
    shown = _may_read(within, Resource.ZONES, heir.id)
    found = [
        f"{name} is {getattr(zone, name)}" + (f", there {getattr(heir, name)}" if shown else "")
        for name in laxer
    ]
    where = f"the zone {heir.name}" if shown else "the zone that they would be in"
    raise ConflictError(
        f"{where} is less strict with the names of the zone {zone.name}: {'; '.join(found)}",
        hint="make that zone as strict, or change the setting of this one first",
    )


def _may_read(within: frozenset[Grant] | None, resource: Resource, place: str) -> bool:
    return within is None or allows(within, Grant(resource=resource, level=Level.READ, place=place))


def _own(session: Session, zone: Zone, within: frozenset[Grant] | None) -> list[str]:
    """What is a zone's own, kind by kind; empty for nothing of a kind.

    Names are for whoever may read them where they are listed; others are told how many there are.
    """
    certificates = _may_read(within, Resource.CERTIFICATES, zone.id)
    lists = _may_read(within, Resource.LISTS, ACCOUNT_WIDE)
    tokens = _may_read(within, Resource.TOKENS, ACCOUNT_WIDE)
    rules = 0
    for ruleset in session.rulesets.all(zone_id=zone.id):
        version = session.rulesets.version(ruleset.id, ruleset.version)
        rules += 0 if version is None else len(version.rules)
    drafts = session.rule_drafts.count(zone.account_id, zone.id)
    return [
        _named(
            "host",
            sorted({one.hostname for one in session.hosts.all(zone.id)}),
            shown=certificates,
        ),
        _named(
            "CA",
            [one.name for one in session.authorities.all() if one.zone_id == zone.id],
            shown=certificates,
        ),
        _counted(rules, "rule"),
        _counted(drafts, "draft of a rule", "drafts of rules"),
        _named(
            "list",
            [one.name for one in session.lists.all() if one.zone_id == zone.id],
            shown=lists,
        ),
        _named("token", _tokens(session, zone), shown=tokens),
    ]


def _tokens(session: Session, zone: Zone) -> list[str]:
    """Tokens that may do something in this zone by its identifier; revoked ones do not count."""
    return [
        one.name
        for one in session.tokens.all()
        if one.revoked_at is None
        and any(grant.place == zone.id for grant in grants_of(policies_of(one.scopes)))
    ]


def _named(kind: str, names: Sequence[str], *, shown: bool) -> str:
    if not names or not shown:
        return _counted(len(names), kind)
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {kind}{plural} ({', '.join(names[:_TOLD])}{more})"


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}" if count else ""
