# SPDX-License-Identifier: Apache-2.0
"""What hints repeat of an expression, and what they leave out."""

from __future__ import annotations

import pytest

from authz.rules import Array, Bool, Bytes, Int, Ip, Map, Type
from authz.rules.suggestion_text import (
    before_literal,
    left_text,
    member,
    null_hint,
    plain,
    requoted,
    set_text,
)


@pytest.mark.parametrize(
    ("before", "left", "operator"),
    [
        ("http.host == ", "http.host", "=="),
        ("ssl and http.host\n eq", "http.host", "eq"),
        ("not http.host contains ", "http.host", "contains"),
        ('http.request.headers["x"][0] != ', 'http.request.headers["x"][0]', "!="),
        ("any(lower(names[*])[*] matches ", "field", "matches"),
        ("http.host strict wildcard ", "http.host", "strict wildcard"),
        ("http.host in {", "field", ""),
        ('url_decode(http.host, "r") == ', "field", ""),
        (f"{'x' * 100} == ", "field", "=="),
        # The beginning may be cut off.
        (f"{'x' * 400} == ", "field", ""),
        ("", "field", ""),
    ],
)
def test_what_stands_before_a_literal(before: str, left: str, operator: str) -> None:
    assert before_literal(before + "?", len(before)) == (left, operator)


def test_a_left_side_with_control_characters_is_not_repeated() -> None:
    assert left_text('m["\x07"]', 0, 6) == "field"
    assert left_text("ssl", 0, 3) == "ssl"


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a", '"a"'), ("é ü", '"é ü"'), ('a"', None), ("a\\", None), ("a\n", None), ("a" * 81, None)],
)
def test_a_text_is_quoted_where_it_needs_no_escape(text: str, quoted: str | None) -> None:
    assert plain(text) == quoted


@pytest.mark.parametrize(
    ("source", "quoted"),
    [("'a'", '"a"'), ("“a”", '"a"'), ("'a", None), ("'a\\'", None), ("'" + "a" * 90 + "'", None)],
)
def test_wrong_quotes_are_put_right(source: str, quoted: str | None) -> None:
    assert requoted(source, 0, len(source)) == quoted


@pytest.mark.parametrize(
    ("source", "kind", "shown"),
    [
        ('("a", "b")', Bytes, '{"a" "b"}'),
        ("['a' “b” c]", Bytes, '{"a" "b" "c"}'),
        ('"a" or', Bytes, '{"a"}'),
        ('("a", f("b"))', Bytes, None),
        ("()", Bytes, None),
        ("(", Bytes, None),
        ("(" + ", ".join(["a" * 20] * 5) + ")", Bytes, None),
        ("(" + ", ".join(["abc"] * 30) + ")", Bytes, None),
        ("(80,443)", Int, "{80 443}"),
        ("[-1 0 1..2]", Int, "{-1 0 1..2}"),
        ("(07)", Int, None),
        ("(2..1)", Int, None),
        ("(10.0.0.1, ::1)", Ip, "{10.0.0.1 ::1}"),
        ("(x)", Ip, None),
    ],
)
def test_a_set_in_other_brackets(source: str, kind: Type, shown: str | None) -> None:
    assert set_text(source, 0, len(source), kind) == shown


def test_other_types_have_no_sets() -> None:
    assert member("a", Bool) is None


@pytest.mark.parametrize(
    ("left", "kind", "hint"),
    [
        ('m["a"]', Array(Bytes), 'whether a map has a key: not has_key(m, "a")'),
        ("m[0]", Bytes, "there is no null; a comparison with what is missing is false"),
        ("m", Map(Bytes), 'whether a map has a key is has_key(m, "…")'),
        ("a", Array(Int), "whether an array has elements: len(a) eq 0"),
        ("a[*]", Bytes, 'there is no null, only an empty text: field eq ""'),
        ("a", Bytes, 'there is no null, only an empty text: a eq ""'),
        ("a", Bool, "there is no null"),
    ],
)
def test_a_comparison_with_null(left: str, kind: Type, hint: str) -> None:
    assert null_hint(left, kind, negated=False) == hint
