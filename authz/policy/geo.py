# SPDX-License-Identifier: Apache-2.0
"""What the core needs to know about places: the answer to a look-up, and who gives it.

The databases are opened and read elsewhere (authz.geo): nothing in this package does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from authz.rules.types import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an address is; empty is unknown. Texts as Cloudflare has them (`GB-ENG`, `51.5`)."""

    country: str = ""
    continent: str = ""
    is_in_european_union: bool = False
    subdivision_1_iso_code: str = ""
    subdivision_2_iso_code: str = ""
    region: str = ""
    region_code: str = ""
    city: str = ""
    postal_code: str = ""
    metro_code: str = ""
    lat: str = ""
    lon: str = ""
    timezone: str = ""


NOWHERE = Place()


class GeoLookup(Protocol):
    """Databases that answer from memory."""

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that these databases can fill."""

    def place(self, address: Address) -> Place:
        """Where `address` is, NOWHERE when that is not known."""

    def asnum(self, address: Address) -> int:
        """The number of its autonomous system, 0 when that is not known."""
