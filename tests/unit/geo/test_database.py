# SPDX-License-Identifier: Apache-2.0
"""Opening GeoIP files, looking addresses up, and files that are none."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError
from authz.geo.database import GeoDatabases, open_databases
from authz.policy.fields_geo import ASN_FIELDS, CITY_FIELDS, COUNTRY_FIELDS
from authz.policy.geo import NOWHERE
from tests.factories.mmdb import asn_file, city_file, mmdb, write_mmdb

if TYPE_CHECKING:
    from pathlib import Path

GB = {"country": {"iso_code": "GB"}}
FR = {"country": {"iso_code": "FR", "is_in_european_union": True}}


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return city_file(tmp_path / "city.mmdb", {"198.51.100.0/24": GB, "2001:db8::/32": FR})


@pytest.fixture
def asn(tmp_path: Path) -> Path:
    return asn_file(tmp_path / "asn.mmdb", {"198.51.100.0/25": 64496, "2001:db8::/32": 64497})


def _opened(city: Path | None = None, asn: Path | None = None) -> GeoDatabases:
    opened = open_databases(city, asn)
    assert opened is not None
    return opened


def test_addresses_of_both_families(city: Path, asn: Path) -> None:
    geo = _opened(city, asn)

    assert geo.place(ip_address("198.51.100.7")).country == "GB"
    assert geo.place(ip_address("2001:db8::7")).is_in_european_union
    assert geo.place(ip_address("203.0.113.1")) == NOWHERE
    assert geo.place(ip_address("0.0.0.0")) == NOWHERE
    assert geo.asnum(ip_address("198.51.100.7")) == 64496
    assert geo.asnum(ip_address("198.51.100.200")) == 0
    assert geo.asnum(ip_address("2001:db8::7")) == 64497


def test_a_database_without_ipv6_knows_no_ipv6_address(tmp_path: Path) -> None:
    path = write_mmdb(
        tmp_path / "c.mmdb", {"198.51.100.0/24": GB}, kind="GeoLite2-City", ip_version=4
    )
    geo = _opened(path)

    assert geo.place(ip_address("198.51.100.7")).country == "GB"
    assert geo.place(ip_address("2001:db8::7")) == NOWHERE


def test_without_a_file_there_is_nothing_to_ask() -> None:
    assert open_databases(None, None) is None


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("GeoLite2-City", CITY_FIELDS),
        ("GeoIP2-Enterprise", CITY_FIELDS),
        ("DBIP-City-Lite", CITY_FIELDS),
        ("GeoLite2-Country", COUNTRY_FIELDS),
        ("My own places", CITY_FIELDS),
    ],
)
def test_the_kind_of_a_database_says_what_it_can_fill(
    tmp_path: Path, kind: str, fields: frozenset[str]
) -> None:
    geo = _opened(city_file(tmp_path / "c.mmdb", {"198.51.100.0/24": GB}, kind))

    assert geo.fields == fields
    assert geo.asnum(ip_address("198.51.100.7")) == 0


def test_networks_alone_know_no_places(asn: Path) -> None:
    geo = _opened(asn=asn)

    assert geo.fields == ASN_FIELDS
    assert geo.place(ip_address("198.51.100.7")) == NOWHERE


# What cannot be used


def _error(city: Path | None = None, asn: Path | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        open_databases(city, asn)
    return caught.value


def test_a_missing_file_is_named_with_its_setting(tmp_path: Path) -> None:
    error = _error(tmp_path / "none.mmdb")

    assert error.where == "geoip.city"
    assert "none.mmdb" in error.message


@pytest.mark.parametrize("data", [b"", b"text\n", b"\x1f\x8b\x08" + bytes(100), bytes(5000)])
def test_a_file_of_another_kind_is_no_database(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mmdb"
    path.write_bytes(data)

    assert "no intact" in _error(asn=path).message


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    assert _error(tmp_path).where == "geoip.city"


def test_files_under_the_wrong_key_are_told_apart(city: Path, asn: Path) -> None:
    assert (_error(city=asn).hint, _error(asn=city).hint) == (
        "name it under geoip.asn",
        "name it under geoip.city",
    )


def test_a_download_that_broke_off_is_no_database(tmp_path: Path) -> None:
    whole = mmdb({"198.51.100.0/24": GB}, kind="GeoLite2-City")
    path = tmp_path / "c.mmdb"
    path.write_bytes(whole[: len(whole) // 2])

    assert "no intact" in _error(path).message


def test_damage_is_our_error_or_another_answer_but_never_a_foreign_exception(
    tmp_path: Path,
) -> None:
    # The reader is C, so this also shows that it does not crash.
    whole = mmdb({"198.51.100.0/24": GB, "2001:db8::/32": FR}, kind="GeoLite2-City")
    path = tmp_path / "c.mmdb"
    chosen = random.Random(20260301)
    outcomes = set()
    for _ in range(1000):
        data = bytearray(whole)
        at = chosen.randrange(len(data))
        data[at] ^= 1 << chosen.randrange(8)
        path.write_bytes(data)
        try:
            geo = _opened(path)
            geo.place(ip_address("198.51.100.7"))
            geo.place(ip_address("2001:db8::7"))
            outcomes.add("answered")
        except SettingsError:
            outcomes.add("refused")

    assert outcomes == {"answered", "refused"}


def test_damage_behind_an_address_is_noticed_when_it_is_asked_for(tmp_path: Path) -> None:
    whole = bytearray(mmdb({"2001:db8::/32": FR}, kind="GeoLite2-City"))
    # The record, behind the tree and 16 zero bytes: now a map of 28 entries that are not there.
    start = whole.index(bytes(16) + b"\xe1") + 16
    whole[start] = 0xE0 | 28
    path = tmp_path / "c.mmdb"
    path.write_bytes(whole)
    geo = _opened(path)

    with pytest.raises(SettingsError, match="no intact"):
        geo.place(ip_address("2001:db8::7"))
