# SPDX-License-Identifier: Apache-2.0
"""Nodes know their types and whether they may be missing; spans do not count in comparisons."""

from __future__ import annotations

import pytest

from authz.rules import Bool, parse
from authz.rules.ast import Access, Comparison, Constant, Quantifier, Truth, is_nullable
from authz.rules.types import BOOLS
from tests.factories.schemes import SCHEME


def _left(source: str) -> Access:
    root = parse(source, SCHEME).root
    assert isinstance(root, Comparison)
    return root.left


def test_trees_are_equal_when_they_mean_the_same() -> None:
    assert parse(' http.host  eq  "a"', SCHEME) == parse('http.host=="\\x61"', SCHEME)


@pytest.mark.parametrize(
    ("source", "nullable"),
    [
        ('http.host eq "a"', False),
        ('http.request.headers["a"][0] eq "a"', True),
        ('lower(http.host) eq "a"', False),
        ('lower(http.request.headers["a"][0]) eq "a"', True),
        ('decode_base64(http.host) eq "a"', True),
        ('concat(http.host, http.request.headers["a"][0]) eq "a"', False),
        ('coalesce(http.request.headers["a"][0]) eq "a"', True),
        ('len(lower(http.request.headers["a"][*])) eq 1', True),
        ("len(lower(http.request.headers.names[*])) eq 1", False),
    ],
)
def test_missing_values_come_from_indexes_and_some_functions(source: str, nullable: bool) -> None:
    assert is_nullable(_left(source)) is nullable


def test_conditions_have_their_types() -> None:
    argument = parse("any((test.flags[*]))", SCHEME).root
    assert isinstance(argument, Quantifier)
    assert isinstance(argument.argument, Truth)

    assert argument.argument.type == BOOLS
    assert argument.type == Bool
    assert Constant(value=True).type == Bool


def test_hex_belongs_to_the_field_and_not_to_what_is_made_of_it() -> None:
    assert _left('cf.tls_client_auth.cert_serial eq "a"').hex
    assert not _left('lower(cf.tls_client_auth.cert_serial) eq "a"').hex
