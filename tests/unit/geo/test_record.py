# SPDX-License-Identifier: Apache-2.0
"""Records of MaxMind's databases as places; what is missing or of another type is empty."""

from __future__ import annotations

from typing import Any

import pytest

from authz.geo.record import asnum_of, place_of
from authz.policy.geo import NOWHERE, Place

LONDON: dict[str, Any] = {
    "city": {"geoname_id": 2643743, "names": {"en": "London", "de": "Londons"}},
    "continent": {"code": "EU"},
    "country": {"iso_code": "GB", "is_in_european_union": False},
    "location": {
        "latitude": 51.5142,
        "longitude": -0.0931,
        "metro_code": 807,
        "time_zone": "Europe/London",
    },
    "postal": {"code": "OX1"},
    "registered_country": {"iso_code": "US"},
    "subdivisions": [
        {"iso_code": "ENG", "names": {"en": "England"}},
        {"iso_code": "WBK", "names": {"en": "West Berkshire"}},
    ],
}


def test_a_city() -> None:
    assert place_of(LONDON) == Place(
        country="GB",
        continent="EU",
        is_in_european_union=False,
        subdivision_1_iso_code="GB-ENG",
        subdivision_2_iso_code="GB-WBK",
        region="England",
        region_code="ENG",
        city="London",
        postal_code="OX1",
        metro_code="807",
        lat="51.5142",
        lon="-0.0931",
        timezone="Europe/London",
    )


@pytest.mark.parametrize("record", [None, {}, [], "text", 5, {"registered_country": {}}])
def test_no_record_is_nowhere(record: object) -> None:
    assert place_of(record) == NOWHERE


def test_a_region_without_its_country_has_no_full_code() -> None:
    place = place_of({"subdivisions": [{"iso_code": "ENG"}]})

    assert (place.region_code, place.subdivision_1_iso_code) == ("ENG", "")


@pytest.mark.parametrize("value", [None, True, [], {"en": {}}, {"code": {}}])
def test_a_value_of_another_type_is_empty(value: object) -> None:
    record = dict.fromkeys(LONDON, value)

    assert place_of(record) == NOWHERE


@pytest.mark.parametrize("value", [1, "true", None])
def test_only_true_is_a_membership(value: object) -> None:
    assert not place_of({"country": {"is_in_european_union": value}}).is_in_european_union


@pytest.mark.parametrize(
    ("record", "number"),
    [
        ({"autonomous_system_number": 64496}, 64496),
        ({"autonomous_system_number": 4294967295}, 4294967295),
        ({"autonomous_system_number": "64496"}, 0),
        ({"autonomous_system_number": True}, 0),
        ({"autonomous_system_number": 2**64}, 0),
        ({"autonomous_system_number": -1}, 0),
        ({}, 0),
        (None, 0),
    ],
)
def test_a_network(record: object, number: int) -> None:
    assert asnum_of(record) == number
