# SPDX-License-Identifier: Apache-2.0
"""Zones: some hosts that share their rules."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.errors import ConflictError, InvalidInputError
from authz.policy.model import DefaultAction, Misdirected, PathMode, UpstreamHeaders
from authz.services.context import account_of, audit, facts_of, new_id, zone_of
from authz.services.namespace import is_below, normalise_zone_name, owner_of
from authz.store.records import Zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.store.engine import Store

_CHOICES: Final = {
    "default_action": DefaultAction,
    "paths": PathMode,
    "misdirected": Misdirected,
}


def create_zone(store: Store, name: str, *, actor: str, at: float) -> Zone:
    """Make a zone: `name` and everything below it.

    Raises:
        InvalidInputError: the name is no DNS name.
        ConflictError: there is one of this name, or hostnames of another zone would be its own.
    """
    wanted = normalise_zone_name(name)
    with store.write() as session:
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
        zone = Zone(
            id=new_id(),
            account_id=account_of(session).id,
            name=wanted,
            created_at=at,
            modified_at=at,
        )
        session.zones.add(zone)
        audit(
            session,
            "zone.create",
            actor=actor,
            at=at,
            of=("zone", zone.id),
            zone_id=zone.id,
            after=facts_of(zone),
        )
    return zone


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
    actor: str,
    at: float,
) -> Zone:
    """Change a zone's settings; what is None stays.

    Raises:
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
