# SPDX-License-Identifier: Apache-2.0
"""The round trip of every expression is in tests/properties/test_rows_properties.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from authz.errors import InvalidInputError
from authz.rules.rows import MAX_GROUPS, MAX_ROWS
from authz.services.expression_rows import rows_from, rows_object
from tests.factories.rows import rows, sketch

ROW = {"kind": "row", "field": "ssl", "operator": "is true"}
LITERAL = {"type": "Int", "text": "1"}


def _group(*items: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "group", "logic": "and", "rows": list(items), **more}


def test_rows_are_json() -> None:
    source = 'not any(lower(http.request.headers["x-team"][*])[*] eq "core") and ip.src in $offices'

    found = rows_object(rows(source))

    assert found == {
        "kind": "group",
        "logic": "and",
        "rows": [
            {
                "kind": "row",
                "field": "http.request.headers",
                "indexes": [{"key": "x-team", "escaped": False}, "*"],
                "functions": [{"name": "lower", "arguments": [], "indexes": ["*"]}],
                "operator": "eq",
                "literals": [{"type": "Bytes", "text": "core", "escaped": False}],
                "list": None,
                "negated": True,
                "quantity": "any",
            },
            {
                "kind": "row",
                "field": "ip.src",
                "indexes": [],
                "functions": [],
                "operator": "in list",
                "literals": [],
                "list": "offices",
                "negated": False,
                "quantity": None,
            },
        ],
        "negated": False,
        "quantity": None,
    }
    assert rows_from(json.loads(json.dumps(found))) == rows(source)


def test_what_nobody_has_filled_in_yet() -> None:
    given = _group(
        {"kind": "row", "field": None, "operator": "eq"},
        ROW | {"field": "http.request.headers", "indexes": [None, 0]},
        ROW | {"field": "http.request.headers", "indexes": [{"key": None}, "*"]},
    )

    found = rows_from(given)

    assert [row["field"] for row in rows_object(found)["rows"]] == [None] + [
        "http.request.headers"
    ] * 2
    assert [row["indexes"] for row in rows_object(found)["rows"]] == [[], [None, 0], [None, "*"]]


def test_a_key_that_no_input_can_hold_has_escapes() -> None:
    found = rows_object(rows('http.request.headers["a\\x0a"][0] eq "b"'))

    (row,) = found["rows"]
    assert row["indexes"] == [{"key": "a\\x0a", "escaped": True}, 0]
    assert sketch(rows_from(found)) == "and[http.request.headers[a\n][0] eq «b»]"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "rows is not an object with the key kind"),
        (ROW, "rows is not a group"),
        (_group({"kind": "other"}), 'rows.rows[0].kind is not "group" or "row"'),
        (_group() | {"logic": "nor"}, "rows.logic is not one of or, xor, and"),
        (_group() | {"logic": []}, "rows.logic is not one of"),
        (_group() | {"rows": {}}, "rows.rows is not an array"),
        (_group() | {"negated": 1}, "rows.negated is not true or false"),
        (_group() | {"quantity": "some"}, "rows.quantity is not one of any, all"),
        (_group(ROW | {"operator": "like"}), "rows.rows[0].operator is not one of"),
        (_group(ROW | {"field": 1}), "rows.rows[0].field is not a text"),
        (_group(ROW | {"field": "\ud800"}), "rows.rows[0].field is not Unicode text"),
        (_group(ROW | {"list": 1}), "rows.rows[0].list is not a text"),
        (_group(ROW | {"literals": [1]}), "rows.rows[0].literals[0] is not an object with the key"),
        (_group(ROW | {"literals": [{"type": "Bool"}]}), "literals[0].type is not one of Bytes"),
        (
            _group(ROW | {"literals": [{"type": "Int", "text": 1}]}),
            "literals[0].text is not a text",
        ),
        (_group(ROW | {"literals": [1] * 2049}), "literals has more than 2048 items"),
        (_group(*[ROW | {"literals": [LITERAL] * 1025}] * 2), "more than 2048 values"),
        (_group(ROW | {"indexes": ["*"] * 65}), "indexes has more than 64 items"),
        (_group(ROW | {"indexes": [-1]}), "rows.rows[0].indexes[0] is not a position up to"),
        (_group(ROW | {"indexes": [True]}), "rows.rows[0].indexes[0] is not a position up to"),
        (_group(ROW | {"indexes": [{"key": 1}]}), "rows.rows[0].indexes[0].key is not a text"),
        (
            _group(ROW | {"indexes": [{"key": "\\q", "escaped": True}]}),
            "rows.rows[0].indexes[0].key: unknown escape",
        ),
        (_group(ROW | {"functions": [{}]}), "functions[0] is not an object with the key name"),
        (_group(*[ROW] * (MAX_ROWS + 1)), f"more than {MAX_ROWS} conditions"),
        (_group(*[_group()] * MAX_ROWS), f"more than {MAX_ROWS} conditions"),
        (_group(_group(*[ROW] * MAX_ROWS), ROW), f"more than {MAX_ROWS} conditions"),
    ],
)
def test_what_is_of_another_shape(given: Any, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rows_from(given)

    assert words in caught.value.message


def test_groups_in_too_many_groups() -> None:
    given = _group(ROW)
    for _ in range(MAX_GROUPS - 1):
        given = _group(given)

    assert rows_from(given)
    with pytest.raises(InvalidInputError, match=f"more than {MAX_GROUPS} groups"):
        rows_from(_group(given))
