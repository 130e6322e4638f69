# SPDX-License-Identifier: Apache-2.0
"""Conditions that are provably always or never true."""

from __future__ import annotations

import pytest

from authz.rules import lint, parse
from tests.factories.schemes import SCHEME


def _findings(source: str) -> list[tuple[str, str]]:
    return [(finding.code, source[slice(*finding.span)]) for finding in lint(parse(source, SCHEME))]


@pytest.mark.parametrize(
    "source",
    [
        "http.host in {}",
        'http.host eq "Example.com"',
        'http.host in {"A" "B"}',
        'http.request.method eq "get"',
        'http.request.uri.path eq "admin"',
        'http.request.uri.path in {"admin"}',
        'http.request.uri.path eq "/a?b"',
        'http.request.headers["Via"][0] eq "a"',
        'lower(http.host) eq "A"',
        'upper(http.host) eq "a"',
        "len(http.host) lt 0",
        "len(http.host) eq -1",
        "len(http.host) le -1",
        "cf.edge.server_port & 0",
        "cf.edge.server_port gt 9223372036854775807",
        "cf.edge.server_port lt -9223372036854775808",
        'http.host eq "a" and http.host eq "b"',
        'http.request.headers["a"][0] eq "a" and ssl and http.request.headers["a"][0] eq "b"',
    ],
)
def test_never(source: str) -> None:
    assert _findings(source) == [("never_true", source)]


@pytest.mark.parametrize(
    "source",
    [
        'http.host contains ""',
        'http.host matches ""',
        'http.host wildcard "*"',
        'http.host ne "A"',
        "len(http.host) ge 0",
        "len(http.host) gt -1",
        "cf.edge.server_port ge -9223372036854775808",
        "cf.edge.server_port le 9223372036854775807",
        'http.host ne "a" or http.host ne "b"',
    ],
)
def test_always(source: str) -> None:
    assert _findings(source) == [("always_true", source)]


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "ssl",
        "not ssl or ssl xor ssl",
        'http.host in {"a" "B"}',
        'http.request.uri.path in {"/a" "/b"}',
        'http.request.uri.path eq "*"',
        'http.request.uri.path eq ""',
        'http.request.headers["via"][0] contains ""',
        'http.request.headers["via"][0] matches ""',
        'http.request.headers["via"][0] wildcard "*"',
        'lower(http.request.headers["via"][0]) ne "A"',
        'len(http.request.headers["via"]) ge 0',
        'http.request.headers["a"][0] ne "a" or http.request.headers["a"][0] ne "b"',
        'http.host eq "a" or http.host eq "b"',
        'http.host eq "a" and http.host eq "a"',
        'http.host ne "a" and http.host ne "b"',
        'http.host eq "a" and http.cookie eq "b"',
        'http.host matches "a"',
        'http.host wildcard "a"',
        "cf.edge.server_port & 1",
        "cf.edge.server_port gt 1",
        "ip.src eq 10.0.0.1",
        "any(http.request.headers.names[*] in {})",
        'any((http.request.headers.names[*] eq "a" and http.request.headers.names[*] eq "b"))',
    ],
)
def test_nothing_is_said_without_proof(source: str) -> None:
    assert _findings(source) == []


@pytest.mark.parametrize(
    ("source", "findings"),
    [
        ("ssl or http.host in {}", [("never_true", "http.host in {}")]),
        (
            "ssl and http.host in {}",
            [("never_true", "ssl and http.host in {}"), ("never_true", "http.host in {}")],
        ),
        (
            "not http.host in {}",
            [("always_true", "not http.host in {}"), ("never_true", "http.host in {}")],
        ),
        (
            "http.host in {} or http.cookie in {}",
            [
                ("never_true", "http.host in {}"),
                ("never_true", "http.host in {} or http.cookie in {}"),
                ("never_true", "http.cookie in {}"),
            ],
        ),
        (
            "http.host in {} xor len(http.host) ge 0",
            [
                ("never_true", "http.host in {}"),
                ("always_true", "http.host in {} xor len(http.host) ge 0"),
                ("always_true", "len(http.host) ge 0"),
            ],
        ),
    ],
)
def test_the_cause_is_named_and_the_whole_if_it_follows(
    source: str, findings: list[tuple[str, str]]
) -> None:
    assert _findings(source) == findings
