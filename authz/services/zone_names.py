# SPDX-License-Identifier: Apache-2.0
"""Giving a zone another name.

The name says which hostnames a zone has: it, and everything below it. What belongs to a zone by its
identifier (hosts, rules, authorities, certificates, tokens) stays its own; a name that would leave
a host in no zone, or in another one, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authz.errors import ConflictError, InvalidInputError
from authz.services.context import audit, facts_of, zone_of
from authz.services.namespace import DEFAULT_ZONE, is_below, normalise_zone_name, owner_of
from authz.services.rulesets import rules_in, rules_of
from authz.services.scopes import Scope
from authz.services.zones import protections, protections_of
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.engine import Store
    from authz.store.records import Zone
    from authz.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamedZone:
    """A zone with its new name.

    Args:
        losses: what protected names that change their zone, and counts for them no more.
        naming: rules of the zone and of the account that have the old name in their expressions.
    """

    zone: Zone
    losses: tuple[str, ...] = ()
    naming: tuple[str, ...] = ()


def rename_zone(
    store: Store, named: str, name: str, *, force: bool = False, actor: str, at: float
) -> RenamedZone:
    """Give a zone another name: it has that and everything below it from then on.

    What it is called already changes nothing.

    Args:
        force: even where names change their zone that are protected until then.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: the name is no DNS name, or the zone is `default`.
        ConflictError: there is a zone of the new name, hosts would not be in the zone any more
            that they are in, or names are protected until then.
    """
    wanted = normalise_zone_name(name)
    with store.write() as session:
        before = zone_of(session, named)
        if before.name == wanted:
            return RenamedZone(zone=before)
        others = _check_name(session, before, wanted)
        after = replace(before, name=wanted, modified_at=at)
        _check_hosts(session, after, others)
        losses = _losses(session, before, after, others)
        if losses and not force:
            raise ConflictError(
                f"names would be protected no more as they are: {'; '.join(losses)}",
                hint="give their new zone such rules and settings first, and rename it all the "
                "same with --force",
            )
        session.zones.update(after)
        audit(
            session,
            "zone.rename",
            actor=actor,
            at=at,
            of=("zone", after.id),
            zone_id=after.id,
            before=facts_of(before),
            after=facts_of(after) | ({"no_longer_protected_by": losses} if losses else {}),
        )
        return RenamedZone(zone=after, losses=losses, naming=_naming(session, before))


def _check_name(session: Session, zone: Zone, wanted: str) -> list[Zone]:
    """The other zones, when this one may have the name."""
    if zone.name == DEFAULT_ZONE:
        raise InvalidInputError(
            f"the zone {DEFAULT_ZONE} has every host that no other has, and keeps its name",
            hint="authz zone create NAME makes a zone for a name",
        )
    others = [one for one in session.zones.all() if one.id != zone.id]
    if any(one.name == wanted for one in others):
        raise ConflictError(
            f'there is a zone "{wanted}" already', hint="authz zone list shows them"
        )
    return others


def _check_hosts(session: Session, after: Zone, others: Sequence[Zone]) -> None:
    """Make sure that every host is in the zone that it is in."""
    zones = [*others, after]
    moved: dict[str, str] = {}
    for host in session.hosts.all():
        owner = owner_of(host.hostname, zones)
        if owner.id != host.zone_id:
            moved[host.hostname] = owner.name
    if moved:
        first = min(moved)
        told = ", ".join(f"{one} (in {moved[one]} then)" for one in sorted(moved)[:10])
        more = f" and {len(moved) - 10} more" if len(moved) > 10 else ""
        raise ConflictError(
            f"hosts would be in another zone than they are: {told}{more}",
            hint=f"remove them first: authz host remove {first}",
        )


def _losses(session: Session, before: Zone, after: Zone, others: Sequence[Zone]) -> tuple[str, ...]:
    """What protects names that change their zone, and would count for them no more.

    Which names a rule is about is not looked into: any that blocks may be about these.
    """
    found: list[str] = []
    if not is_below(after.name, before.name):
        owner = owner_of(after.name, others)
        found += [
            f"for {after.name} and what is below it, {one}"
            for one in protections(session, owner, after)
        ]
    if not is_below(before.name, after.name):
        heir = owner_of(before.name, others)
        found += [
            f"for {before.name} and what is below it, {one}"
            for one in protections_of(session, before, heir)
        ]
    return tuple(found)


def _naming(session: Session, before: Zone) -> tuple[str, ...]:
    above = rules_in(session, Scope(account_id=before.account_id)).rules
    return tuple(
        ref_of(rule)
        for rule in (*above, *rules_of(session, before).rules)
        if before.name in str(rule.get("expression", "")).lower()
    )
