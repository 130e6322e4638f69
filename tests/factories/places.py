# SPDX-License-Identifier: Apache-2.0
"""A GeoIP look-up for tests that need no file: what it is told, and how often it was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from authz.policy.fields_geo import ASN_FIELDS, CITY_FIELDS
from authz.policy.geo import NOWHERE, Place

if TYPE_CHECKING:
    from authz.rules.types import Address


@dataclass
class Places:
    """Answers from two dictionaries, by the address as text."""

    places: dict[str, Place] = field(default_factory=dict)
    networks: dict[str, int] = field(default_factory=dict)
    fields: frozenset[str] = CITY_FIELDS | ASN_FIELDS
    asked: int = 0

    def place(self, address: Address) -> Place:
        """As GeoLookup."""
        self.asked += 1
        return self.places.get(str(address), NOWHERE)

    def asnum(self, address: Address) -> int:
        """As GeoLookup."""
        self.asked += 1
        return self.networks.get(str(address), 0)
