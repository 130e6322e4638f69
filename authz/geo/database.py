# SPDX-License-Identifier: Apache-2.0
"""Opening MaxMind DB files and looking addresses up in them.

The files are mapped, so that worker processes share them and opening costs nothing; they must not
change while they are open (sources.geoip hands over copies). maxminddb is imported here only.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, Final, Protocol

from authz.errors import SettingsError
from authz.geo.record import asnum_of, place_of
from authz.policy.fields_geo import ASN_FIELDS, CITY_FIELDS, COUNTRY_FIELDS
from authz.policy.geo import NOWHERE, Place

if TYPE_CHECKING:
    from pathlib import Path

    from authz.rules.types import Address

#: Looked up when a file is opened, to notice damage early: one address of each /8.
_SAMPLE: Final = tuple(IPv4Address((first << 24) + 1) for first in range(1, 224))

_NETWORKS: Final = ("asn", "isp")
_PLACES: Final = ("city", "country", "enterprise")


class _Reader(Protocol):
    """What we use of maxminddb.Reader, in C or in Python."""

    def get(self, ip_address: Address) -> Any: ...
    def metadata(self) -> Any: ...


class Database:
    """One open file; `kind` is its own word for what it has (`GeoLite2-City`)."""

    def __init__(self, path: Path, setting: str) -> None:
        """Map the file.

        Raises:
            SettingsError: it is missing, or no intact MaxMind DB file.
        """
        from maxminddb import InvalidDatabaseError, open_database

        self._damage = InvalidDatabaseError
        self._path = path
        self._setting = setting
        try:
            self._reader: _Reader = open_database(path)
            metadata = self._reader.metadata()
        except OSError as error:
            raise SettingsError(
                f'the database "{path}" cannot be read: {(error.strerror or str(error)).lower()}',
                where=setting,
                hint="name a MaxMind DB file (.mmdb) or remove the key",
            ) from None
        except (InvalidDatabaseError, ValueError) as error:
            raise self._damaged() from error
        self.kind: str = str(metadata.database_type)
        self._only_ipv4 = metadata.ip_version == 4
        for address in _SAMPLE:
            self.look_up(address)

    def look_up(self, address: Address) -> object:
        """The record of `address`, None without one.

        Raises:
            SettingsError: the file is damaged; a check that runs into it is denied.
        """
        if self._only_ipv4 and address.version == 6:
            return None
        try:
            return self._reader.get(address)
        except (self._damage, UnicodeDecodeError) as error:
            raise self._damaged() from error

    def says(self, *words: str) -> bool:
        """Whether its kind has one of these words in it."""
        return any(word in self.kind.lower() for word in words)

    def _damaged(self) -> SettingsError:
        return SettingsError(
            f'"{self._path}" is no intact MaxMind DB file',
            where=self._setting,
            hint="download it again; the file ends in .mmdb and is not packed",
        )


class GeoDatabases:
    """The configured databases as GeoLookup."""

    def __init__(self, city: Database | None, asn: Database | None) -> None:
        self._city = city
        self._asn = asn
        self.fields = _place_fields(city) | (ASN_FIELDS if asn else frozenset())

    def place(self, address: Address) -> Place:
        """As GeoLookup."""
        return NOWHERE if self._city is None else place_of(self._city.look_up(address))

    def asnum(self, address: Address) -> int:
        """As GeoLookup."""
        return 0 if self._asn is None else asnum_of(self._asn.look_up(address))


def open_databases(city: Path | None, asn: Path | None) -> GeoDatabases | None:
    """What these files know; None when there are none.

    Raises:
        SettingsError: a file is missing, damaged or of the other kind.
    """
    if city is None and asn is None:
        return None
    return GeoDatabases(
        None if city is None else open_city(city), None if asn is None else open_asn(asn)
    )


def open_city(path: Path) -> Database:
    """A database of places, City or Country.

    Raises:
        SettingsError: as open_databases.
    """
    database = Database(path, "geoip.city")
    if database.says(*_NETWORKS) and not database.says(*_PLACES):
        raise _other_kind(database, path, "geoip.city", "places", "geoip.asn")
    return database


def open_asn(path: Path) -> Database:
    """A database of networks.

    Raises:
        SettingsError: as open_databases.
    """
    database = Database(path, "geoip.asn")
    if database.says(*_PLACES) and not database.says(*_NETWORKS):
        raise _other_kind(database, path, "geoip.asn", "networks", "geoip.city")
    return database


def _other_kind(
    database: Database, path: Path, setting: str, expected: str, instead: str
) -> SettingsError:
    return SettingsError(
        f'"{path}" is of the kind {database.kind}, not a database of {expected}',
        where=setting,
        hint=f"name it under {instead}",
    )


def _place_fields(database: Database | None) -> frozenset[str]:
    if database is None:
        return frozenset()
    countries_only = database.says("country") and not database.says("city", "enterprise")
    return COUNTRY_FIELDS if countries_only else CITY_FIELDS
