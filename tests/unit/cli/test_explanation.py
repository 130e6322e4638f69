# SPDX-License-Identifier: Apache-2.0
"""Which sub-expression said what."""

from __future__ import annotations

from authz.cli.explanation import explain
from authz.cli.field_values import values_of
from authz.policy.fields import SCHEME
from authz.rules import parse


def lines(expression: str, **fields: object) -> list[str]:
    return list(explain(parse(expression, SCHEME, {}), values_of(fields)).lines())


def test_a_part_that_would_not_be_reached_has_its_value_too() -> None:
    assert lines('ssl and http.host eq "a"', **{"http.host": "a"}) == [
        'false  ssl and http.host eq "a"',
        "  false  ssl",
        '  true   http.host eq "a"',
    ]


def test_conditions_on_every_element_have_no_single_value() -> None:
    assert lines('not any(http.request.headers.names[*] eq "a")') == [
        'true   not any(http.request.headers.names[*] eq "a")',
        '  false  any(http.request.headers.names[*] eq "a")',
        '    each   http.request.headers.names[*] eq "a"',
    ]


def test_the_tree_as_json() -> None:
    tree = explain(parse("not ssl", SCHEME, {}), values_of({}))

    assert tree.as_json() == {
        "expression": "not ssl",
        "value": True,
        "parts": [{"expression": "ssl", "value": False, "parts": []}],
    }
