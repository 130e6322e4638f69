# SPDX-License-Identifier: Apache-2.0
"""The tree of a trace as a person reads it."""

from __future__ import annotations

from typing import Any

from authz.cli.explanation import lines
from authz.policy.fields import SCHEME
from authz.rules import parse
from authz.rules.trace import trace
from authz.sources.field_values import values_of


def shown(expression: str, **fields: Any) -> list[str]:
    return list(lines(trace(parse(expression, SCHEME, {}), values_of(fields))))


def test_a_comparison_says_what_it_has_on_its_left() -> None:
    assert shown('http.host eq "a"', **{"http.host": "b"}) == [
        'false  http.host eq "a"  (it is "b")'
    ]


def test_a_part_that_is_not_reached_has_its_value_and_is_marked_once() -> None:
    assert shown('ssl and not (http.host eq "a" and ssl)', **{"http.host": "a"}) == [
        'false  ssl and not (http.host eq "a" and ssl)',
        "  false  ssl",
        '  true   not (http.host eq "a" and ssl)  (not reached)',
        '    false  http.host eq "a" and ssl',
        '      true   http.host eq "a"  (it is "a")',
        "      false  ssl",
    ]


def test_elements_calls_and_indexes() -> None:
    given = {"http.request.headers": {"x": ["A", "b"]}}

    assert shown('any(lower(http.request.headers["x"][*])[*] eq "b")', **given) == [
        'true   any(lower(http.request.headers["x"][*])[*] eq "b")',
        '  each   lower(http.request.headers["x"][*])[*] eq "b"  (1 of 2 true)',
        '    false  [0]  "a"',
        '    true   [1]  "b"',
        '    ["a", "b"]  lower(http.request.headers["x"][*])',
        '      [0]  "A" -> "a"',
        '      [1]  "b" -> "b"',
        '      ["A", "b"]  http.request.headers["x"]',
        '        {"x": ["A", "b"]}  http.request.headers',
    ]


def test_what_is_missing_says_so() -> None:
    assert shown('http.request.headers["x"][0] ne "b"') == [
        'false  http.request.headers["x"][0] ne "b"  (it is missing)',
        '  missing  http.request.headers["x"][0]',
        '    missing  http.request.headers["x"]',
        "      {}     http.request.headers",
    ]


def test_rows_of_conditions_and_results_that_are_left_out() -> None:
    given = {"http.request.headers.names": ["!"]}

    assert shown('any((not decode_base64(http.request.headers.names[*])[*] eq "a"))', **given) == [
        'false  any(not decode_base64(http.request.headers.names[*])[*] eq "a")',
        '  each   not decode_base64(http.request.headers.names[*])[*] eq "a"  (0 of 0 true)',
        '    each   decode_base64(http.request.headers.names[*])[*] eq "a"  (0 of 0 true)',
        "      []     decode_base64(http.request.headers.names[*])",
        '        [0]  "!" gives nothing',
        '        ["!"]  http.request.headers.names',
    ]


def test_many_elements_are_counted() -> None:
    given = {"http.request.headers.names": ["a", "b", "b"] * 7}
    found = shown('any(http.request.headers.names[*] eq "a")', **given)
    call = shown('any(starts_with(http.request.headers.names[*], "a"))', **given)

    assert found[1] == '  each   http.request.headers.names[*] eq "a"  (7 of 21 true)'
    assert found[-1] == "    and 11 more, 3 of them true"
    assert "    and 11 more" in call
