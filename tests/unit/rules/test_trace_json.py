# SPDX-License-Identifier: Apache-2.0
"""The JSON form of a trace: its keys, and that it is bounded and says what it leaves out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authz.rules import parse
from authz.rules.trace import trace
from authz.rules.trace_json import MAX_BYTES, MAX_ELEMENTS, clipped, is_cut, text_of, trace_json
from tests.factories.schemes import SCHEME, field_values


def of(source: str, **given: Any) -> dict[str, Any]:
    return trace_json(trace(parse(source, SCHEME), field_values(given, SCHEME)))


def test_a_comparison() -> None:
    assert of('http.host eq "a"', **{"http.host": "b"}) == {
        "expression": 'http.host eq "a"',
        "kind": "comparison",
        "type": "Bool",
        "value": False,
        "missing": False,
        "reached": True,
        "operator": "eq",
        "literal": '"a"',
        "operand": "b",
        "parts": [
            {
                "expression": "http.host",
                "kind": "field",
                "type": "Bytes",
                "value": "b",
                "missing": False,
                "reached": True,
                "parts": [],
            }
        ],
    }


def test_the_keys_stand_in_the_order_of_the_documentation() -> None:
    found = of('any(http.request.headers.names[*] eq "a")')["parts"][0]

    assert list(found) == [
        "expression",
        "kind",
        "type",
        "value",
        "missing",
        "reached",
        "operator",
        "literal",
        "elements",
        "parts",
    ]


def test_elements_are_counted_and_the_first_are_shown() -> None:
    names = ["a", "b"] * MAX_ELEMENTS
    found = of('any(http.request.headers.names[*] eq "a")', **{"http.request.headers.names": names})
    elements = found["parts"][0]["elements"]

    assert (elements["number"], elements["true"]) == (20, 10)
    assert elements["first"][:2] == [
        {"at": "[0]", "value": "a", "result": True},
        {"at": "[1]", "value": "b", "result": False},
    ]
    assert len(elements["first"]) == MAX_ELEMENTS


def test_what_is_left_out_of_a_value_is_said() -> None:
    given = {"http.request.headers": {f"h{n:02}": ["v" * 1000] * 30 for n in range(40)}}
    found = of('http.request.headers["h00"][0] eq "a"', **given)
    text, array, whole = (
        found["parts"][0],
        found["parts"][0]["parts"][0],
        found["parts"][0]["parts"][0]["parts"][0],
    )

    assert (text["value"], text["size"]) == ("v" * MAX_BYTES, 1000)
    assert (len(array["value"]), array["size"]) == (MAX_ELEMENTS, 30)
    assert (list(whole["value"]), whole["size"]) == ([f"h{n:02}" for n in range(10)], 40)
    assert "size" not in of("ssl")


def test_a_comparison_that_has_nothing_on_its_left_says_null() -> None:
    found = of('http.request.headers["x"][0] eq "a"')

    assert found["operand"] is None
    assert found["parts"][0]["missing"]


def test_values_of_every_type_are_json() -> None:
    found = of(
        'ip.src eq ::1 or cf.edge.server_port eq 1 or http.host eq "a" or ssl or any(test.flags)',
        **{"ip.src": "::2", "http.host": {"base64": "/w=="} and "\x00é\\"},
    )

    assert [part.get("operand", part["value"]) for part in found["parts"][:4]] == [
        "::2",
        0,
        r"\x00é\\",
        False,
    ]
    json.dumps(found)


@pytest.mark.parametrize(
    ("value", "most", "text"),
    [
        (b"abc", 2, "ab"),
        ("aé".encode(), 2, "a"),
        ("a😀".encode(), 4, "a"),
        ("a😀".encode(), 5, "a😀"),
        (b"\xff\xfe\xfd", 2, r"\xff\xfe"),
        (b"", 2, ""),
        (b'"\\', 2, '\\"\\\\'),
    ],
)
def test_no_character_is_cut_in_two(value: bytes, most: int, text: str) -> None:
    assert text_of(value, most) == text
    assert value.startswith(clipped(value, most))


def test_what_counts_as_cut() -> None:
    long = b"x" * (MAX_BYTES + 1)

    assert [is_cut(one) for one in (long, (long,), {b"k": long}, {long: b""}, (b"",) * 11)] == [
        True
    ] * 5
    assert not any(is_cut(one) for one in (b"x", (b"x",), {b"k": (b"x",)}, 5, True, None))
