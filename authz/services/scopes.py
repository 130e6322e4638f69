# SPDX-License-Identifier: Apache-2.0
"""Whose rules: a zone's own, or those of the account, which every zone's requests meet first.

Cloudflare calls the ruleset that a phase begins with its entry point: of kind `zone` in a zone, of
kind `root` in the account. There is one phase here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from authz.store.records import Zone

CUSTOM_RULES: Final = "http_request_firewall_custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A zone, or the account when `zone` is None."""

    account_id: str
    zone: Zone | None = None

    @property
    def zone_id(self) -> str | None:
        """The zone's identifier, None for the account."""
        return None if self.zone is None else self.zone.id

    @property
    def kind(self) -> str:
        """What kind of ruleset its phases begin with."""
        return "root" if self.zone is None else "zone"

    @property
    def where(self) -> str:
        """What its rules are called in errors."""
        if self.zone is None:
            return "rules of the account"
        return f'rules of the zone "{self.zone.name}"'


def scope_of(zone: Zone) -> Scope:
    """A zone as a scope."""
    return Scope(account_id=zone.account_id, zone=zone)
