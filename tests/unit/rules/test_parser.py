# SPDX-License-Identifier: Apache-2.0
"""Grouping, limits and the tree; verdicts are in tests/vectors/rules."""

from __future__ import annotations

import pytest

from authz.errors import ParseError, TypeCheckError
from authz.rules import (
    MAX_LENGTH,
    MAX_NESTING,
    MAX_REGEXES,
    MAX_SOURCE,
    format_expression,
    parse,
)
from authz.rules.ast import Combination, Logic, Not
from tests.factories.schemes import SCHEME


def test_runs_of_one_operator_are_one_node() -> None:
    root = parse("ssl and ssl and ssl or ssl", SCHEME).root

    assert isinstance(root, Combination)
    assert root.logic is Logic.OR
    assert isinstance(root.operands[0], Combination)
    assert len(root.operands[0].operands) == 3


def test_parentheses_keep_runs_apart() -> None:
    assert parse("(ssl or ssl) or ssl", SCHEME) != parse("ssl or ssl or ssl", SCHEME)
    assert parse("((ssl))", SCHEME) == parse("ssl", SCHEME)


def test_notations_are_equal_trees() -> None:
    assert parse('! ssl && http.host == "a"', SCHEME) == parse(
        'not ssl and http.host eq "a"', SCHEME
    )


def test_spans_point_at_the_source() -> None:
    source = ' ssl and not http.host eq "a" '
    root = parse(source, SCHEME).root

    assert isinstance(root, Combination)
    negation = root.operands[1]
    assert isinstance(negation, Not)
    assert source[slice(*negation.span)] == 'not http.host eq "a"'
    assert source[slice(*negation.operand.span)] == 'http.host eq "a"'


def test_the_fields_are_those_that_are_read() -> None:
    source = 'ssl or any(lower(http.request.headers["a"][*])[*] eq "x")'

    assert parse(source, SCHEME).fields == {"ssl", "http.request.headers"}


def test_the_length_is_counted_without_the_layout() -> None:
    name = "x" * (MAX_LENGTH - len('http.host eq ""'))

    parse(f'\n\t http.host \r\n  eq  "{name}" ', SCHEME)
    with pytest.raises(TypeCheckError, match="4097 characters, 4096 are allowed"):
        parse(f'http.host  eq "{name}y"', SCHEME)


def test_what_is_too_long_begins_behind_the_last_character_allowed() -> None:
    blank = " " * 9
    with pytest.raises(TypeCheckError) as caught:
        parse(f'http.host{blank}eq "{"x" * MAX_LENGTH}"{blank}or ssl', SCHEME)

    assert caught.value.span[0] == MAX_LENGTH + len(blank) - 1


@pytest.mark.parametrize(
    "pattern",
    [
        # A quote in a class, behind an escape in it, in the second class, and no quote.
        '"[" {}]"',
        '"[\\]" {}]"',
        '"[a]["{}]"',
        '"a\\"{}["]"',
        '"{}"',
        'r#"["{}]"#',
    ],
)
def test_the_space_in_a_pattern_counts_and_that_around_it_does_not(pattern: str) -> None:
    blank = " \n" * 9
    short = f'http.host matches {pattern.format("")} or http.host ~ "["]" or ssl'
    spaces = " " * (MAX_LENGTH - len(short))

    source = f'http.host matches{blank}{pattern} or{blank}http.host ~ "["]" or{blank}ssl'
    parse(source.format(spaces), SCHEME)
    with pytest.raises(TypeCheckError, match="4097 characters, 4096 are allowed"):
        parse(source.format(spaces + " "), SCHEME)


def test_a_source_is_bounded_with_its_layout_before_it_is_looked_at() -> None:
    most = "ssl" + " " * (MAX_SOURCE - 3)

    parse(most, SCHEME)
    with pytest.raises(TypeCheckError, match="65537 characters with all its white space") as caught:
        parse(f"{most[:-1]}\ud800 ", SCHEME)
    assert caught.value.span == (MAX_SOURCE, MAX_SOURCE + 1)
    assert caught.value.hint == "take out white space, or put long sets into lists"


def test_regexes_are_counted() -> None:
    most = " or ".join(['http.host ~ "a"'] * MAX_REGEXES)

    assert parse(most, SCHEME).regexes == MAX_REGEXES
    with pytest.raises(TypeCheckError, match="more than 64 regular expressions"):
        parse(f'{most} or http.host matches "b"', SCHEME)


@pytest.mark.parametrize("opening", ["(", "not ", "!", "any(", "lower(", "any(not(", "not not("])
def test_nesting_is_limited_whatever_nests(opening: str) -> None:
    with pytest.raises((TypeCheckError, ParseError), match=f"more than {MAX_NESTING} levels deep"):
        parse(opening * (MAX_NESTING + 1), SCHEME)


def test_the_deepest_call_fits_under_half_the_default_recursion_limit() -> None:
    source = "lower(" * MAX_NESTING + "http.host" + ")" * MAX_NESTING + ' eq "a"'

    def deep(frames: int) -> object:
        return parse(source, SCHEME) if frames == 0 else deep(frames - 1)

    deep(450)


def test_siblings_do_not_add_to_the_nesting() -> None:
    branch = "(" * MAX_NESTING + "ssl" + ")" * MAX_NESTING

    assert format_expression(parse(f"{branch} and {branch}", SCHEME)) == "ssl and ssl"


@pytest.mark.parametrize("source", ["", " ", "\t\n"])
def test_nothing_is_no_expression(source: str) -> None:
    with pytest.raises(ParseError, match="the expression is empty"):
        parse(source, SCHEME)


def test_half_a_surrogate_is_no_text() -> None:
    with pytest.raises(ParseError) as caught:
        parse('http.host eq "\ud800"', SCHEME)

    assert caught.value.span == (14, 15)
