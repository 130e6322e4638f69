# SPDX-License-Identifier: Apache-2.0
"""What is known of values is what the fields of real requests have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from authz.certs.failure import VerifyFailure
from authz.certs.trust import compile_trust
from authz.policy.client import identify
from authz.policy.fields import SCHEME, field_values
from authz.rules import Bytes, Int, parse
from authz.rules.lint_domain import (
    FAILURES,
    bounds_of,
    is_mapped,
    is_plain_address,
    never_equal,
    never_like,
    words_of,
)
from authz.rules.lint_fault import Place
from authz.rules.types import INT_MAX, INT_MIN
from tests.factories.pki import AT, authority, root
from tests.factories.policies import facts

if TYPE_CHECKING:
    from authz.rules.ast import Comparison


def _access(source: str) -> Comparison:
    return cast("Comparison", parse(source, SCHEME).root)


def test_the_failures_are_those_of_the_verification() -> None:
    assert {failure.value.encode() for failure in VerifyFailure} == FAILURES


def test_every_name_with_a_known_shape_is_a_field_or_a_function() -> None:
    source = Path(__file__).resolve().parents[3] / "authz" / "rules" / "lint_domain.py"
    named = set(
        re.findall(r'"((?:http|ip|cf|raw|authz)\.[a-z0-9_.]+[a-z0-9_])"', source.read_text())
    )

    assert named
    assert named <= SCHEME.fields.keys() | {"cf.tls_client_auth"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "host": b"API.Example.COM:8443",
            "path": b"/A/B.PHP?q=1",
            "protocol": b"HTTP/2",
            "source_address": "::ffff:192.0.2.1",
            "destination_port": 65535,
            "peer_port": 65535,
            "time_nanos": 999_999_999,
            "body": b"x",
        },
        {"method": b"CONNECT", "path": b"", "protocol": b""},
        {"method": b"OPTIONS", "path": b"*", "protocol": b"HTTP/1.0"},
    ],
)
def test_values_of_real_requests_have_the_shapes_that_are_claimed(
    changes: dict[str, object],
) -> None:
    request = facts(**changes)
    client = identify(request.presented, compile_trust((authority(root()),)), AT)
    target = request.path.partition(b"?")[0]
    values = field_values(request, client, "api", target, AT)

    for field in SCHEME.fields.values():
        value = values[field.name]
        if field.type == Int:
            bounds = bounds_of(_access(f"{field.name} eq 1").left)
            assert isinstance(value, int)
            assert bounds.lowest <= value <= bounds.highest, field.name
        elif field.type == Bytes:
            assert isinstance(value, bytes)
            left = _access(f'{field.name} eq ""').left
            assert never_equal(left, value) is None, field.name
            assert never_like(left, value[:1], Place.FIRST) is None, field.name
            assert never_like(left, value[-1:], Place.LAST) is None, field.name
            assert never_like(left, value, Place.WITHIN) is None, field.name


@pytest.mark.parametrize(
    ("source", "bounds"),
    [
        ("cf.edge.server_port eq 1", (0, 65535)),
        ("len(http.host) eq 1", (0, INT_MAX)),
        ('len(http.request.headers["a"]) eq 1', (1, INT_MAX)),
        ("coalesce(cf.edge.server_port, authz.peer.port) eq 1", (INT_MIN, INT_MAX)),
        ("http.request.timestamp.sec eq 1", (INT_MIN, INT_MAX)),
        ('http.request.jwt.claims.iat.sec["a"][0] eq 1', (INT_MIN, INT_MAX)),
    ],
)
def test_numbers_have_bounds(source: str, bounds: tuple[int, int]) -> None:
    found = bounds_of(_access(source).left)

    assert (found.lowest, found.highest) == bounds


def test_few_words_are_all_that_some_texts_can_be() -> None:
    version = words_of(_access('http.request.version eq ""').left)

    assert version is not None
    assert b"HTTP/1.1" in version.all
    assert words_of(_access('http.host eq ""').left) is None
    assert words_of(_access('lower(http.request.version) eq ""').left) is None


def test_the_addresses_of_the_connection_are_shown_as_they_were_before_being_mapped() -> None:
    assert is_plain_address(_access("ip.src eq 10.0.0.1").left)
    assert not is_plain_address(_access("cidr(ip.src, 8, 8) eq 10.0.0.1").left)
    mapped = _access("ip.src eq ::ffff:10.0.0.1").right
    assert is_mapped(mapped.value)  # type: ignore[union-attr,arg-type]
