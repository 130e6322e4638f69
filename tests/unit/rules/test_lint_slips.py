# SPDX-License-Identifier: Apache-2.0
"""Literals that are slips although the condition around them is not constant."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME as PRODUCT
from authz.rules import lint, parse
from tests.factories.schemes import SCHEME

_TLS = "cf.tls_client_auth."
_SERIAL, _SHA256 = _TLS + "cert_serial", _TLS + "cert_fingerprint_sha256"


def _slips(source: str) -> list[tuple[str, str | None]]:
    scheme = SCHEME if "test." in source else PRODUCT
    return [
        (one.code, one.suggestion)
        for one in lint(parse(source, scheme))
        if one.certain and "literal" in one.code
    ]


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        (f'{_SERIAL} eq "0A:1B"', f'{_SERIAL} eq "0A1B"'),
        (f'{_SERIAL} in {{"0A 1B" "FF"}}', f'{_SERIAL} in {{"0A1B" "FF"}}'),
        (f'{_SHA256} eq "{":".join(["ab"] * 32)}"', f'{_SHA256} eq "{"ab" * 32}"'),
        (f"{_SHA256} eq {':'.join(['ab'] * 32)}", f'{_SHA256} eq "{"ab" * 32}"'),
        (
            'not (ssl or any(test.hex_list[*] eq "a:b"))',
            'not (ssl or any(test.hex_list[*] eq "ab"))',
        ),
        (f'{_SHA256} eq "abc"', None),
        (f'{_SHA256} eq "zz"', None),
        (f'authz.cert.spki_sha256 eq "{"ab" * 20}"', None),
        (f'{_SERIAL} ne "{"a" * 41}"', None),
        (f'{_SERIAL} eq "not hex"', None),
        # What can be mended is, what cannot stays.
        (f'{_SERIAL} in {{"0A:1B" "zz"}}', f'{_SERIAL} in {{"0A1B" "zz"}}'),
    ],
)
def test_a_hex_literal_that_never_equals_the_field_is_found(
    source: str, corrected: str | None
) -> None:
    assert _slips(source) == [("literal_never_equal", corrected)]


@pytest.mark.parametrize(
    "source",
    [
        f'{_SHA256} eq "{"aB" * 32}"',
        f'{_SHA256} eq ""',
        f'{_SERIAL} eq "0a1b"',
        f'{_SERIAL} matches ":"',
        f'{_SERIAL} lt "0A:"',
    ],
)
def test_other_hex_literals_are_fine(source: str) -> None:
    assert _slips(source) == []


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ('http.host in {"a" "B"}', 'http.host in {"a" "b"}'),
        ('http.host in {"a" "A"}', 'http.host in {"a"}'),
        (
            'http.host in {"a" "*.b" "c/"}',
            'http.host in {"a" "c"} or http.host wildcard "*.b"',
        ),
        ('http.request.version in {"HTTP/2" "HTTP/2.0"}', None),
        (
            'any(http.request.headers.names[*] eq "X-Foo")',
            'any(http.request.headers.names[*] eq "x-foo")',
        ),
        (
            'any(http.request.headers["X-Foo"][*] eq "a")',
            'any(http.request.headers["x-foo"][*] eq "a")',
        ),
        (
            'any(lower(http.request.headers.names[*])[*] in {"x" "Y"})',
            'any(lower(http.request.headers.names[*])[*] in {"x" "y"})',
        ),
        ("cf.edge.server_port in {80 443 70000}", "cf.edge.server_port in {80 443}"),
        ("cf.edge.server_port in {80 -5..-1 70000..80000}", "cf.edge.server_port in {80}"),
    ],
)
def test_some_literals_among_others_never_equal_the_value(
    source: str, corrected: str | None
) -> None:
    assert _slips(source) == [("literal_never_equal", corrected)]


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ('http.request.method eq "get"', 'http.request.method eq "GET"'),
        ('http.request.method ne "Get"', 'http.request.method ne "GET"'),
        ('http.request.method in {"GET" "post"}', 'http.request.method in {"GET" "POST"}'),
        ('http.request.uri.path eq "/a?b"', 'http.request.uri eq "/a?b"'),
        ('http.request.uri.path in {"/a?b"}', 'http.request.uri in {"/a?b"}'),
        (
            'http.request.uri.path in {"/a?b" "/c"} and ssl',
            '(http.request.uri.path in {"/c"} or http.request.uri in {"/a?b"}) and ssl',
        ),
        ("cf.edge.server_port lt 1", None),
        ("authz.peer.port le 0", None),
    ],
)
def test_a_literal_that_no_ordinary_request_has_is_unlikely(
    source: str, corrected: str | None
) -> None:
    assert _slips(source) == [("unlikely_literal", corrected)]


@pytest.mark.parametrize(
    "source",
    [
        'http.request.method matches "get"',
        'http.request.method eq "M-SEARCH"',
        'http.request.uri.path contains "?"',
        'http.request.uri eq "/a?b"',
        "cf.edge.server_port lt 2",
        "cf.edge.server_port eq 0",
        "cf.edge.server_port in {443}",
        "len(http.host) lt 1",
        'http.host in {"a" "b"}',
    ],
)
def test_usual_literals_are_fine(source: str) -> None:
    assert _slips(source) == []


def test_what_is_wrong_on_both_sides_is_mended_together() -> None:
    source = 'any(lower(http.request.headers["Via"][*])[*] eq "A")'
    mended = 'any(lower(http.request.headers["via"][*])[*] eq "a")'

    assert _slips(source) == [("literal_never_equal", mended)] * 2
    assert _slips(mended) == []
    # What cannot be mended on the right does not keep the left from being mended.
    broken = 'any(http.request.headers["Via"][*] in {})'
    assert _slips(broken) == [("literal_never_equal", 'any(http.request.headers["via"][*] in {})')]


def test_a_literal_that_makes_the_whole_condition_constant_is_told_once() -> None:
    codes = [one.code for one in lint(parse('http.host in {"A" "B"} and ssl', PRODUCT))]

    assert codes == ["never_true", "never_true"]


def test_the_message_names_the_value_and_the_literal() -> None:
    def message(source: str) -> str:
        return next(one for one in lint(parse(source, PRODUCT)) if "literal" in one.code).message

    assert message('http.host in {"a" "B"}') == (
        'http.host is never equal to "B": the host is lower case'
    )
    assert message(f'{_SERIAL} in {{"zz" "ABC"}}').startswith(f'{_SERIAL} is never equal to "ABC":')
    assert message('any(lower(http.request.headers.names[*])[*] in {"x" "Y"})') == (
        'lower() is never equal to "Y": lower() gives no capital letters'
    )
