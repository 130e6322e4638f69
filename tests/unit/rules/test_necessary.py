# SPDX-License-Identifier: Apache-2.0
"""What an expression needs in order to be true, and that no value makes it true without."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import product

import pytest

from authz.rules import evaluate, parse
from authz.rules.necessary import Condition, Conditions, Key, Reading, necessary
from tests.factories.schemes import SCHEME, field_values
from tests.factories.selective import LISTS

_FIELDS = frozenset(
    {
        "http.host",
        "http.request.uri.path",
        "cf.edge.server_port",
        "cf.tls_client_auth.cert_serial",
        "ip.src",
    }
)
_HOST = Key(field="http.host")
_LOWER = Key(field="http.host", reading=Reading.LOWER)
_PATH = Key(field="http.request.uri.path")
_SERIAL = Key(field="cf.tls_client_auth.cert_serial", reading=Reading.LOWER)
_PORT = Key(field="cf.edge.server_port")
_IP = Key(field="ip.src", reading=Reading.PACKED)


def _necessary(source: str) -> Conditions:
    return necessary(parse(source, SCHEME, LISTS), _FIELDS)


def _one_of(key: Key, *constants: bytes | int) -> Condition:
    return {key: frozenset(constants)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('http.host eq "a"', _one_of(_HOST, b"a")),
        ('http.host in {"a" "B"}', _one_of(_HOST, b"a", b"B")),
        ('lower(http.host) eq "a"', _one_of(_LOWER, b"a")),
        ('lower(upper(http.host)) eq "a"', _one_of(_LOWER, b"a")),
        (
            'upper(http.host) in {"A" "B"}',
            _one_of(Key(field="http.host", reading=Reading.UPPER), b"A", b"B"),
        ),
        ('cf.tls_client_auth.cert_serial eq "0A"', _one_of(_SERIAL, b"0a")),
        ('cf.tls_client_auth.cert_serial in {"0A" "0a" "b"}', _one_of(_SERIAL, b"0a", b"b")),
        ('lower(cf.tls_client_auth.cert_serial) eq "0A"', _one_of(_SERIAL, b"0A")),
        ("cf.edge.server_port eq 443", _one_of(_PORT, 443)),
        ("cf.edge.server_port in {443 80..82}", _one_of(_PORT, 443, 80, 81, 82)),
        ("ip.src eq 10.0.0.1", _one_of(_IP, b"\x0a\0\0\1")),
        (
            "ip.src in {10.0.0.0/31 ::1}",
            _one_of(_IP, b"\x0a\0\0\0", b"\x0a\0\0\1", b"\0" * 15 + b"\1"),
        ),
        ('starts_with(http.host, "api.")', _one_of(Key(field="http.host", cut=4), b"api.")),
        ('ends_with(http.host, ".test")', _one_of(Key(field="http.host", cut=-5), b".test")),
        (
            'starts_with(lower(http.host), "a")',
            _one_of(Key(field="http.host", reading=Reading.LOWER, cut=1), b"a"),
        ),
        ('http.host wildcard "A"', _one_of(_LOWER, b"a")),
        ('http.host strict wildcard "A"', _one_of(_HOST, b"A")),
        ('http.host strict wildcard "A*"', _one_of(Key(field="http.host", cut=1), b"A")),
        (
            'http.host wildcard "*.Test"',
            _one_of(Key(field="http.host", reading=Reading.LOWER, cut=-5), b".test"),
        ),
        ("not ip.src ne ::1", _one_of(_IP, b"\0" * 15 + b"\1")),
        ('not (http.host ne "a" or ssl)', _one_of(_HOST, b"a")),
        ('not not http.host eq "a"', _one_of(_HOST, b"a")),
        ('http.host eq "a" and ssl and not http.host contains "b"', _one_of(_HOST, b"a")),
        ('http.host in {"a" "b"} and http.host in {"b" "c"}', _one_of(_HOST, b"b")),
        ('http.host eq "a" or http.host in {"b" "c"}', _one_of(_HOST, b"a", b"b", b"c")),
        ('http.host eq "a" or http.host in {}', _one_of(_HOST, b"a")),
        (
            '(http.host eq "a" and http.request.uri.path eq "/") or (ssl and http.host eq "b")',
            _one_of(_HOST, b"a", b"b"),
        ),
        (
            'http.host eq "a" or cf.tls_client_auth.cert_serial eq "0a"',
            {_HOST: frozenset([b"a"]), _SERIAL: frozenset([b"0a"])},
        ),
        (
            'http.host in {"a" "b"} and cf.edge.server_port eq 1 or http.request.uri.path eq "/"',
            {_PORT: frozenset([1]), _PATH: frozenset([b"/"])},
        ),
    ],
)
def test_a_single_condition(source: str, expected: Condition) -> None:
    assert _necessary(source) == (expected,)


@pytest.mark.parametrize(
    ("source", "field", "folded"),
    [
        ("http.host in $names", "http.host", False),
        ("cf.tls_client_auth.cert_serial in $words", "cf.tls_client_auth.cert_serial", True),
        ("ip.src in $nets", "ip.src", False),
        ("cf.edge.server_port in $ports", "cf.edge.server_port", False),
    ],
)
def test_a_list_is_asked_and_not_written_out(source: str, field: str, folded: bool) -> None:
    key = Key(field=field, list=LISTS[source.rpartition("$")[2]], folded=folded)

    assert _necessary(source) == (_one_of(key, True),)


def test_all_parts_of_a_conjunction_are_necessary() -> None:
    assert _necessary('http.host eq "a" and http.request.uri.path in {"/a" "/b"}') == (
        _one_of(_HOST, b"a"),
        _one_of(_PATH, b"/a", b"/b"),
    )
    assert _necessary('http.host strict wildcard "a*bc"') == (
        _one_of(Key(field="http.host", cut=1), b"a"),
        _one_of(Key(field="http.host", cut=-2), b"bc"),
    )


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "ssl",
        "not ssl",
        'http.user_agent eq "a"',
        'http.request.headers.names[0] eq "a"',
        'any(http.request.headers.names[*] eq "a")',
        'http.host ne "a"',
        'not http.host eq "a"',
        'not http.host in {"a"}',
        "not http.host in $words",
        'not starts_with(http.host, "a")',
        'http.host contains "a"',
        'http.host matches "^a$"',
        'http.host gt "a"',
        'starts_with(http.host, "")',
        "starts_with(http.host, http.request.uri.path)",
        'has_value(http.request.headers.names, "a")',
        'starts_with(concat(http.host, "a"), "a")',
        'http.host wildcard "*"',
        'http.host wildcard "*a*"',
        'concat(http.host, "a") eq "a"',
        "len(http.host) eq 1",
        'lower(http.request.headers.names[0]) eq "a"',
        'lower(http.user_agent) eq "a"',
        "cf.edge.server_port in {0..64}",
        "ip.src in {10.0.0.0/8}",
        'http.host eq "a" or ssl',
        'http.host eq "a" xor http.host eq "b"',
        'not (http.host ne "a" and ssl)',
    ],
)
def test_nothing_is_said_of_what_is_not_certain(source: str) -> None:
    assert _necessary(source) == ()


@pytest.mark.parametrize(
    "source",
    [
        "false",
        "http.host in {}",
        'ssl and http.host eq "a" and http.host eq "b"',
        "ssl and cf.edge.server_port in {}",
        'http.host in {} or (http.host eq "a" and http.host eq "b")',
        'http.host eq "a" and (http.host in {} or http.host in {})',
    ],
)
def test_what_is_never_true_needs_the_impossible(source: str) -> None:
    assert _necessary(source) == ({},)


def test_shapes_of_real_values_are_not_relied_on() -> None:
    """A path without a slash is what `OPTIONS *` has."""
    assert _necessary('http.request.uri.path eq "admin"') == (_one_of(_PATH, b"admin"),)


_TEXTS = [b"", b"a", b"A", b"ab", b"aB", b"Ba", b"a.B"]


@pytest.mark.parametrize(
    "source",
    [
        *(
            template.replace("$F", field)
            for template in (
                '$F eq "aB"',
                'not $F ne "aB"',
                '$F in {"a" "aB"}',
                "$F in $words",
                "$F in $names",
                '$F wildcard "A"',
                '$F wildcard "A*"',
                '$F wildcard "*B"',
                '$F strict wildcard "aB"',
                '$F strict wildcard "a*B"',
                'starts_with($F, "a")',
                'ends_with($F, "B")',
                'lower($F) eq "ab"',
                'upper($F) wildcard "a*"',
                'starts_with(upper($F), "A")',
                "lower($F) in $words",
            )
            for field in ("http.host", "cf.tls_client_auth.cert_serial")
        )
    ],
)
def test_no_text_makes_it_true_without(source: str) -> None:
    expression = parse(source, SCHEME, LISTS)
    (field,) = expression.fields
    conditions = necessary(expression, _FIELDS)
    assert conditions
    said = []
    for text in _TEXTS:
        values = field_values({}) | {field: text}
        true = evaluate(expression, values)
        said.append(true)
        for (key, constants), *others in (condition.items() for condition in conditions):
            read = key.reader()
            assert not others
            assert not true or (text if read is None else read(text)) in constants
    assert {True, False} == set(said)


@pytest.mark.parametrize(
    ("source", "address"),
    list(
        product(
            ["ip.src eq fe80::1", "ip.src in {fe80::1}", "not ip.src ne fe80::1"],
            ["fe80::1", "fe80::1%eth0", "254.128.0.1"],
        )
    ),
)
def test_an_address_with_a_zone_is_that_address(source: str, address: str) -> None:
    """As for the rule itself, which compares family and number."""
    expression = parse(source, SCHEME)
    ((key, constants),) = necessary(expression, _FIELDS)[0].items()
    read = key.reader()
    assert read is not None
    value = ip_address(address)

    assert (read(value) in constants) is evaluate(expression, {"ip.src": value})
