# SPDX-License-Identifier: Apache-2.0
"""Operators and what may follow them."""

from __future__ import annotations

import pytest

from authz.errors import ExpressionError, TypeCheckError
from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.ast import Operator
from authz.rules.literals import lex_operator
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("text", "operator", "stop"),
    [
        ("in{", Operator.IN, 2),
        ("include", Operator.IN, 2),
        ("<=", Operator.LE, 2),
        ("<", Operator.LT, 1),
        ("&&", Operator.BITWISE_AND, 1),
        ("~", Operator.MATCHES, 1),
        ("strict wildcard", Operator.STRICT_WILDCARD, 15),
        ("strict  wildcard", None, 0),
        ("=", None, 0),
        ("", None, 0),
    ],
)
def test_operators_are_prefixes(text: str, operator: Operator | None, stop: int) -> None:
    assert lex_operator(text, 0, len(text)) == (operator, stop)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("http.host in", "expected { or $ after in, found the end"),
        ('http.host in {"a"', "expected } for this {, found the end"),
        ('http.host in {"a", "b"}', 'expected an item or }, found ","'),
        ("http.request.headers.names[a] eq 1", 'expected an index, found "a"'),
        ("cf.edge.server_port contains 1", '"contains" does not work on a value of type Int'),
        ("ip.src & 1", '"bitwise_and" does not work on a value of type Ip'),
        ("len() eq 1", "len() takes 1 argument, 0 given"),
        ("len(@) eq 1", 'expected an argument, found "@"'),
        ("len(zz:61) eq 1", 'unknown field "zz"'),
    ],
)
def test_what_does_not_fit_is_named(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source, SCHEME)

    assert caught.value.message == message


def test_a_pattern_error_points_into_the_pattern() -> None:
    source = r'http.host matches "a\"é(?=b)"'
    with pytest.raises(ExpressionError) as caught:
        parse(source, SCHEME)

    start, end = caught.value.span
    assert source[start:end] == "(?="


def test_a_pattern_error_without_a_place_points_at_the_whole_pattern() -> None:
    source = 'http.host matches "a{327676}"'
    with pytest.raises(ExpressionError) as caught:
        parse(source, SCHEME)

    start, end = caught.value.span
    assert source[start:end] == '"a{327676}"'


@pytest.mark.parametrize(
    ("argument", "message", "hint"),
    [
        (
            "0x18",
            'expected an argument, found "0x18"',
            "numbers among arguments are not hexadecimal: write 24",
        ),
        ("0x1g", 'unknown field "0x1g"', None),
        ("9223372036854775808", '"9223372036854775808" does not fit into 64 bits', None),
        (
            "08",
            '"08" is not an octal number',
            "a number that starts with 0 is octal; drop the 0 for decimal",
        ),
    ],
)
def test_what_is_wrong_with_a_number_among_arguments_is_said(
    argument: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(f'substring(http.host, {argument}) eq "a"', SCHEME)

    assert caught.value.message == message
    if hint:
        assert caught.value.hint == hint


def test_an_unknown_list_is_an_error_with_the_nearest_name() -> None:
    lists = {"office": compile_list(ListModel(name="office", kind=ListKind.IP, items=()))}
    with pytest.raises(TypeCheckError) as caught:
        parse("ip.src in $ofice", SCHEME, lists)

    assert caught.value.hint == 'did you mean "office"?'


def test_a_managed_list_does_not_exist() -> None:
    with pytest.raises(TypeCheckError) as caught:
        parse("ip.src in $cf.anonymizer", SCHEME)

    assert caught.value.hint == "Cloudflare's managed lists do not exist here"
