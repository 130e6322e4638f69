# SPDX-License-Identifier: Apache-2.0
"""A record of a City or Country database as a Place.

Reads what is there and of the expected type; anything else is empty. Layout: MaxMind, GeoIP2 City.
"""

from __future__ import annotations

from typing import Any

from authz.policy.geo import NOWHERE, Place
from authz.rules.types import INT_MAX


def place_of(record: object) -> Place:
    """The place that a record describes, NOWHERE for none."""
    if not isinstance(record, dict):
        return NOWHERE
    country = _text(record, "country", "iso_code")
    first, second = _subdivision(record, 0), _subdivision(record, 1)
    region_code = _text(first, "iso_code")
    return Place(
        country=country,
        continent=_text(record, "continent", "code"),
        is_in_european_union=_at(record, "country", "is_in_european_union") is True,
        subdivision_1_iso_code=_iso_3166_2(country, region_code),
        subdivision_2_iso_code=_iso_3166_2(country, _text(second, "iso_code")),
        region=_text(first, "names", "en"),
        region_code=region_code,
        city=_text(record, "city", "names", "en"),
        postal_code=_text(record, "postal", "code"),
        metro_code=_text(record, "location", "metro_code"),
        lat=_text(record, "location", "latitude"),
        lon=_text(record, "location", "longitude"),
        timezone=_text(record, "location", "time_zone"),
    )


def asnum_of(record: object) -> int:
    """The number of the autonomous system that a record describes, 0 for none."""
    number = _at(record, "autonomous_system_number")
    known = isinstance(number, int) and not isinstance(number, bool) and 0 < number <= INT_MAX
    return number if known else 0


def _subdivision(record: object, index: int) -> object:
    found = _at(record, "subdivisions")
    return found[index] if isinstance(found, list) and len(found) > index else None


def _iso_3166_2(country: str, code: str) -> str:
    return f"{country}-{code}" if country and code else ""


def _text(record: object, *keys: str) -> str:
    value = _at(record, *keys)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _at(record: object, *keys: str) -> Any:
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record
