# SPDX-License-Identifier: Apache-2.0
"""The reference evaluator where the vectors do not reach: types that no product field has."""

from __future__ import annotations

from typing import Any

import pytest

from authz.rules import compile_expression, evaluate, parse
from tests.factories.schemes import SCHEME, field_values

CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("any(test.flags)", {"test.flags": [False, True]}, True),
    ("all(test.flags)", {"test.flags": []}, True),
    ('all(test.flag_lists["gone"])', {}, False),
    ('all((test.flag_lists["gone"]))', {}, True),
    ('any(test.flag_lists["gone"])', {}, False),
    ('any(test.flag_lists["a"])', {"test.flag_lists": {"a": [True]}}, True),
    ('test.flag_map["gone"]', {}, False),
    ('not test.flag_map["gone"]', {}, True),
    ('test.flag_map["a"]', {"test.flag_map": {"a": True}}, True),
    ("any((test.flag_map[*]))", {"test.flag_map": {"a": True}}, True),
    ("any((test.flags xor test.flags))", {"test.flags": [True]}, False),
    ("all((not test.flags or test.flags))", {"test.flags": [True, False]}, True),
    ("all((test.flags and not test.flags))", {"test.flags": [True]}, False),
    ("ssl xor ssl xor ssl", {"ssl": True}, True),
    ("any(test.numbers[*] in {1..3 7..9})", {"test.numbers": [5, 8]}, True),
    ("any(test.numbers[*] in {1..3 3..5 9})", {"test.numbers": [6]}, False),
    ("any(test.numbers[*] in {1..5})", {"test.numbers": [5]}, True),
    ("any(test.numbers[*] eq 5)", {"test.numbers": [5]}, True),
    ("any(test.number_map[*] eq 5)", {"test.number_map": {"a": 5}}, True),
    ('test.number_map["a"] in {1..5}', {"test.number_map": {"a": 5}}, True),
    ('test.number_map["a"] & 4', {"test.number_map": {"a": 5}}, True),
    ('test.number_map["gone"] & 4', {}, False),
    ('test.number_map["gone"] ge 0', {}, False),
    ("test.addresses[0] in {10.0.0.0/8 ::/0}", {"test.addresses": ["::1"]}, True),
    ("test.addresses[0] in {10.0.0.0/8}", {}, False),
    ("test.addresses[0] ne 10.0.0.1", {}, False),
    ("any(cidr(test.addresses[*], 8, 8)[*] eq 10.0.0.0)", {"test.addresses": ["10.1.1.1"]}, True),
    (
        'any(http.request.body.multipart.names[*][*] eq "b")',
        {"http.request.body.multipart.names": [["a"], ["b"]]},
        True,
    ),
    (
        'any(lower(http.request.body.multipart.names[*][1])[*] eq "b")',
        {"http.request.body.multipart.names": [["a"], ["a", "B"]]},
        True,
    ),
    (
        'any(lower(lower(http.request.headers["a"][*])[*])[*] eq "x")',
        {"http.request.headers": {"a": ["X"]}},
        True,
    ),
    ('any(lower(lower(http.request.headers["gone"][*])[*])[*] eq "x")', {}, False),
    (
        'len(concat(http.request.headers["a"][*], http.request.headers["b"][0])) eq 1',
        {"http.request.headers": {"a": ["x"]}},
        True,
    ),
    (
        'len(starts_with(http.request.headers["a"][*], http.request.headers["b"][0])) eq 0',
        {"http.request.headers": {"a": ["x"]}},
        True,
    ),
    ('test.hex_list[0] ne "ab"', {"test.hex_list": ["AB"]}, False),
    ('test.hex_list[0] ne "ab"', {}, False),
    ('test.hex_list[0] in {"ab" "cd"}', {"test.hex_list": ["CD"]}, True),
    ('http.request.headers["a"][0] contains "x"', {"http.request.headers": {"a": ["axb"]}}, True),
    ('http.request.headers["a"][1] matches "x"', {"http.request.headers": {"a": ["x"]}}, False),
    ('http.request.headers["a"][1] wildcard "X"', {"http.request.headers": {"a": ["", "x"]}}, True),
    ('http.request.headers.names[1] lt "b"', {"http.request.headers.names": ["b", "a"]}, True),
    ('coalesce(test.flag_map["gone"], http.host eq "a")', {"http.host": "a"}, True),
    (
        'any(has_value(test.flag_lists[*], test.number_map["a"] ge 1))',
        {"test.flag_lists": {"x": [False]}},
        True,
    ),
    ("ip.src le 10.0.0.1", {"ip.src": "10.0.0.1"}, True),
    ("ip.src lt 10.0.0.1", {"ip.src": "10.0.0.1"}, False),
    ("ip.src gt 10.0.0.1", {"ip.src": "10.0.0.2"}, True),
    ("ip.src ge 10.0.0.1", {"ip.src": "10.0.0.0"}, False),
    ("ip.src ne 10.0.0.1", {"ip.src": "10.0.0.1"}, False),
    ('decode_base64(http.cookie) ne "a"', {"http.cookie": "A"}, False),
    ("len((test.flags or test.flags)) eq 2", {"test.flags": [True, False]}, True),
    ('len(coalesce(test.flag_lists["gone"], test.flags)) eq 1', {"test.flags": [True]}, True),
]


@pytest.mark.parametrize(("source", "given", "verdict"), CASES)
def test_both_evaluators_give_the_verdict(
    source: str, given: dict[str, Any], verdict: bool
) -> None:
    expression = parse(source, SCHEME)
    values = field_values(given)

    assert evaluate(expression, values) is verdict
    assert compile_expression(expression).matches(values) is verdict
