# SPDX-License-Identifier: Apache-2.0
"""Five steps from nothing to a protected path: which are done, and where each is.

Whether one is done is seen from what there is, so they can be taken in any order, by several
people, with the API or the command.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.dashboard.zone_links import place_url
from authz.services.permissions import Level, Resource
from authz.services.zone_problems import Place

if TYPE_CHECKING:
    from authz.dashboard.viewers import Viewer
    from authz.services.zone_state import ZoneState


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the five.

    Args:
        done: None where whoever looks may not know.
        told: what is there already, "" for nothing.
        url: where it is taken, "" where whoever looks may not, or for what is on the page itself.
        action: what the link to it says.
    """

    name: str
    title: str
    about: str
    done: bool | None
    told: str = ""
    url: str = ""
    action: str = ""


def first_steps(viewer: Viewer, state: ZoneState) -> tuple[Step, ...]:
    """The steps of a zone, for whoever looks."""
    zone_id = state.zone.id
    sees_certificates = viewer.may(Resource.CERTIFICATES, Level.READ, zone_id)
    sees_rules = viewer.may(Resource.RULES, Level.READ, zone_id)
    may_certificates = viewer.may(Resource.CERTIFICATES, Level.WRITE, zone_id)
    may_rules = viewer.may(Resource.RULES, Level.WRITE, zone_id)
    certificates = place_url(zone_id, Place.CERTIFICATES)
    names = [one.authority.name for one in state.authorities]
    refs = [one.ref for one in state.protecting]
    return (
        Step(
            name="ca",
            title="Have a certificate authority",
            about="It signs the certificates of your clients. Its key stays here, encrypted.",
            done=bool(names) if sees_certificates else None,
            told=_some("There is", names) if sees_certificates else "",
            url=certificates if sees_certificates and names else "",
            action="Look at it",
        ),
        Step(
            name="certificate",
            title="Issue a client certificate",
            about="The key can be made in your browser, and never leaves it.",
            done=state.active > 0 if sees_certificates else None,
            told=_active(state.active) if sees_certificates else "",
            url=f"{certificates}/new" if may_certificates else "",
            action="Create certificate",
        ),
        Step(
            name="host",
            title="Switch mTLS on for a hostname",
            about="A hostname then knows which certificate authority its clients come with.",
            done=bool(state.hosts) if sees_certificates else None,
            told=_some("It is on for", state.hosts) if sees_certificates else "",
            url=place_url(zone_id, Place.HOSTS) if may_certificates else "",
            action="Choose hostnames",
        ),
        Step(
            name="rule",
            title="Create a mTLS rule",
            about="It names the paths that need a certificate, and blocks requests without one.",
            done=bool(state.protecting) or state.blocks_by_default if sees_rules else None,
            told=_some("Rules that block:", refs) if sees_rules else "",
            url=place_url(zone_id, Place.RULES) if may_rules else "",
            action="Create a mTLS rule",
        ),
        Step(
            name="envoy",
            title="Connect Envoy",
            about="Envoy asks its clients for a certificate, and this service about every request.",
            done=has_arrived(viewer, state),
        ),
    )


def has_arrived(viewer: Viewer, state: ZoneState) -> bool | None:
    """Whether Envoy has asked about a request; None where whoever looks may not know."""
    sees_events = viewer.may(Resource.EVENTS, Level.READ, state.zone.id)
    sees_certificates = viewer.may(Resource.CERTIFICATES, Level.READ, state.zone.id)
    if (sees_events and state.heard_at is not None) or (sees_certificates and state.seen_at):
        return True
    return False if sees_events else None


def _some(before: str, names: list[str] | tuple[str, ...]) -> str:
    """The first three of some names."""
    if not names:
        return ""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{before} {', '.join(names[:3])}{more}"


def _active(number: int) -> str:
    return f"{number:,} active" if number else ""
