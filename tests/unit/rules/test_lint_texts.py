# SPDX-License-Identifier: Apache-2.0
"""Texts fall into literals and what is between them."""

from __future__ import annotations

import pytest

from authz.policy.fields import SCHEME
from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.lint_cells import subject_of
from authz.rules.lint_texts import Row, text_rows, text_test
from authz.rules.lint_tree import leaves

_LISTS = {"names": compile_list(ListModel(name="names", kind=ListKind.STRING, items=("a",)))}
_T, _F = True, False


def _rows(source: str, *excluded: bytes) -> set[Row]:
    found = list(leaves(parse(source, SCHEME, _LISTS).root))
    subject = subject_of(found[0])
    return set(text_rows(subject, found, frozenset(excluded)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        ('http.host eq "a" and http.host in {"a" "b"}', {(_F, _F), (_T, _T), (_F, _T)}),
        ('http.host eq "a" and http.host ne "a"', {(_T, _F), (_F, _T)}),
        ('http.host lt "b" and http.host ge "b"', {(_T, _F), (_F, _T)}),
        ('http.host le "b" and http.host gt "a"', {(_T, _F), (_T, _T), (_F, _T)}),
        # Of a literal everything is known.
        ('http.host eq "ab" and http.host matches "^a"', {(_T, _T), (_F, None)}),
        ('http.host eq "ab" and http.host wildcard "A*"', {(_T, _T), (_F, None)}),
        ('http.host eq "ab" and ends_with(http.host, "b")', {(_T, _T), (_F, None)}),
        ('http.host eq "a" and http.host in $names', {(_T, None), (_F, None)}),
        # Beginnings are everything from one text to another.
        (
            'starts_with(http.host, "a") and starts_with(http.host, "ab")',
            {(_F, _F), (_T, _F), (_T, _T)},
        ),
        ('starts_with(http.host, "") and http.host eq "a"', {(_T, _F), (_T, _T)}),
        (
            'starts_with(http.cookie, "\\xff") and http.cookie lt "\\xff"',
            {(_F, _T), (_T, _F)},
        ),
        (
            'http.host strict wildcard "a*" and http.host eq "b"',
            {(_F, _F), (_T, _F), (_F, _T)},
        ),
        ('http.host strict wildcard "a" and http.host eq "a"', {(_F, _F), (_T, _T)}),
        (
            'http.host strict wildcard "a*c" and http.host eq "abc"',
            {(_F, _F), (_T, _T), (None, _F), (_T, _F)} - {(_T, _F)},
        ),
        # What parts say of each other.
        (
            'http.host contains "ab" and http.host contains "a"',
            {(_T, _T), (_F, _T), (_F, _F)},
        ),
        (
            'ends_with(http.host, "ab") and ends_with(http.host, "b")',
            {(_T, _T), (_F, _T), (_F, _F)},
        ),
        (
            'ends_with(http.host, "a") and ends_with(http.host, "b")',
            {(_T, _F), (_F, _T), (_F, _F)},
        ),
    ],
)
def test_conditions_have_one_truth_for_each_literal_and_between_them(
    source: str, rows: set[Row]
) -> None:
    assert _rows(source) == rows


def test_nothing_is_between_a_text_and_the_next_or_before_the_empty_one() -> None:
    assert (_T, _T) not in _rows('http.cookie gt "a" and http.cookie lt "a\\x00"')
    assert (_T, _T) in _rows('http.cookie gt "a" and http.cookie lt "a\\x00\\x00"')
    assert _rows('http.cookie lt "" and http.cookie ge ""') == {(_F, _T)}


def test_a_value_is_never_what_its_field_rules_out() -> None:
    assert _rows('http.host eq "A" and http.host eq "b"') == {(_F, _F), (_F, _T)}
    assert _rows('http.host eq "a" and http.host eq "b"', b"a") == {(_F, _F), (_F, _T)}


def test_few_words_are_gone_through_one_by_one() -> None:
    version = "http.request.version"

    assert _rows(f'{version} matches "HTTP/1" and {version} in {{"HTTP/1.0" "HTTP/1.1"}}') == {
        (_T, _T),
        (_F, _F),
    }
    assert _rows('authz.cert.failure eq "" and authz.cert.failure ne ""', b"") == {(_F, _T)}


def test_the_case_of_hex_digits_is_known_of_no_condition_that_asks_for_it() -> None:
    serial = "cf.tls_client_auth.cert_serial"

    assert _rows(f'{serial} eq "ab" and {serial} in {{"AB" "ff"}}') == {
        (_T, _T),
        (_F, _T),
        (_F, _F),
    }
    assert _rows(f'{serial} ne "ab" and {serial} contains "a"') == {(_F, None), (_T, None)}
    assert _rows(f'{serial} in $names and {serial} eq "a"') == {(None, _T), (None, _F)}


def test_many_parts_are_not_compared_with_each_other() -> None:
    source = " and ".join(f'http.host contains "{letter}"' for letter in "abcde")

    assert _rows(source) == {(None,) * 5}


def test_the_test_of_one_text_is_that_of_the_condition() -> None:
    def test(source: str, text: bytes) -> bool | None:
        (leaf,) = leaves(parse(source, SCHEME, _LISTS).root)
        return text_test(leaf)(text)

    assert test('starts_with(http.host, "a")', b"ab") is True
    assert test('http.host matches "b"', b"ab") is True
    assert test('http.host in {"a"}', b"ab") is False
    assert test("http.host in $names", b"a") is None
