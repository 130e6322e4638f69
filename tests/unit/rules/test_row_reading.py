# SPDX-License-Identifier: Apache-2.0
"""The round trip over all vectors is in tests/conformance/test_rule_rows.py."""

from __future__ import annotations

import pytest

from authz.rules.rows import MAX_GROUPS, MAX_ROWS
from tests.factories.rows import reason, rows, sketch

VERIFIED = "cf.tls_client_auth.cert_verified"
HEADER = 'http.request.headers["x"]'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ssl", "and[ssl is true]"),
        ("not ssl", "and[ssl is false]"),
        ("not not ssl", "not and[ssl is false]"),
        ("not (ssl and ssl)", "not and[ssl is true; ssl is true]"),
        ("ssl or ssl and not ssl", "or[ssl is true; and[ssl is true; ssl is false]]"),
        ("(ssl or ssl) or ssl", "or[or[ssl is true; ssl is true]; ssl is true]"),
        ("ssl xor ssl", "xor[ssl is true; ssl is true]"),
        (
            f'not {VERIFIED} and http.request.uri.path in {{"/admin" "/x"}}',
            f"and[{VERIFIED} is false; http.request.uri.path in «/admin» «/x»]",
        ),
        ('not http.host eq "a"', "and[not http.host eq «a»]"),
        ('http.host ne "a"', "and[http.host ne «a»]"),
        ('http.host matches "^a\\.b$"', "and[http.host matches «^a\\.b$»]"),
        ('http.host strict wildcard r"\\**"', "and[http.host strict wildcard «\\**»]"),
        ("ip.src in $offices", "and[ip.src in list $offices]"),
        ("ip.src in {10/8 ::1}", "and[ip.src in «10.0.0.0/8» «::1»]"),
        ("cf.edge.server_port in {0x10 1..5}", "and[cf.edge.server_port in «16» «1..5»]"),
        ("cf.edge.server_port & 1", "and[cf.edge.server_port bitwise_and «1»]"),
        ('starts_with(http.host, "a")', "and[http.host starts_with «a»]"),
        ('not ends_with(lower(http.host), "a")', "and[not lower(http.host) ends_with «a»]"),
        ('has_key(http.request.headers, "a")', "and[http.request.headers has_key «a»]"),
        ("has_value(authz.cert.san.ip, 10.0.0.1)", "and[authz.cert.san.ip has_value «10.0.0.1»]"),
        (
            'substring(lower(http.host), 1, 2) eq "a"',
            "and[substring(lower(http.host), «1», «2») eq «a»]",
        ),
        (f'{HEADER}[0] eq "a"', "and[http.request.headers[x][0] eq «a»]"),
        (f'any({HEADER}[*] eq "a")', "and[any http.request.headers[x][*] eq «a»]"),
        (f'not all({HEADER}[*] eq "a")', "and[not all http.request.headers[x][*] eq «a»]"),
        (
            f'any(lower({HEADER}[*])[*] contains "a")',
            "and[any lower(http.request.headers[x][*])[*] contains «a»]",
        ),
        (
            f'any(starts_with({HEADER}[*], "a"))',
            "and[any http.request.headers[x][*] starts_with «a»]",
        ),
        (
            f'any((starts_with({HEADER}[*], "a")))',
            "and[any and[http.request.headers[x][*] starts_with «a»]]",
        ),
        (
            f'any((starts_with({HEADER}[*], "a")[*]))',
            "and[any starts_with(http.request.headers[x][*], «a»)[*] is true]",
        ),
        (
            f'any(not {HEADER}[*] eq "a")',
            "and[any and[not http.request.headers[x][*] eq «a»]]",
        ),
        (
            f'any(({HEADER}[*] eq "a" or {HEADER}[*] eq "b"))',
            "and[any or[http.request.headers[x][*] eq «a»; http.request.headers[x][*] eq «b»]]",
        ),
        (
            'all(not (authz.cert.san.dns[*] eq "a" or authz.cert.san.dns[*] eq "b"))',
            "and[all and[not or[authz.cert.san.dns[*] eq «a»; authz.cert.san.dns[*] eq «b»]]]",
        ),
    ],
)
def test_what_rows_show(source: str, expected: str) -> None:
    assert sketch(rows(source)) == expected


@pytest.mark.parametrize(
    ("source", "words", "part"),
    [
        ("true", "no row", "true"),
        (
            'ssl and concat(http.host, http.cookie) eq "a"',
            "concat() of two",
            "concat(http.host, http.cookie)",
        ),
        ('concat("a", http.host) eq "a"', "something else than a field", 'concat("a", http.host)'),
        ("cf.edge.server_port in {}", "empty set", "{}"),
        ('http.host matches "a\nb"', "control characters", '"a\nb"'),
        ("not " * (MAX_GROUPS + 2) + "ssl", f"more than {MAX_GROUPS} groups", "not not ssl"),
        (" or ".join(["ssl"] * (MAX_ROWS + 1)), f"more than {MAX_ROWS} conditions", "ssl"),
        (
            "len(concat(http.host, http.host)) eq 1",
            "concat() of two",
            "concat(http.host, http.host)",
        ),
    ],
)
def test_what_they_cannot_show_and_why(source: str, words: str, part: str) -> None:
    told, found = reason(source)

    assert words in told
    assert found == part


def test_as_many_conditions_and_groups_as_there_may_be() -> None:
    assert len(rows(" or ".join(["ssl"] * MAX_ROWS)).rows) == MAX_ROWS
    assert rows("not " * MAX_GROUPS + "ssl")
