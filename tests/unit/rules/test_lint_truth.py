# SPDX-License-Identifier: Apache-2.0
"""Conditions that are provably always or never true, and why."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME as PRODUCT
from authz.rules import Scheme, parse
from authz.rules.lint_solver import Solver
from authz.rules.lint_truth import Fact, explained
from tests.factories.schemes import SCHEME

_V, _R = "cf.tls_client_auth.cert_verified", "cf.tls_client_auth.cert_revoked"
_H = 'http.request.headers["a"][0]'
_PORT = "cf.edge.server_port"


def _facts(source: str, scheme: Scheme = SCHEME) -> list[Fact]:
    return list(explained(Solver(parse(source, scheme).root)))


def _findings(source: str, scheme: Scheme = SCHEME) -> list[tuple[str, str]]:
    facts = sorted(_facts(source, scheme), key=lambda fact: fact.node.span)
    return [(fact.code, source[slice(*fact.node.span)]) for fact in facts]


@pytest.mark.parametrize(
    "source",
    [
        # One text cannot be two, however that is asked.
        'http.host eq "a" and http.host eq "b"',
        f'{_H} eq "a" and ssl and {_H} eq "b"',
        'http.host eq "a" and http.host in {"b" "c"}',
        'http.host in {"a" "d"} and http.host in {"b" "c"}',
        'http.host eq "a" and starts_with(http.host, "b")',
        'http.host eq "a" and ends_with(http.host, "b")',
        'http.host in {"ax" "ay"} and http.host contains "z"',
        'http.host eq "a" and http.host wildcard "b*"',
        'http.host eq "a" and http.host strict wildcard "b"',
        'http.host eq "a" and http.host matches "^b"',
        'http.host eq "a" and not http.host matches "^a$"',
        'http.host lt "b" and http.host gt "c"',
        'http.host gt "a" and http.host lt "a\\x00"',
        'http.host lt "b" and http.host eq "c"',
        'starts_with(http.host, "ab") and not starts_with(http.host, "a")',
        'starts_with(http.host, "a") and starts_with(http.host, "b")',
        'starts_with(http.host, "a") and http.host ge "b"',
        'http.host strict wildcard "a*" and starts_with(http.host, "b")',
        'ends_with(http.host, ".org") and ends_with(http.host, ".com")',
        'ends_with(http.host, "b.org") and not ends_with(http.host, ".org")',
        'http.host contains "ab" and not http.host contains "a"',
        'starts_with(http.host, "xab") and not http.host contains "a"',
        # A condition and its opposite.
        'http.host eq "a" and not http.host eq "a"',
        'http.host matches "a" and not http.host matches "a"',
        'any(test.hex_list[*] eq "a") and not any(test.hex_list[*] eq "a")',
        "ssl and not ssl",
        # Numbers between bounds.
        f"{_PORT} gt 5 and {_PORT} lt 3",
        f"{_PORT} in {{1..5}} and {_PORT} in {{7..9}}",
        f"{_PORT} gt 4 and {_PORT} lt 6 and {_PORT} ne 5",
        f"{_PORT} eq 4 and {_PORT} & 3",
        "test.numbers[0] gt 5 and test.numbers[0] lt 3",
        # Addresses in networks.
        "ip.src in {10.0.0.0/8} and ip.src eq 192.0.2.1",
        "ip.src in {10.0.0.0/8} and ip.src in {192.0.2.0/24 ::/0}",
        "ip.src lt 10.0.0.0 and ip.src gt 10.0.0.9",
        "ip.src ge 10.0.0.0 and ip.src ge ::1",
        # Hex digits in either case.
        'cf.tls_client_auth.cert_serial eq "ab" and not cf.tls_client_auth.cert_serial eq "AB"',
        'cf.tls_client_auth.cert_serial in {"ab"} and cf.tls_client_auth.cert_serial eq "AC"',
        # Deeper, and across.
        'http.host eq "a" and (ssl or http.cookie eq "x") and not (http.host eq "a" or ssl)',
        'ssl and (not ssl and http.cookie contains "x") and http.host eq "a"',
        # A revoked certificate is a verified one.
        f"{_R} and not {_V}",
    ],
)
def test_conditions_that_exclude_each_other_are_never_true(source: str) -> None:
    assert ("never_true", source) in _findings(source)


@pytest.mark.parametrize(
    "source",
    [
        'http.host ne "a" or http.host ne "b"',
        'not http.host in {"a" "b"} or http.host in {"a" "b" "c"}',
        "ssl or not ssl",
        f'{_H} eq "a" or not {_H} eq "a"',
        f"{_PORT} ge 1 or {_PORT} le 5",
        f"{_PORT} ne 1 or {_PORT} ne 2",
        "not ip.src in {10.0.0.0/8} or ip.src lt 11.0.0.0",
        'not (http.host contains "ab") or http.host contains "b"',
        'http.host lt "b" or http.host ge "a"',
        f"{_V} or not {_R}",
        f"not ({_R} and not {_V})",
    ],
)
def test_conditions_that_leave_nothing_out_are_always_true(source: str) -> None:
    assert ("always_true", source) in _findings(source)


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "ssl",
        # What is missing is neither equal nor unequal, neither above nor below.
        f'{_H} eq "a" or {_H} ne "a"',
        f'{_H} ne "a" or {_H} ne "b"',
        "test.numbers[0] ge 0 or test.numbers[0] lt 0",
        f'{_H} contains ""',
        f'{_H} wildcard "*"',
        # Two arrays, two elements, two functions of one value are different values.
        f'{_H} eq "a" and http.request.headers["a"][1] eq "b"',
        'lower(http.cookie) eq "a" and http.cookie eq "A"',
        'any(http.request.headers.names[*] eq "a") and any(http.request.headers.names[*] eq "b")',
        'any((http.request.headers.names[*] eq "a" and http.request.headers.names[*] eq "b"))',
        "any(http.request.headers.names[*] in {})",
        # IPv4 and IPv6 addresses are different and have no order.
        "ip.src lt 10.0.0.0 or ip.src ge 10.0.0.0",
        "ip.src in {0.0.0.0/0} or ip.src eq ::1",
        # Between two texts there is another, but not always.
        'http.host gt "a" and http.host lt "a\\x00\\x00"',
        'http.host gt "a" and http.host lt "b"',
        # Not certain: patterns, lists' items, the case of other hex conditions.
        'http.host matches "^a" and http.host matches "^b"',
        'http.host wildcard "a*" and http.host wildcard "b*"',
        'cf.tls_client_auth.cert_serial contains "A" and cf.tls_client_auth.cert_serial eq "b"',
        f"{_PORT} gt 4 and {_PORT} & 1",
        f"{_PORT} gt 4 and {_PORT} lt 6",
        # Independent conditions, also several of them.
        'ssl or ip.src eq 10.0.0.1 and http.cookie eq "a" xor ssl',
        f"{_V} and not {_R}",
        f"{_V} or {_R}",
    ],
)
def test_nothing_is_said_without_proof(source: str) -> None:
    assert _findings(source) == []


@pytest.mark.parametrize(
    ("source", "findings"),
    [
        ("false", [("never_true", "false")]),
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
        (
            "not ssl or ssl xor ssl",
            [("never_true", "ssl xor ssl")],
        ),
        # The reason, and nothing else that follows from it.
        (
            f'ssl and ({_PORT} eq 1 and {_PORT} eq 2 or http.host eq "a")',
            [("never_true", f"{_PORT} eq 1 and {_PORT} eq 2")],
        ),
    ],
)
def test_the_cause_is_named_and_the_whole_if_it_follows(
    source: str, findings: list[tuple[str, str]]
) -> None:
    assert _findings(source) == findings


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            'http.host eq "a" and http.host eq "b"',
            "the same value cannot equal two literals; use or, or in {…}",
        ),
        (
            'http.host ne "a" or http.host ne "b"',
            "a value differs from at least one of two literals; use and, or not … in {…}",
        ),
        ("ssl and not ssl", "it joins a condition and its opposite"),
        (f"{_R} and not {_V}", "a revoked certificate is a verified one"),
        (f"{_PORT} gt 5 and {_PORT} lt 3", "the two exclude each other"),
        (f"{_PORT} ge 1 or {_PORT} le 5", "the two leave nothing out"),
        (
            f"{_PORT} gt 5 and ssl and {_PORT} lt 3",
            f"{_PORT} gt 5 and {_PORT} lt 3 exclude each other",
        ),
        (f"({_PORT} gt 5 or ssl) xor ({_PORT} gt 5 or ssl)", "the two depend on each other"),
        (
            f"{_PORT} gt 4 and {_PORT} lt 6 and {_PORT} ne 5",
            "its conditions exclude each other",
        ),
        (
            f"{_PORT} lt 4 or {_PORT} gt 6 or {_PORT} in {{4..6}}",
            "its conditions leave nothing out",
        ),
    ],
)
def test_the_reason_names_the_conditions_that_are_to_blame(source: str, why: str) -> None:
    facts = _facts(source)

    assert [fact.why for fact in facts] == [why]
    assert facts[0].message.endswith(f" is {'always' if facts[0].value else 'never'} true: {why}")


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ('http.host eq "a" and http.host eq "b"', 'http.host in {"a" "b"}'),
        (
            'http.host eq "a" and ssl and http.host in {"b" "c"}',
            'http.host in {"a" "b" "c"} and ssl',
        ),
        (
            "ip.src in {10.0.0.0/8} and ip.src eq 192.0.2.1",
            "ip.src in {10.0.0.0/8 192.0.2.1}",
        ),
        ("test.numbers[0] eq 1 and test.numbers[0] eq 2", "test.numbers[0] in {1 2}"),
        ('http.host ne "a" or http.host ne "b"', 'http.host ne "a" and http.host ne "b"'),
        ('http.host eq "a" and starts_with(http.host, "b")', None),
        ('http.host eq "a" and http.host gt "b"', None),
    ],
)
def test_what_was_meant_by_two_literals_is_one_of_them(source: str, meant: str | None) -> None:
    from authz.rules.formatter import format_logical

    (fact,) = _facts(source)

    assert (None if fact.fixed is None else format_logical(fact.fixed)) == meant


def test_the_facts_of_the_product_s_fields_count() -> None:
    assert _findings(f'{_V} and authz.cert.failure ne ""', PRODUCT)
    assert _findings(f'not {_V} and cf.tls_client_auth.cert_issuer_ski ne ""', PRODUCT)
    assert _findings(f"{_V} and not cf.tls_client_auth.cert_presented", PRODUCT)
    assert not _findings('authz.cert.failure eq "expired" or ssl', PRODUCT)
