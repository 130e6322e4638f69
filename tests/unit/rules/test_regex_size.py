# SPDX-License-Identifier: Apache-2.0
"""How large patterns become, told from their text, and what is too large in one expression."""

from __future__ import annotations

import pytest

from authz.errors import TypeCheckError
from authz.rules import MAX_REGEX_BYTES, Bytes, Field, Scheme, parse, regex_bytes_of
from authz.rules.regex_size import ENOUGH, compiled_bytes

SCHEME = Scheme(fields={"http.host": Field("http.host", Bytes)})
MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    # Kilobytes of resident memory as measured, one process for each.
    ("pattern", "measured"),
    [
        ("abc", 10),
        ("^/api/v[0-9]+/(users|groups)/[a-z]{1,64}", 15),
        (r"\w{1000}", 154),
        (r"\w{60000}", 9490),
        ("a{50000}", 2641),
        (".{30000}", 3732),
        ("(a|b|c|d){10000}", 1480),
        ("[a-z0-9_-]{30000}", 4740),
        ("((a?){10}){1000}", 1145),
        ("(a+b+){3000}", 1439),
        ("(?i)abcdefghij", 98),
        ("(?i)(select|union|insert|delete|drop|update|exec)", 236),
        ("(?i)(ab|cd|efg){3000}", 3012),
        ("(?i)a{30000}", 3774),
        (r"(?u)\w{50}", 3500),
        (r"(?u)\p{L}{100}", 6969),
        (r"(?u).{1000}", 1276),
        (r"(?u)[^\w\d]{50}", 3297),
        ("(?u)(?i)straße", 468),
    ],
)
def test_the_size_told_is_an_upper_bound(pattern: str, measured: int) -> None:
    assert measured * 1000 <= compiled_bytes(pattern) <= 15 * MEGABYTE


def test_ordinary_patterns_are_small() -> None:
    assert compiled_bytes("^/api/v[0-9]+/users/[^/]+$") < 20_000


def test_where_comments_may_hide_brackets_the_worst_is_assumed() -> None:
    assert compiled_bytes("(?x)(a{100} # )\n){100}") > 14 * MEGABYTE
    assert compiled_bytes("(?x) a # b") < 20_000


def test_patterns_of_an_expression_are_bounded_together() -> None:
    large = r'http.host ~ r"\w{60000}"'
    parse(" or ".join([large] * 2), SCHEME)

    with pytest.raises(TypeCheckError) as caught:
        parse(" or ".join([large] * 3), SCHEME)

    assert caught.value.message == (
        "the regular expressions of the expression take more than 32 MB, compiled"
    )
    assert caught.value.span == (2 * len(f"{large} or "), 3 * len(large) + 8)
    assert caught.value.hint is not None


def test_patterns_are_found_in_the_text_of_expressions() -> None:
    one = regex_bytes_of(['http.host ~ "a"'])
    assert one == compiled_bytes("a")
    assert regex_bytes_of(["http.host matches\n r#\"a\"# or http.host ~'a'"]) == one
    assert regex_bytes_of(['http.host ~ "a" and http.host ~ "a"']) == 2 * one
    # The same expression is compiled once.
    assert regex_bytes_of(['http.host ~ "a"'] * 3) == one
    assert regex_bytes_of(["ssl", 'http.host eq "a~" or ssl']) < MEGABYTE
    assert regex_bytes_of(["ssl", 'http.host eq "~a"']) == 0


def test_a_pattern_is_found_behind_texts_that_look_like_one() -> None:
    hidden = 'http.host eq "~" or http.host ~ r"\\w{60000}"'
    assert regex_bytes_of([hidden]) > compiled_bytes(r"\w{60000}")
    assert regex_bytes_of(['http.host eq r"~r##" or http.host ~ r"\\w{60000}"']) > 9 * MEGABYTE


def test_looking_for_patterns_is_bounded() -> None:
    assert regex_bytes_of([r'http.host ~ "\w{60000}" # ' + str(i) for i in range(900)]) < 2 * ENOUGH
    # Every one of these may be where a pattern begins that does not end.
    assert regex_bytes_of(['ssl and "' + '~"[' * 1000]) > MAX_REGEX_BYTES
    assert 0 < regex_bytes_of(['http.host contains "/~"']) < MEGABYTE
    assert regex_bytes_of(["~" * 70_000]) == 0
