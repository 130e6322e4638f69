# SPDX-License-Identifier: Apache-2.0
"""Fields of the request line, the headers and the connection."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from authz.certs.trust import compile_trust
from authz.policy.authorizer import authorize
from authz.policy.client import identify
from authz.policy.decision import Verdict
from authz.policy.fields import FieldValues, field_values
from tests.factories.pki import AT
from tests.factories.policies import facts, rule, site, snapshot


def _values(**changes: Any) -> FieldValues:
    request = facts(**changes)
    client = identify(request.presented, compile_trust(()), AT)
    return field_values(request, client, "api", request.path.partition(b"?")[0], AT)


def test_readings_of_a_request_share_its_random_bytes_whichever_draws_them() -> None:
    request = facts()
    client = identify(request.presented, compile_trust(()), AT)
    drawn = iter([b"first", b"second"])
    values = field_values(request, client, "api", b"/", AT, seed=lambda: next(drawn))

    readings = [values.read_as(b"/a"), values.read_as(b"/b"), values]

    assert [one["cf.random_seed"] for one in readings] == [b"first"] * 3


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
        ("http.request.full_uri", b"https://api.example.com/a/B.Txt?x=1&y"),
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
    ],
)
def test_request_fields(name: str, expected: object) -> None:
    values = _values(
        host=b"API.example.com:443",
        path=b"/a/B.Txt?x=1&y",
        headers=((b"via", b"1"), (b"cookie", b"a=1"), (b"via", b"2"), (b"cookie", b"b=2")),
        source_address="::ffff:192.0.2.1",
        protocol=b"HTTP/3",
    )

    assert values[name] == expected


def test_an_unknown_client_address_is_in_no_list_of_friends() -> None:
    assert _values(source_address="unknown")["ip.src"] == ip_address("0.0.0.0")


def test_a_missing_time_is_now_and_not_1970() -> None:
    assert _values(time_seconds=0)["http.request.timestamp.sec"] == int(AT)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), ()),
        ((b"",), ()),
        ((b"de-CH, fr;q=0.9, en;q=0.95, *;q=0.5",), (b"de-CH", b"en", b"fr")),
        ((b"da;q=0.5,en;q=0.5", b"nb ; Q=0.5"), (b"da", b"en", b"nb")),
        ((b"fr;q=0, en;q=0.000, de;q=0.001",), (b"de",)),
        ((b"a;q=1.000,b;q=1.,c;q=0.",), (b"a", b"b")),
        # Malformed: too many digits, above one, no number, no weight, no tag, several tags.
        ((b"a;q=0.1234,b;q=1.1,c;q=high,d;q,;q=1,e f,-,g\xff,h;level=1,ok",), (b"ok",)),
        ((b"en, en;q=0.1",), (b"en", b"en")),
    ],
)
def test_accepted_languages_are_ordered_by_weight(
    lines: tuple[bytes, ...], expected: tuple[bytes, ...]
) -> None:
    headers = tuple((b"accept-language", line) for line in lines)

    assert _values(headers=headers)["http.request.accepted_languages"] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cf.zone.name", b"api"), ("cf.zone.plan", b""), ("cf.hostname.metadata", b"")],
)
def test_the_zone_is_the_site_and_has_nothing_else(name: str, expected: bytes) -> None:
    assert _values()[name] == expected


@pytest.mark.parametrize("host", [b"api.example.com:443", b"API.example.com", b"api.example.com."])
def test_a_rule_on_the_full_uri_does_not_depend_on_how_the_host_is_spelled(host: bytes) -> None:
    policy = snapshot(site(rule('http.request.full_uri eq "https://api.example.com/admin"')))

    assert authorize(policy, facts(host=host, path=b"/admin"), AT).verdict is Verdict.DENY
