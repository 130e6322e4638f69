# SPDX-License-Identifier: Apache-2.0
"""The fields a rule may read: what each is, and how its value comes from one request.

`CATALOGUE` has a row for each (Cloudflare's names and types, and ours), put together from the
families in fields_*.py. `SCHEME` is all of it as expressions are parsed against; `scheme_for` is
the scheme of one installation, where fields without a source are refused. `FieldValues` are the
values of one reading of one request, computed when a rule first reads them. The language itself is
authz.rules.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.policy import (
    fields_authz,
    fields_body,
    fields_geo,
    fields_metadata,
    fields_request,
    fields_tls,
)
from authz.policy.refused_fields import REFUSED
from authz.policy.values import RequestValues
from authz.rules import Scheme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.policy.catalogue import Entry, Producer
    from authz.policy.client import Client
    from authz.policy.facts import RequestFacts
    from authz.policy.geo import GeoLookup
    from authz.policy.values import Seed
    from authz.rules import Value

#: The order is that of the documentation: request, body, connection, Cloudflare's, ours.
CATALOGUE: Final[tuple[Entry, ...]] = (
    *fields_request.REQUEST,
    *fields_body.CATALOGUE,
    *fields_metadata.JWT,
    *fields_request.RAW,
    *fields_request.CONNECTION,
    *fields_geo.CATALOGUE,
    *fields_tls.CATALOGUE,
    *fields_authz.CATALOGUE,
    *fields_metadata.METADATA,
)

_PRODUCERS: Final[Mapping[str, Producer]] = {row.field.name: row.produce for row in CATALOGUE}

#: Every field, with or without a source in this installation.
SCHEME: Final = Scheme(fields={row.field.name: row.field for row in CATALOGUE}, refused=REFUSED)

#: Fields whose value depends on how the path is read; `raw.*` is always as sent.
PATH_FIELDS: Final = frozenset(
    {
        "http.request.uri",
        "http.request.uri.path",
        "http.request.uri.path.extension",
        "http.request.full_uri",
    }
)

_GEO_FIELDS: Final = fields_geo.CITY_FIELDS | fields_geo.ASN_FIELDS


#: Fields that depend on nothing but the client: small values are remembered with it.
_CLIENT_FIELDS: Final = frozenset(
    name for name in _PRODUCERS if name.startswith(("cf.tls_client_auth.", "authz.cert."))
)


#: Fields that depend on nothing but the client, the host and the path without its query.
SETTLED_FIELDS: Final = frozenset(
    {
        *(name for name in _PRODUCERS if name.startswith(("cf.tls_client_auth.", "authz.cert."))),
        "authz.site",
        "cf.hostname.metadata",
        "cf.threat_score",
        "cf.worker.upstream_zone",
        "cf.zone.name",
        "cf.zone.plan",
        "http.host",
        "http.request.uri.path",
        "http.request.uri.path.extension",
        "raw.http.request.uri.path",
        "raw.http.request.uri.path.extension",
    }
)


class FieldValues(RequestValues):
    """Field values of one reading of one request, each computed when it is first read."""

    __slots__ = ()

    def __missing__(self, name: str) -> Value:
        value = self[name] = _PRODUCERS[name](self)
        if name in _CLIENT_FIELDS:
            self.client.keep(name, value)
        return value

    def read_as(self, path: bytes) -> FieldValues:
        """The values of another reading of the same request; what is known already is kept."""
        other = field_values(self.facts, self.client, self.site, path, self.at, self.geo, self.seed)
        other._shared = self.shared
        other.update((name, value) for name, value in self.items() if name not in PATH_FIELDS)
        return other


def field_values(
    facts: RequestFacts,
    client: Client,
    site: str,
    path: bytes,
    at: float,
    geo: GeoLookup | None = None,
    seed: Seed = bytes,
) -> FieldValues:
    """The values of one reading of one request; without a `seed` there are no random bytes."""
    values = FieldValues(client.values)
    values["http.request.uri.path"] = values.path = path
    values.facts = facts
    values.client = client
    values.site = site
    values.at = at
    values.geo = geo
    values.seed = seed
    return values


def scheme_for(geo: GeoLookup | None) -> Scheme:
    """The fields that have a source when `geo` answers for addresses; the others are refused."""
    missing = _GEO_FIELDS if geo is None else _GEO_FIELDS - geo.fields
    if not missing:
        return SCHEME
    return Scheme(
        fields={name: field for name, field in SCHEME.fields.items() if name not in missing},
        refused=MappingProxyType(
            {**REFUSED, **{name: _why_missing(name, geo) for name in missing}}
        ),
    )


def _why_missing(name: str, geo: GeoLookup | None) -> str:
    if name in fields_geo.ASN_FIELDS:
        return "it needs a database of networks; name one (GeoLite2-ASN) under geoip.asn"
    if geo is None or geo.fields.isdisjoint(fields_geo.COUNTRY_FIELDS):
        return "it needs a database of places; name one (GeoLite2-City) under geoip.city"
    return "the database under geoip.city knows countries only; name one of cities there"
