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
from authz.services.namespace import DEFAULT_ZONE, owner_of
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
        _check_empty(session, zone)
    return zone


def remove_zone(store: Store, named: str, *, actor: str, at: float) -> RemovedZone:
    """Remove a zone.

    Raises:
        NotFoundError: there is no such zone.
        InvalidInputError: it is `default`.
        ConflictError: hosts, authorities, rules, drafts, lists or tokens are its own, or it blocks
            what no rule decides; says which.
    """
    with store.write() as session:
        zone = zone_of(session, named)
        _check_empty(session, zone)
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
        return RemovedZone(zone=zone, heir=owner_of(zone.name, session.zones.all()))


def _check_empty(session: Session, zone: Zone) -> None:
    if zone.name == DEFAULT_ZONE:
        raise InvalidInputError(
            f"the zone {DEFAULT_ZONE} has every host that no other has, and stays",
            hint="authz zone list shows the others",
        )
    found = [told for told in _own(session, zone) if told]
    if zone.default_action == DefaultAction.BLOCK:
        found.append("it blocks what no rule decides (default_action)")
    if found:
        raise ConflictError(
            f"the zone {zone.name} is not empty: {'; '.join(found)}",
            hint="remove them first, or give the zone another name: authz zone rename",
        )


def _own(session: Session, zone: Zone) -> list[str]:
    """What is a zone's own, kind by kind; empty for nothing of a kind."""
    rules = 0
    for ruleset in session.rulesets.all(zone_id=zone.id):
        version = session.rulesets.version(ruleset.id, ruleset.version)
        rules += 0 if version is None else len(version.rules)
    drafts = session.rule_drafts.count(zone.account_id, zone.id)
    return [
        _named("host", sorted({one.hostname for one in session.hosts.all(zone.id)})),
        _named("CA", [one.name for one in session.authorities.all() if one.zone_id == zone.id]),
        _counted(rules, "rule"),
        _counted(drafts, "draft of a rule", "drafts of rules"),
        _named("list", [one.name for one in session.lists.all() if one.zone_id == zone.id]),
        _named("token", _tokens(session, zone)),
    ]


def _tokens(session: Session, zone: Zone) -> list[str]:
    """Tokens that may do something in this zone by its identifier; revoked ones do not count."""
    return [
        one.name
        for one in session.tokens.all()
        if one.revoked_at is None
        and any(grant.place == zone.id for grant in grants_of(policies_of(one.scopes)))
    ]


def _named(kind: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    plural = "" if len(names) == 1 else "s"
    return f"{len(names)} {kind}{plural} ({', '.join(names[:_TOLD])}{more})"


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}" if count else ""
