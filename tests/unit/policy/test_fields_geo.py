# SPDX-License-Identifier: Apache-2.0
"""Fields of places: their values, what an unknown address has, and how often a database is asked.

Refusing them where there is no database is in test_fields.
"""

from __future__ import annotations

import pytest

from authz.certs.trust import compile_trust
from authz.policy.authorizer import authorize
from authz.policy.client import identify
from authz.policy.decision import Verdict
from authz.policy.fields import FieldValues, field_values
from authz.policy.fields_geo import ASN_FIELDS, CITY_FIELDS, COUNTRY_FIELDS
from authz.policy.geo import Place
from authz.policy.model import PolicyModel
from authz.policy.snapshot import compile_snapshot
from tests.factories.pki import AT
from tests.factories.places import Places
from tests.factories.policies import facts, rule, site

LONDON = Place(
    country="GB",
    continent="EU",
    subdivision_1_iso_code="GB-ENG",
    subdivision_2_iso_code="GB-SWK",
    region="England",
    region_code="ENG",
    city="London",
    postal_code="SE1",
    metro_code="0",
    lat="51.5",
    lon="-0.1",
    timezone="Europe/London",
)
PARIS = Place(country="FR", is_in_european_union=True)
_KNOWN = "198.51.100.7"


def _values(geo: Places | None, address: str = _KNOWN) -> FieldValues:
    request = facts(source_address=address)
    client = identify(request.presented, compile_trust(()), AT)
    return field_values(request, client, "api", b"/", AT, geo)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ip.src.country", b"GB"),
        ("ip.src.continent", b"EU"),
        ("ip.src.asnum", 64496),
        ("ip.src.subdivision_1_iso_code", b"GB-ENG"),
        ("ip.src.subdivision_2_iso_code", b"GB-SWK"),
        ("ip.src.is_in_european_union", False),
        ("ip.src.city", b"London"),
        ("ip.src.region", b"England"),
        ("ip.src.region_code", b"ENG"),
        ("ip.src.postal_code", b"SE1"),
        ("ip.src.metro_code", b"0"),
        ("ip.src.lat", b"51.5"),
        ("ip.src.lon", b"-0.1"),
        ("ip.src.timezone.name", b"Europe/London"),
        ("ip.geoip.country", b"GB"),
        ("ip.geoip.continent", b"EU"),
        ("ip.geoip.asnum", 64496),
        ("ip.geoip.subdivision_1_iso_code", b"GB-ENG"),
        ("ip.geoip.subdivision_2_iso_code", b"GB-SWK"),
        ("ip.geoip.is_in_european_union", False),
    ],
)
def test_the_place_of_a_known_address(name: str, expected: object) -> None:
    geo = Places(places={_KNOWN: LONDON}, networks={_KNOWN: 64496})

    assert _values(geo)[name] == expected


def test_every_field_of_places_is_in_exactly_one_kind_of_database() -> None:
    assert COUNTRY_FIELDS < CITY_FIELDS
    assert not CITY_FIELDS & ASN_FIELDS
    assert len(CITY_FIELDS | ASN_FIELDS) == 20


def test_membership_in_the_european_union() -> None:
    assert _values(Places(places={_KNOWN: PARIS}))["ip.src.is_in_european_union"] is True


@pytest.mark.parametrize("address", ["", "203.0.113.9", "not an address"])
def test_an_address_without_a_place_is_in_country_xx_and_everything_else_is_empty(
    address: str,
) -> None:
    values = _values(Places(), address)

    assert values["ip.src.country"] == values["ip.geoip.country"] == b"XX"
    others = sorted(CITY_FIELDS | ASN_FIELDS - {"ip.src.country", "ip.geoip.country"})
    assert not any(values[name] for name in others if not name.endswith(".country"))


def test_the_database_is_asked_once_for_all_fields_and_readings() -> None:
    geo = Places(places={_KNOWN: LONDON})
    model = PolicyModel(
        sites=(
            site(
                rule(
                    'ip.src.country eq "GB" and ip.src.city eq "Leeds"'
                    ' or ip.geoip.country eq "XX" and http.request.uri.path eq "/x"'
                ),
            ),
        )
    )
    snapshot = compile_snapshot(model, 1, AT, geo)

    decision = authorize(snapshot, facts(path=b"/a%2fb/../c", source_address=_KNOWN), AT)

    assert decision.verdict is Verdict.ALLOW
    assert geo.asked == 1


def test_a_rule_on_places_decides() -> None:
    geo = Places(places={_KNOWN: LONDON}, networks={_KNOWN: 64496})
    model = PolicyModel(sites=(site(rule('ip.src.country eq "GB" and ip.src.asnum eq 64496')),))
    snapshot = compile_snapshot(model, 1, AT, geo)

    here = authorize(snapshot, facts(source_address=_KNOWN), AT)
    elsewhere = authorize(snapshot, facts(source_address="192.0.2.1"), AT)

    assert (here.verdict, elsewhere.verdict) == (Verdict.DENY, Verdict.ALLOW)
