# SPDX-License-Identifier: Apache-2.0
"""Every field: its value for one request, and when it is empty."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from authz.certs.judgement import judge
from authz.certs.trust import compile_trust
from authz.errors import TypeCheckError
from authz.policy.client import identify
from authz.policy.fields import PATH_FIELDS, SCHEME, FieldValues, unknown_fields
from authz.policy.refused_fields import REFUSED
from authz.rules import parse
from authz.rules.types import Array, Bool, Bytes, Int, Ip, Map
from tests.factories.pki import AT, authority, root
from tests.factories.policies import facts


def _values(reading: bytes = b"", **changes: Any) -> FieldValues:
    request = facts(**changes)
    client = identify(request.presented, compile_trust((authority(root()),)), AT, judge)
    return FieldValues(request, client, "api", reading or request.path.partition(b"?")[0], AT)


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


def test_every_field_is_documented_and_none_is_also_refused() -> None:
    assert not [field.name for field in SCHEME.fields.values() if not field.doc]
    assert not SCHEME.fields.keys() & REFUSED.keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http.request.method", b"GET"),
        ("http.request.uri", b"/a/B.Txt?x=1&y"),
        ("http.request.uri.path", b"/a/B.Txt"),
        ("http.request.uri.path.extension", b"txt"),
        ("http.request.uri.query", b"x=1&y"),
        ("http.request.uri.args", {b"x": (b"1",), b"y": (b"",)}),
        ("http.request.uri.args.names", (b"x", b"y")),
        ("http.request.uri.args.values", (b"1", b"")),
        ("http.request.full_uri", b"https://API.example.com:443/a/B.Txt?x=1&y"),
        ("http.host", b"api.example.com"),
        ("http.request.headers", {b"via": (b"1", b"2"), b"cookie": (b"a=1", b"b=2")}),
        ("http.request.headers.names", (b"via", b"cookie", b"via", b"cookie")),
        ("http.request.headers.values", (b"1", b"a=1", b"2", b"b=2")),
        ("http.cookie", b"a=1; b=2"),
        ("http.request.cookies", {b"a": (b"1",), b"b": (b"2",)}),
        ("http.user_agent", b""),
        ("ip.src", ip_address("192.0.2.1")),
        ("ssl", True),
        ("cf.edge.client_tcp", False),
        ("authz.site", b"api"),
        ("authz.tls.sni", b"api.example.com"),
    ],
)
def test_request_fields(name: str, expected: object) -> None:
    values = _values(
        host=b"API.example.com:443",
        path=b"/a/B.Txt?x=1&y",
        headers=((b"via", b"1"), (b"cookie", b"a=1"), (b"via", b"2"), (b"cookie", b"b=2")),
        source_address="::ffff:192.0.2.1",
        protocol=b"HTTP/3",
        sni="api.example.com",
    )

    assert values[name] == expected


def test_a_reading_changes_the_path_fields_and_nothing_else() -> None:
    request: dict[str, Any] = {"path": b"/x/..;/admin.php?q=1"}
    sent, read = _values(**request), _values(b"/admin.html", **request)

    different = {name for name in SCHEME.fields if sent[name] != read[name]}

    assert different == PATH_FIELDS


def test_an_unknown_client_address_is_in_no_list_of_friends() -> None:
    assert _values(source_address="unknown")["ip.src"] == ip_address("0.0.0.0")


def test_a_missing_time_is_now_and_not_1970() -> None:
    assert _values(time_seconds=0)["http.request.timestamp.sec"] == int(AT)


# Refused fields


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_cloudflare_field_that_cannot_exist_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        parse(f'{name} eq "x"', SCHEME, {})

    assert REFUSED[name] in caught.value.render()


# Unknown inputs (architecture 4.9)


def test_only_fields_that_were_cut_short_are_unknown() -> None:
    read = frozenset(SCHEME.fields)

    assert unknown_fields(facts(), read) == frozenset()
    assert unknown_fields(facts(body_truncated=True), read) == {"http.request.body.raw"}
    assert "http.cookie" in unknown_fields(facts(headers_truncated=True), read)
    assert "http.request.headers.truncated" not in unknown_fields(
        facts(headers_truncated=True), read
    )
