# SPDX-License-Identifier: Apache-2.0
"""What a token may do: permissions as Cloudflare names them, each for some zones or the account.

A grant is one permission group in one place. Write includes read. `services.tokens` keeps grants
with their token; whoever serves a call asks `Principal.may`.
https://developers.cloudflare.com/fundamentals/api/reference/permissions/
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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
        token_id: 32 hexadecimal digits.
        actor: as the audit log names it.
        not_before, expires_at: Unix seconds, None for no limit.
    """

    token_id: str
    name: str
    grants: frozenset[Grant]
    not_before: float | None = None
    expires_at: float | None = None

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"token {self.name} ({self.token_id[:8]})"

    def may(self, resource: Resource, level: Level, place: str = ACCOUNT_WIDE) -> bool:
        """Whether one of its grants allows this.

        Args:
            place: a zone's identifier, or ACCOUNT_WIDE.
        """
        places = (place,) if place == ACCOUNT_WIDE else (place, EVERY_ZONE)
        levels = (Level.WRITE,) if level is Level.WRITE else (Level.READ, Level.WRITE)
        return any(
            Grant(resource=resource, level=one, place=where) in self.grants
            for where in places
            for one in levels
        )


#: Everything, everywhere: what the first token may do.
EVERYTHING: Final = frozenset(
    Grant(resource=resource, level=Level.WRITE, place=place)
    for resource in Resource
    for place in (EVERY_ZONE, ACCOUNT_WIDE)
)
