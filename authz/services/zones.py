# SPDX-License-Identifier: Apache-2.0
"""Zones: some hosts that share their rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError, ForbiddenError, InvalidInputError, PreconditionError
from authz.policy.model import DefaultAction, Misdirected, PathMode, UpstreamHeaders
from authz.services.context import account_of, audit, facts_of, new_id, zone_of
from authz.services.loosening import blocks, laxer_settings
from authz.services.namespace import is_below, normalise_zone_name, owner_of
from authz.services.permissions import Grant, Level, Resource, allows
from authz.services.preconditions import tag_of
from authz.services.rulesets import rules_of
from authz.sources.rule_json import ref_of
from authz.store.records import Zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.engine import Store
    from authz.store.session import Session

_CHOICES: Final = {
    "default_action": DefaultAction,
    "paths": PathMode,
    "misdirected": Misdirected,
}

#: Rules that are named where a zone has many.
_TOLD: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeZone:
    """A zone that was made; `losses` are what protected its names, and counts for them no more."""

    zone: Zone
    losses: tuple[str, ...] = ()


def create_zone(
    store: Store,
    name: str,
    *,
    force: bool = False,
    within: frozenset[Grant] | None = None,
    actor: str,
    at: float,
) -> MadeZone:
    """Make a zone: `name` and everything below it.

    Args:
        force: even where its names are protected until then: by a wildcard host, by rules that
            block, by a zone that blocks what no rule decides, or by a setting of it that is
            stricter than a new zone's.
        within: what whoever makes it may do; None for whoever has the store.

    Raises:
        InvalidInputError: the name is no DNS name.
        ConflictError: there is one of this name, hostnames of another zone would be its own, or
            its names are protected until then.
        ForbiddenError: they are, by a zone whose rules `within` does not allow to change.
    """
    wanted = normalise_zone_name(name)
    with store.write() as session:
        return add_zone(session, wanted, force=force, within=within, actor=actor, at=at)


def add_zone(
    session: Session,
    wanted: str,
    *,
    force: bool,
    within: frozenset[Grant] | None = None,
    actor: str,
    at: float,
) -> MadeZone:
    """The same in a transaction of the caller's, for a name that is normalised."""
    before = _owner_until_now(session, wanted)
    zone = _new_zone(session, wanted, at)
    losses = protections(session, before, zone)
    if losses:
        _check_losses(losses, wanted, before, force=force, within=within)
    session.zones.add(zone)
    audit(
        session,
        "zone.create",
        actor=actor,
        at=at,
        of=("zone", zone.id),
        zone_id=zone.id,
        after=facts_of(zone) | ({"no_longer_protected_by": losses} if losses else {}),
    )
    return MadeZone(zone=zone, losses=losses)


def losses_by(
    store: Store, name: str, *, within: frozenset[Grant] | None = None
) -> tuple[str, ...]:
    """What protects the names of a zone that is not made yet, and would count for them no more.

    Args:
        within: as in `create_zone`; raises what that does, but for what it would do with `force`.
    """
    wanted = normalise_zone_name(name)
    with store.read() as session:
        before = _owner_until_now(session, wanted)
        losses = protections(session, before, _new_zone(session, wanted, before.modified_at))
        if losses:
            _check_losses(losses, wanted, before, force=True, within=within)
    return losses


def _new_zone(session: Session, name: str, at: float) -> Zone:
    return Zone(
        id=new_id(),
        account_id=account_of(session).id,
        name=name,
        created_at=at,
        modified_at=at,
    )


def _owner_until_now(session: Session, wanted: str) -> Zone:
    """The zone that has the names of one that is not there yet.

    Raises:
        ConflictError: it is there, or hostnames of another zone would be its own.
    """
    zones = session.zones.all()
    if any(one.name == wanted for one in zones):
        raise ConflictError(
            f'there is a zone "{wanted}" already', hint="authz zone list shows them"
        )
    before = owner_of(wanted, zones)
    taken = sorted(
        {
            one.hostname
            for one in session.hosts.all(before.id)
            if is_below(one.hostname.removeprefix("*."), wanted)
        }
    )
    if taken:
        raise ConflictError(
            f"hostnames of the zone {before.name} would belong to it: {', '.join(taken[:10])}",
            hint=f"remove them there first: authz host remove {taken[0]}",
        )
    return before


def protections(session: Session, before: Zone, after: Zone) -> tuple[str, ...]:
    """What protects the names of a zone that does not have them yet, and would count no more.

    Which names a rule is about is not looked into: any that blocks may be about these.

    Args:
        before: the zone that has them.
        after: the one that will have them, under the name that it will have.
    """
    hosts = (
        f"{host} of the zone {before.name} answers for them"
        for host in sorted({one.hostname for one in session.hosts.all(before.id)})
        if host.startswith("*.") and is_below(after.name, host.removeprefix("*."))
    )
    return (*hosts, *protections_of(session, before, after))


