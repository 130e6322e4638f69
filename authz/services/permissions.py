# SPDX-License-Identifier: Apache-2.0
"""What a token may do: permissions as Cloudflare names them, each for some zones or the account.

A grant is one permission in one place; write includes read. A permission group is what people give
a token: some permissions under a name, with Cloudflare's own identifier, so that programs which
name groups by it work here. Which groups a token has, and where, is in `token_policies`; whoever
serves a call asks `Principal.may`.
https://developers.cloudflare.com/fundamentals/api/reference/permissions/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Resource(StrEnum):
    """What calls are about."""

    CERTIFICATES = "ssl_and_certificates"
    RULES = "waf"
    LISTS = "filter_lists"
    ZONES = "zone"
    ACCOUNT = "account_settings"
    AUDIT = "audit_logs"
    EVENTS = "logs"
    TOKENS = "api_tokens"


class Level(StrEnum):
    """How far a permission goes."""

    READ = "read"
    WRITE = "write"


#: Instead of a zone's identifier: every zone, those made later as well.
EVERY_ZONE: Final = "*"
#: Instead of a zone's identifier: what is the account's and no zone's.
ACCOUNT_WIDE: Final = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One permission in one place: a zone's identifier, EVERY_ZONE or ACCOUNT_WIDE."""

    resource: Resource
    level: Level
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a call.

    Args:
        token_id: 32 hexadecimal digits; "" for somebody whom a provider knows.
        subject: who that is, whatever their name: hexadecimal digits (`sign_ins`).
        sha256: of the token, by which it is known that it was rolled.
        sign_in_sha256: of the session of the dashboard, where it is one.
        not_before, expires_at: Unix seconds, None for no limit.
    """

    token_id: str
    name: str
    grants: frozenset[Grant]
    not_before: float | None = None
    expires_at: float | None = None
    subject: str = ""
    sha256: str = field(default="", repr=False)
    sign_in_sha256: str = field(default="", repr=False)

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        if not self.token_id:
            return f"user {self.name[:_MAX_NAME]} ({self.subject[:8]})"
        return f"token {self.name[:_MAX_NAME]} ({self.token_id[:8]})"

    def may(self, resource: Resource, level: Level, place: str = ACCOUNT_WIDE) -> bool:
        """Whether one of its grants allows this.

        Args:
            place: a zone's identifier, EVERY_ZONE for all there will ever be, or ACCOUNT_WIDE.
        """
        return allows(self.grants, Grant(resource=resource, level=level, place=place))

    @property
    def is_read_only(self) -> bool:
        """Whether there is nothing that they may change."""
        return all(one.level is Level.READ for one in self.grants)


#: Of a token's name in the audit log, whose column takes 255 characters.
_MAX_NAME: Final = 200


def allows(grants: frozenset[Grant], wanted: Grant) -> bool:
    """Whether some of these grants are, or go further than, this one."""
    places = (ACCOUNT_WIDE,) if wanted.place == ACCOUNT_WIDE else (wanted.place, EVERY_ZONE)
    levels = (Level.WRITE,) if wanted.level is Level.WRITE else (Level.READ, Level.WRITE)
    return any(
        Grant(resource=wanted.resource, level=level, place=place) in grants
        for place in places
        for level in levels
    )


def exceeding(grants: frozenset[Grant], wanted: Iterable[Grant]) -> list[Grant]:
    """Those that go further than `grants`, in a stable order."""
    return sorted(
        (one for one in wanted if not allows(grants, one)),
        key=lambda one: (one.resource, one.level, one.place),
    )


class Scope(StrEnum):
    """To which kind of resource a permission group applies."""

    ACCOUNT = "com.cloudflare.api.account"
    ZONE = "com.cloudflare.api.account.zone"
    USER = "com.cloudflare.api.user"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionGroup:
    """Some permissions under a name.

    Args:
        id: Cloudflare's own, 32 hexadecimal digits.
        permits: what it allows, in each place that it is given for.
        permits_for_account: what it allows besides where it is given for every zone.
    """

    id: str
    name: str
    description: str
    scope: Scope
    permits: tuple[tuple[Resource, Level], ...]
    permits_for_account: tuple[tuple[Resource, Level], ...] = ()


def _both(
    name: str, ids: tuple[str, str], about: str, scope: Scope, resource: Resource
) -> tuple[PermissionGroup, PermissionGroup]:
    """The group that reads something, and the one that also changes it."""
    read, write = ids
    return (
        PermissionGroup(
            id=read,
            name=f"{name} Read",
            description=f"Read {about}.",
            scope=scope,
            permits=((resource, Level.READ),),
        ),
        PermissionGroup(
            id=write,
            name=f"{name} Write",
            description=f"Read and change {about}.",
            scope=scope,
            permits=((resource, Level.WRITE),),
        ),
    )


#: Every group there is. Of two that allow the same, the first is the one that we give.
PERMISSION_GROUPS: Final[tuple[PermissionGroup, ...]] = (
    *_both(
        "SSL and Certificates",
        ("7b7216b327b04b8fbc8f524e1f9b7531", "c03055bc037c4ea9afb9a9f104b7b721"),
        "client certificates of zones, and which CAs their hostnames ask for",
        Scope.ZONE,
        Resource.CERTIFICATES,
    ),
    *_both(
        "Zone WAF",
        ("dbc512b354774852af2b5a5f4ba3d470", "fb6778dc191143babbfaa57993f1d275"),
        "rules of zones",
        Scope.ZONE,
        Resource.RULES,
    ),
    PermissionGroup(
        id="c8fed203ed3043cba015a93ad1616f1f",
        name="Zone Read",
        description="Read zones and their settings.",
        scope=Scope.ZONE,
        permits=((Resource.ZONES, Level.READ),),
        permits_for_account=((Resource.ZONES, Level.READ),),
    ),
    PermissionGroup(
        id="e6d2666161e84845a636613608cee8d5",
        name="Zone Write",
        description="Read and change zones and their settings; for every zone, make new ones too.",
        scope=Scope.ZONE,
        permits=((Resource.ZONES, Level.WRITE),),
        permits_for_account=((Resource.ZONES, Level.WRITE),),
    ),
    PermissionGroup(
        id="c4a30cd58c5d42619c86a3c36c441e2d",
        name="Logs Read",
        description="Read which checks of zones were decided how.",
        scope=Scope.ZONE,
        permits=((Resource.EVENTS, Level.READ),),
    ),
    *_both(
        "Account: SSL and Certificates",
        ("a7a233f9604845c787d4c8c39ac09c21", "db37e5f1cb1a4e1aabaef8deaea43575"),
        "CAs that were uploaded",
        Scope.ACCOUNT,
        Resource.CERTIFICATES,
    ),
    *_both(
        "Account Rulesets",
        ("fb39996ee9044d2a8725921e02744b39", "56907406c3d548ed902070ec4df0e328"),
        "rules of the account",
        Scope.ACCOUNT,
        Resource.RULES,
    ),
    *_both(
        "Account WAF",
        ("56b2af4817c84ad99187911dc3986c23", "cde8c82463b6414ca06e46b9633f52a6"),
        "rules of the account",
        Scope.ACCOUNT,
        Resource.RULES,
    ),
    *_both(
        "Account Rule Lists",
        ("4f1071168de8466e9808de86febfc516", "2edbf20661fd4661b0fe10e9e12f485c"),
        "lists that rules look things up in",
        Scope.ACCOUNT,
        Resource.LISTS,
    ),
    PermissionGroup(
        id="c1fde68c7bcc44588cbb6ddbc16d6480",
        name="Account Settings Read",
        description="Read the account and the audit log.",
        scope=Scope.ACCOUNT,
        permits=((Resource.ACCOUNT, Level.READ), (Resource.AUDIT, Level.READ)),
    ),
    PermissionGroup(
        id="1af1fa2adc104452b74a9a3364202f20",
        name="Account Settings Write",
        description="Read and change the account, and read the audit log.",
        scope=Scope.ACCOUNT,
        permits=((Resource.ACCOUNT, Level.WRITE), (Resource.AUDIT, Level.READ)),
    ),
    PermissionGroup(
        id="6a315a56f18441e59ed03352369ae956",
        name="Logs Read",
        description="Read which checks of the whole account were decided how.",
        scope=Scope.ACCOUNT,
        permits=((Resource.EVENTS, Level.READ),),
    ),
    *_both(
        "API Tokens",
        ("0cc3a61731504c89b99ec1be78b77aa0", "686d18d5ac6c441c867cbf6771e58a0a"),
        "API tokens that may do no more than this one",
        Scope.USER,
        Resource.TOKENS,
    ),
)

#: The same by identifier.
GROUP_OF: Final = MappingProxyType({one.id: one for one in PERMISSION_GROUPS})


def grants_of_group(group: PermissionGroup, place: str) -> frozenset[Grant]:
    """What a group allows where it is given.

    Args:
        place: a zone's identifier or EVERY_ZONE for a group of zones, else ACCOUNT_WIDE.
    """
    found = {Grant(resource=what, level=level, place=place) for what, level in group.permits}
    if place == EVERY_ZONE:
        found |= {
            Grant(resource=what, level=level, place=ACCOUNT_WIDE)
            for what, level in group.permits_for_account
        }
    return frozenset(found)


def group_for(wanted: Grant) -> PermissionGroup:
    """The first group that allows something, where it is given for that place."""
    for group in PERMISSION_GROUPS:
        place = ACCOUNT_WIDE
        if group.scope is Scope.ZONE:
            place = EVERY_ZONE if wanted.place == ACCOUNT_WIDE else wanted.place
        if allows(grants_of_group(group, place), wanted):
            return group
    raise AssertionError(f"no permission group allows to {wanted.level} {wanted.resource}")


#: Everything, everywhere: what the first token may do.
EVERYTHING: Final = frozenset(
    grant
    for group in PERMISSION_GROUPS
    for grant in grants_of_group(group, EVERY_ZONE if group.scope is Scope.ZONE else ACCOUNT_WIDE)
)

#: Reading all of it, and changing nothing.
READING: Final = frozenset(
    Grant(resource=one.resource, level=Level.READ, place=one.place) for one in EVERYTHING
)

#: What the daily work needs: reading all of it, and changing certificates, rules and lists. Neither
#: zones nor who may do what.
EDITING: Final = READING | {
    one
    for one in EVERYTHING
    if one.resource in {Resource.CERTIFICATES, Resource.RULES, Resource.LISTS}
}
