# SPDX-License-Identifier: Apache-2.0
"""Every field: its value for one request, and when it is empty."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.trust import compile_trust
from authz.errors import ExpressionError, TypeCheckError
from authz.policy.client import identify
from authz.policy.fields import PATH_FIELDS, SCHEME, FieldValues, field_values, scheme_for
from authz.policy.fields_geo import ASN_FIELDS, CITY_FIELDS, COUNTRY_FIELDS
from authz.policy.refused_fields import REFUSED
from authz.rules import parse
from authz.rules.types import Array, Bool, Bytes, Int, Ip, Map
from tests.factories.pki import AT, authority, root
from tests.factories.places import Places
from tests.factories.policies import facts

if TYPE_CHECKING:
    from authz.policy.geo import GeoLookup


def _values(reading: bytes = b"", **changes: Any) -> FieldValues:
    request = facts(**changes)
    client = identify(request.presented, compile_trust((authority(root()),)), AT)
    return field_values(request, client, "api", reading or request.path.partition(b"?")[0], AT)


def test_every_field_has_a_value_of_its_type_for_a_bare_request() -> None:
    values = _values()
    python: dict[Any, Any] = {Bool: bool, Int: int, Bytes: bytes}

    for field in SCHEME.fields.values():
        value = values[field.name]
        if field.type == Ip:
            assert value == ip_address("0.0.0.0"), field.name
        elif isinstance(field.type, Array):
            assert isinstance(value, tuple), field.name
        elif isinstance(field.type, Map):
            assert isinstance(value, dict), field.name
        else:
            assert type(value) is python[field.type], field.name


def test_a_reading_changes_the_path_fields_and_nothing_else() -> None:
    request: dict[str, Any] = {"path": b"/x/..;/admin.php?q=1"}
    sent, read = _values(**request), _values(b"/admin.html", **request)

    different = {name for name in SCHEME.fields if sent[name] != read[name]}

    assert different == PATH_FIELDS


# Refused fields


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_cloudflare_field_that_cannot_exist_is_refused_with_the_reason(name: str) -> None:
    # A family stands for any name below it.
    with pytest.raises(TypeCheckError) as caught:
        parse(f'{name.replace("*", "of_next_year")} eq "x"', SCHEME, {})

    assert REFUSED[name] in caught.value.render()


@pytest.mark.parametrize(
    ("name", "supplier"),
    [
        ("cf.tls_version", "authz.metadata"),
        ("cf.bot_management.ja4", "tls_inspector"),
        ("cf.bot_management.of_next_year", "CrowdSec"),
        ("cf.waf.of_next_year", "Coraza"),
        ("cf.waf.content_scan.of_next_year", "ClamAV"),
        ("cf.waf.credential_check.of_next_year", "leaked passwords"),
        ("cf.schema_validation.of.next_year", "OpenAPI"),
        ("raw.http.response.code", "response"),
    ],
)
def test_the_nearest_reason_says_what_would_supply_the_field(name: str, supplier: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        parse(f'{name} eq "x"', scheme_for(None), {})

    assert f'the field "{name}" does not exist here' in caught.value.message
    assert supplier in caught.value.message


@pytest.mark.parametrize(
    "name", ["cf.llm", "cf.llmx.prompt", "http.request.response.code", "llm.a"]
)
def test_a_name_outside_the_families_is_just_unknown(name: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(f'{name} eq "x"', SCHEME, {})

    assert caught.value.message == f'unknown field "{name}"'


# Fields that need a source


@pytest.mark.parametrize("name", sorted(CITY_FIELDS | ASN_FIELDS))
def test_without_a_database_a_field_of_places_is_refused_and_the_setting_named(name: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        parse(f'{name} eq "x"', scheme_for(None), {})

    assert ("geoip.asn" if name in ASN_FIELDS else "geoip.city") in caught.value.render()


@pytest.mark.parametrize(
    ("geo", "there"),
    [
        (None, frozenset()),
        (Places(fields=COUNTRY_FIELDS), COUNTRY_FIELDS),
        (Places(fields=CITY_FIELDS), CITY_FIELDS),
        (Places(fields=ASN_FIELDS), ASN_FIELDS),
        (Places(fields=CITY_FIELDS | ASN_FIELDS), CITY_FIELDS | ASN_FIELDS),
    ],
)
def test_the_scheme_has_what_the_databases_can_fill(
    geo: GeoLookup | None, there: frozenset[str]
) -> None:
    scheme = scheme_for(geo)

    assert scheme.fields.keys() & (CITY_FIELDS | ASN_FIELDS) == there
    assert scheme.fields.keys() | scheme.refused.keys() == SCHEME.fields.keys() | REFUSED.keys()
    assert not scheme.fields.keys() & scheme.refused.keys()


def test_a_database_of_countries_is_named_when_a_city_is_asked_for() -> None:
    scheme = scheme_for(Places(fields=COUNTRY_FIELDS))

    assert "countries only" in scheme.refused["ip.src.city"]


# Readings


def test_another_reading_keeps_what_does_not_depend_on_the_path() -> None:
    values = _values(path=b"/x/../a?q=1")
    read = {name: values[name] for name in SCHEME.fields}

    other = values.read_as(b"/a")

    assert {name for name in read if other[name] != read[name]} <= PATH_FIELDS
    assert other["http.request.uri.path"] == b"/a"
    assert other.shared is values.shared
    assert dict(values) == read