def protections_of(session: Session, before: Zone, after: Zone) -> tuple[str, ...]:
    """What of a zone itself protects names that another one will have.

    Rules that block, that it blocks where none decides, and settings that are less strict there.
    Blocking counts even where the other one blocks as well: its rules may let pass (`skip`).
    """
    found: list[str] = []
    rules = [ref_of(rule) for rule in rules_of(session, before).rules if blocks(rule)]
    if rules:
        more = f" and {len(rules) - _TOLD} more" if len(rules) > _TOLD else ""
        found.append(
            f"rules of the zone {before.name} block requests: {', '.join(rules[:_TOLD])}{more}"
        )
    if before.default_action == DefaultAction.BLOCK:
        found.append(f"the zone {before.name} blocks what no rule decides")
    found += [
        f"the zone {before.name} has {name}: {getattr(before, name)}, not {getattr(after, name)}"
        for name in laxer_settings(before, after)
        if name != "default_action"
    ]
    return tuple(found)


def _check_losses(
    losses: Sequence[str],
    wanted: str,
    before: Zone,
    *,
    force: bool,
    within: frozenset[Grant] | None,
) -> None:
    needed = Grant(resource=Resource.RULES, level=Level.WRITE, place=before.id)
    # First: what rules a zone has is not told to whoever may not see to them.
    if within is not None and not allows(within, needed):
        raise ForbiddenError(
            f"names of the zone {wanted} are protected by the zone {before.name}, and the token "
            "may not change that zone's rules",
            hint=f"give it Zone WAF Write for the zone {before.name}, or use another token",
        )
    if not force:
        raise ConflictError(
            f"names of the zone {wanted} are protected until then: {'; '.join(losses)}",
            hint="a new zone has no rules and lets everything pass; make it all the same with "
            '--force ("force": true in the API) and give it rules at once, or make it before the '
            "names are in use",
        )


def list_zones(store: Store) -> list[Zone]:
    """Every zone, the oldest first."""
    with store.read() as session:
        return session.zones.all()


def get_zone(store: Store, named: str) -> Zone:
    """The zone with this name or identifier.

    Raises:
        NotFoundError: there is none.
    """
    with store.read() as session:
        return zone_of(session, named)


def change_zone(
    store: Store,
    named: str,
    *,
    default_action: str | None = None,
    paths: str | None = None,
    misdirected: str | None = None,
    upstream_headers: Sequence[str] | None = None,
    seen: str | None = None,
    actor: str,
    at: float,
) -> Zone:
    """Change a zone's settings; what is None stays.

    Args:
        seen: the settings that somebody has seen (`settings_state`); None: whatever they are.

    Raises:
        PreconditionError: they are other ones by now.
        NotFoundError: there is no such zone.
        InvalidInputError: a value is none of those there are.
    """
    given = {"default_action": default_action, "paths": paths, "misdirected": misdirected}
    changes = {
        name: checked_setting(name, value) for name, value in given.items() if value is not None
    }
    headers = None if upstream_headers is None else checked_headers(upstream_headers)
    with store.write() as session:
        before = zone_of(session, named)
        if seen is not None and seen != settings_state(before):
            raise PreconditionError(
                f"the settings of the zone {before.name} were changed meanwhile",
                hint="look at them as they are now, and repeat the change",
            )
        zone = replace(
            before,
            **changes,  # type: ignore[arg-type]  # text for text
            upstream_headers=before.upstream_headers if headers is None else headers,
            modified_at=at,
        )
        session.zones.update(zone)
        audit(
            session,
            "zone.change",
            actor=actor,
            at=at,
            of=("zone", zone.id),
            zone_id=zone.id,
            before=facts_of(before),
            after=facts_of(zone),
        )
    return zone


def settings_state(zone: Zone) -> str:
    """What a zone's settings are, as a digest: another one whenever somebody changes them."""
    return tag_of(
        [zone.default_action, zone.paths, zone.misdirected, *sorted(zone.upstream_headers)]
    )


def checked_setting(name: str, value: str) -> str:
    """A value of `default_action`, `paths` or `misdirected`.

    Raises:
        InvalidInputError: there is none of this name.
    """
    choices = _CHOICES[name]
    if value not in list(choices):
        raise InvalidInputError(
            f'"{value}" is no value of {name}', hint=f"one of {', '.join(choices)}"
        )
    return value


def checked_headers(names: Sequence[str]) -> tuple[str, ...]:
    """Families of headers, each once.

    Raises:
        InvalidInputError: there is none of a name.
    """
    for name in names:
        if name not in list(UpstreamHeaders):
            raise InvalidInputError(
                f'"{name}" is no family of headers', hint=f"of {', '.join(UpstreamHeaders)}"
            )
    return tuple(dict.fromkeys(names))
