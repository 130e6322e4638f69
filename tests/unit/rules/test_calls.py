# SPDX-License-Identifier: Apache-2.0
"""Number, kind and type of arguments; where [*] may stand."""

from __future__ import annotations

import pytest

from authz.errors import TypeCheckError
from authz.rules import Array, Bool, parse
from authz.rules.ast import Call, Quantifier
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('lower() eq "a"', "lower() takes 1 argument, 0 given"),
        ('lower(http.host, http.host) eq "a"', "lower() takes 1 argument, 2 given"),
        ('substring(http.host) eq "a"', "substring() takes 2 to 3 arguments, 1 given"),
        ('concat("a") eq "a"', "concat() takes at least 2 arguments, 1 given"),
        ('coalesce() eq "a"', "coalesce() takes at least 1 argument, 0 given"),
        ('lower(ssl) eq "a"', "lower() takes Bytes as text, this is Bool"),
        ('lower((http.host eq "a")) eq "a"', "lower() takes Bytes as text, this is Bool"),
        ("len(http.request.headers) eq 1", "len() takes Bytes or Array as value, this is Map"),
        ('ends_with("a", "a")', "ends_with() takes a field or a function call as source"),
        ("cidr(ip.src, len(http.host), 1) eq 1.1.1.1", "cidr() takes a literal as IPv4 bits"),
        ("cidr(ip.src, 0, 1) eq 1.1.1.1", "network bits must be from 1 to 32"),
        ('concat("a", 1) eq "a"', "concat() takes Bytes or Array as concatenated value"),
        ("concat(test.flags, test.numbers)[0]", "concat joins values of one type"),
        ("has_value(http.request.headers, http.host)", "has_value looks for Array(Bytes)"),
        ('concat("a", http.request.headers.names[*])[0] eq "a"', "only the first argument"),
    ],
)
def test_a_wrong_call_is_a_type_error(source: str, message: str) -> None:
    with pytest.raises(TypeCheckError) as caught:
        parse(source, SCHEME)

    assert message in caught.value.message


def test_a_call_over_a_mapped_argument_gives_an_array() -> None:
    root = parse('any(starts_with(http.request.headers.names[*], "a"))', SCHEME).root

    assert isinstance(root, Quantifier)
    base = getattr(root.argument, "base", None)
    assert isinstance(base, Call)
    assert base.mapped
    assert base.type == Array(Bool)


def test_a_condition_may_be_an_argument() -> None:
    parse('coalesce((http.host eq "a"), ssl)', SCHEME)
    parse("len((test.flags or test.flags)) eq 1", SCHEME)
