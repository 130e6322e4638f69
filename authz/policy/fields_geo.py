# SPDX-License-Identifier: Apache-2.0
"""The fields that a GeoIP database fills: `ip.src.*` and Cloudflare's older names `ip.geoip.*`.

Without a database they are refused when a rule is compiled. An address that the database does not
know has no place: everything is empty, 0 or false, and the country `XX`, as Cloudflare has it
(ADR-0019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.policy.catalogue import Entry, Producer, entry
from authz.policy.geo import NOWHERE
from authz.rules import Bool, Bytes, Int

if TYPE_CHECKING:
    from authz.policy.geo import Place
    from authz.policy.values import RequestValues

#: ISO 3166-1 leaves it to its users, and Cloudflare uses it for "not known".
UNKNOWN_COUNTRY: Final = b"XX"

_CITY = "`geoip.city` in authz.yaml"
_ASN = "`geoip.asn` in authz.yaml"


def _place(values: RequestValues) -> Place:
    address = values["ip.src"]
    # ip.src is of type Ip: what a value may be besides is the language's business.
    assert not isinstance(address, (bool, int, bytes, tuple, list, dict))
    return NOWHERE if values.geo is None else values.geo.place(address)


def _country(values: RequestValues) -> bytes:
    return values.once(_place).country.encode() or (b"" if values.geo is None else UNKNOWN_COUNTRY)


def _asnum(values: RequestValues) -> int:
    address = values["ip.src"]
    assert not isinstance(address, (bool, int, bytes, tuple, list, dict))
    return 0 if values.geo is None else values.geo.asnum(address)


def _text(attribute: str) -> Producer:
    return lambda values: str(getattr(values.once(_place), attribute)).encode()


def _aliased(name: str, row: Entry) -> tuple[Entry, Entry]:
    old = entry(
        f"ip.geoip.{name}",
        row.field.type,
        row.produce,
        f"The same as `ip.src.{name}`; Cloudflare's older name.",
        row.source,
    )
    return row, old


_COUNTRY = (
    *_aliased(
        "country",
        entry(
            "ip.src.country",
            Bytes,
            _country,
            "Country, two upper-case letters (ISO 3166-1); `XX` when it is not known.",
            _CITY,
        ),
    ),
    *_aliased(
        "continent",
        entry(
            "ip.src.continent",
            Bytes,
            _text("continent"),
            "Continent: AF, AN, AS, EU, NA, OC or SA.",
            _CITY,
        ),
    ),
    *_aliased(
        "is_in_european_union",
        entry(
            "ip.src.is_in_european_union",
            Bool,
            lambda v: v.once(_place).is_in_european_union,
            "True when the country is a member of the European Union.",
            _CITY,
        ),
    ),
)

_BELOW_COUNTRY = (
    *_aliased(
        "subdivision_1_iso_code",
        entry(
            "ip.src.subdivision_1_iso_code",
            Bytes,
            _text("subdivision_1_iso_code"),
            "First-level region, ISO 3166-2: `GB-ENG`.",
            _CITY,
        ),
    ),
    *_aliased(
        "subdivision_2_iso_code",
        entry(
            "ip.src.subdivision_2_iso_code",
            Bytes,
            _text("subdivision_2_iso_code"),
            "Second-level region, ISO 3166-2: `GB-SWK`.",
            _CITY,
        ),
    ),
    entry("ip.src.region", Bytes, _text("region"), "Name of the first-level region.", _CITY),
    entry(
        "ip.src.region_code",
        Bytes,
        _text("region_code"),
        "Code of the first-level region without the country: `ENG`.",
        _CITY,
    ),
    entry("ip.src.city", Bytes, _text("city"), "Name of the city, in English.", _CITY),
    entry("ip.src.postal_code", Bytes, _text("postal_code"), "Postal code.", _CITY),
    entry("ip.src.metro_code", Bytes, _text("metro_code"), "Metro code, United States.", _CITY),
    entry("ip.src.lat", Bytes, _text("lat"), "Latitude in degrees, as text: `37.78044`.", _CITY),
    entry("ip.src.lon", Bytes, _text("lon"), "Longitude in degrees, as text.", _CITY),
    entry(
        "ip.src.timezone.name",
        Bytes,
        _text("timezone"),
        "Time zone: `America/Los_Angeles`.",
        _CITY,
    ),
)

_NETWORK = _aliased(
    "asnum",
    entry("ip.src.asnum", Int, _asnum, "Number of the autonomous system; 0 unknown.", _ASN),
)

CATALOGUE: tuple[Entry, ...] = _COUNTRY + _BELOW_COUNTRY + _NETWORK


def _names(rows: tuple[Entry, ...]) -> frozenset[str]:
    return frozenset(row.field.name for row in rows)


#: What a database of countries can fill, what one of cities can on top, and one of networks.
COUNTRY_FIELDS: Final = _names(_COUNTRY)
CITY_FIELDS: Final = _names(_COUNTRY + _BELOW_COUNTRY)
ASN_FIELDS: Final = _names(_NETWORK)
