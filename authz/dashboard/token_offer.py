# SPDX-License-Identifier: Apache-2.0
"""What somebody may give to an API token: permission groups as Cloudflare names them, places, time.

Nothing more is offered, for a token manages only those that may do no more than it may
(services.token_checks).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.shown import moment
from authz.services.permissions import (
    ACCOUNT_WIDE,
    EVERY_ZONE,
    PERMISSION_GROUPS,
    PermissionGroup,
    Scope,
    exceeding,
    grants_of_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from authz.dashboard.viewers import Viewer
    from authz.store.records import Token, Zone

DAY: Final = 86_400.0

#: For how many days a token can be made, and what the form says.
LASTS: Final[Mapping[str, str]] = MappingProxyType(
    {"7": "7 days", "30": "30 days", "90": "90 days", "365": "a year"}
)
USUAL: Final = "90"

_READ: Final = tuple(one.id for one in PERMISSION_GROUPS if one.name.endswith("Read"))
_KEYS: Final = frozenset((one.scope, one.name) for one in PERMISSION_GROUPS)
#: What goes the furthest of everything there is: some things can only be read.
_FURTHEST: Final = tuple(
    one.id
    for one in PERMISSION_GROUPS
    if (one.scope, f"{one.name.removesuffix(' Read')} Write") not in _KEYS
)


def _named(*wanted: tuple[Scope, str]) -> tuple[str, ...]:
    return tuple(one.id for one in PERMISSION_GROUPS if (one.scope, one.name) in wanted)


#: What many tokens are for: a name, what it is good for, and the groups.
PRESETS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = MappingProxyType(
    {
        "read": ("Read only", "Look at everything and change nothing.", _READ),
        "rules": (
            "Deploy rules",
            "For a pipeline: change rules and lists, and read zones and events.",
            _named(
                (Scope.ZONE, "Zone WAF Write"),
                (Scope.ZONE, "Zone Read"),
                (Scope.ZONE, "Logs Read"),
                (Scope.ACCOUNT, "Account Rule Lists Write"),
            ),
        ),
        "certificates": (
            "Certificates",
            "Issue and revoke client certificates, and switch mTLS on for hosts.",
            _named(
                (Scope.ZONE, "SSL and Certificates Write"),
                (Scope.ZONE, "Zone Read"),
                (Scope.ACCOUNT, "Account: SSL and Certificates Read"),
            ),
        ),
        "everything": ("Everything", "Do all that can be done, tokens among it.", _FURTHEST),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Permission groups about the same thing: to read it, and to change it as well."""

    scope: Scope
    name: str
    about: str
    groups: tuple[PermissionGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What somebody may give to a token.

    Args:
        every_zone: whether anything may be given for every zone.
        lasts: values and texts of how long a token can last.
    """

    families: tuple[Family, ...]
    zones: tuple[Zone, ...]
    every_zone: bool
    lasts: Mapping[str, str]

    def of(self, *scopes: str) -> tuple[Family, ...]:
        """The families of scopes, by the names that templates use: "zone"."""
        return tuple(one for one in self.families if one.scope.name.lower() in scopes)

    @property
    def presets(self) -> dict[str, tuple[str, str]]:
        """Presets of which everything may be given: their names and what they are good for."""
        given = {group.id for family in self.families for group in family.groups}
        return {
            key: (name, about)
            for key, (name, about, groups) in PRESETS.items()
            if given.issuperset(offered(groups))
        }


def offer_for(viewer: Viewer, *, changed: Token | None = None) -> Offer:
    """What somebody may give to a token, or to one that is changed."""
    grants = viewer.who.principal.grants
    places = [EVERY_ZONE, *(one.id for one in viewer.zones)]

    def may_give(group: PermissionGroup, place: str) -> bool:
        return not exceeding(grants, grants_of_group(group, place))

    def fits(group: PermissionGroup) -> bool:
        if group.scope is Scope.ZONE:
            return any(may_give(group, place) for place in places)
        return may_give(group, ACCOUNT_WIDE)

    of_zones = [one for one in PERMISSION_GROUPS if one.scope is Scope.ZONE]
    zones = tuple(one for one in viewer.zones if any(may_give(group, one.id) for group in of_zones))
    return Offer(
        families=_families(one for one in _distinct() if fits(one)),
        zones=zones,
        every_zone=any(may_give(group, EVERY_ZONE) for group in of_zones),
        lasts=_lasts(viewer.at, viewer.who.principal.expires_at, changed),
    )


def _distinct() -> list[PermissionGroup]:
    """The groups that are given: of two that allow the same, the first."""
    found: dict[tuple[Any, ...], PermissionGroup] = {}
    for one in PERMISSION_GROUPS:
        found.setdefault((one.scope, one.permits, one.permits_for_account), one)
    return list(found.values())


def offered(groups: Iterable[str]) -> list[str]:
    """Those of some groups that the form has."""
    known = {one.id for one in _distinct()}
    return [one for one in groups if one in known]


def _families(groups: Iterable[PermissionGroup]) -> tuple[Family, ...]:
    found: dict[tuple[Scope, str], list[PermissionGroup]] = {}
    for one in groups:
        name = one.name.removesuffix(" Read").removesuffix(" Write")
        found.setdefault((one.scope, name), []).append(one)
    return tuple(
        Family(scope=scope, name=name, about=some[-1].description, groups=tuple(some))
        for (scope, name), some in found.items()
    )


def _lasts(at: float, until: float | None, changed: Token | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if changed is not None and (until is None or (changed.expires_at or until + 1) <= until):
        end = changed.expires_at
        found["keep"] = "as it is: " + ("no end" if end is None else f"until {moment(end)}")
    found |= {
        days: text for days, text in LASTS.items() if until is None or at + int(days) * DAY <= until
    }
    if until is None:
        found["never"] = "no end"
    else:
        found["until"] = f"as long as the token you are signed in with: until {moment(until)}"
    found["date"] = "until the end of a day that I choose"
    return found
