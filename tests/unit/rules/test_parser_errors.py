# SPDX-License-Identifier: Apache-2.0
"""Names that are unknown, refused, or from another phase; what is left over."""

from __future__ import annotations

import pytest

from authz.errors import ExpressionError
from authz.rules import parse
from tests.factories.schemes import SCHEME


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('http.hots eq "a"', 'unknown field "http.hots"'),
        ('lowwer(http.host) eq "a"', 'unknown function "lowwer"'),
        (
            "cf.bot_management.score gt 1",
            'the field "cf.bot_management.score" does not exist here: there is no bot score here',
        ),
        (
            "sha256(http.host) eq 61:62",
            "sha256() is not available in custom rules, only in header transform rules",
        ),
        ("any(ssl == 1)", 'expected ")", found "=="'),
        ("any((test.flags) 1)", 'expected ")", found "1"'),
        ("(ssl ssl)", 'expected ")", found "ssl"'),
        ("http.host eq ;", 'expected a quoted text, found ";"'),
        ("len(6) eq 1", "len() takes Bytes or Array as value, this is Int"),
        ("len(6:6) eq 1", 'unknown field "6"'),
        ("len(-) eq 1", 'expected an argument, found "-"'),
        ("ssl ssl", 'unexpected "ssl" after the end of the expression'),
        ("len http.host", 'expected "(", found "http.host"'),
        ("ssl and )", 'expected a field or a function, found ")"'),
        ('http.request.headers eq "a"', '"eq" does not work on a value of type Map(Array(Bytes))'),
    ],
)
def test_the_message_states_what_is_wrong(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source, SCHEME)

    assert caught.value.message == message


def test_the_carets_stand_under_the_name() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse('ssl and\nhttp.hots eq "a"', SCHEME)

    assert caught.value.render().splitlines() == [
        'expression:2:1: unknown field "http.hots"',
        '  http.hots eq "a"',
        "  ^^^^^^^^^",
        'hint: did you mean "http.host"?',
    ]
