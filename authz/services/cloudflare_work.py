# SPDX-License-Identifier: Apache-2.0
"""What the steps of the import of one zone hand on, and what they find (cloudflare_zone)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from authz.services.cloudflare_options import ImportOptions
    from authz.services.cloudflare_report import Item
    from authz.sources.cloudflare_document import AccountObject, ZoneObject
    from authz.store.records import Authority
    from authz.store.session import Session


@dataclass(kw_only=True)
class Work:
    """The import of one zone, under way.

    Args:
        given: the zone at Cloudflare.
        authorities: those that are here.
    """

    session: Session
    given: ZoneObject
    account: AccountObject
    options: ImportOptions
    items: list[Item] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    authorities: list[Authority] = field(default_factory=list)

    def who(self) -> dict[str, Any]:
        """Who imports, and when, as services want to know it."""
        return {"actor": self.options.actor, "at": self.options.at}
