# SPDX-License-Identifier: Apache-2.0
"""The menu of every page: what whoever is signed in may look at, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from authz.services.permissions import ACCOUNT_WIDE, Level, Resource

if TYPE_CHECKING:
    from authz.dashboard.viewers import Viewer


class Entry(NamedTuple):
    """A page of the menu: `path` is behind `/zones/{zone_id}` for what is a zone's."""

    title: str
    path: str
    resource: Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One line of the menu."""

    title: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some lines with a heading, "" for none."""

    title: str
    links: tuple[Link, ...]


OF_ZONE: Final = (
    Entry("Overview", "", Resource.ZONES),
    Entry("Get started", "/start", Resource.ZONES),
    Entry("Client Certificates", "/client-certificates", Resource.CERTIFICATES),
    Entry("Rules", "/rules", Resource.RULES),
    Entry("Events", "/events", Resource.EVENTS),
    Entry("Simulator", "/simulator", Resource.RULES),
    Entry("Zone settings", "/settings", Resource.ZONES),
)
OF_ACCOUNT: Final[tuple[Entry, ...]] = (
    Entry("Your own CAs", "/authorities", Resource.CERTIFICATES),
    Entry("Account rules", "/rules", Resource.RULES),
    Entry("All events", "/events", Resource.EVENTS),
    Entry("Lists", "/lists", Resource.LISTS),
    Entry("API tokens", "/tokens", Resource.TOKENS),
    Entry("Audit log", "/audit", Resource.AUDIT),
    Entry("Settings", "/settings", Resource.ACCOUNT),
)


def navigation(viewer: Viewer, path: str) -> tuple[Section, ...]:
    """The menu for somebody, on the page of this path."""
    zone = viewer.zone or next(iter(viewer.zones), None)
    sections = []
    if zone is not None:
        base = f"/zones/{zone.id}"
        links = [
            _link(one, base + one.path, path, exact=not one.path)
            for one in OF_ZONE
            if viewer.may(one.resource, Level.READ, zone.id)
        ]
        sections.append(Section(title=zone.name, links=tuple(links)))
    links = [
        _link(one, one.path, path, exact=False)
        for one in OF_ACCOUNT
        if viewer.may(one.resource, Level.READ, ACCOUNT_WIDE)
    ]
    sections.append(Section(title="Account", links=tuple(links)))
    return tuple(one for one in sections if one.links)


def _link(entry: Entry, url: str, path: str, *, exact: bool) -> Link:
    is_current = path == url or (not exact and path.startswith(f"{url}/"))
    return Link(title=entry.title, url=url, is_current=is_current)
