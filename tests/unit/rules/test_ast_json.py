# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.policy.fields import SCHEME
from authz.rules import ListKind, ListModel, compile_list, parse
from authz.rules.ast_json import ast_json

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTS = {"offices": compile_list(ListModel(name="offices", kind=ListKind.IP))}


def _tree(source: str) -> dict[str, Any]:
    tree = ast_json(parse(source, SCHEME, LISTS))
    json.dumps(tree)
    return tree


def test_a_comparison_has_both_sides_with_their_places() -> None:
    assert _tree('http.host  eq "a"') == {
        "kind": "comparison",
        "expression": 'http.host eq "a"',
        "type": "Bool",
        "span": [0, 17],
        "operator": "eq",
        "left": {
            "kind": "field",
            "expression": "http.host",
            "type": "Bytes",
            "span": [0, 9],
            "field": "http.host",
            "indexes": [],
        },
        "right": {"kind": "literal", "expression": '"a"', "span": [14, 17], "value": "a"},
    }


def test_conditions_are_made_of_conditions() -> None:
    tree = _tree("ssl or not (ssl xor ssl)")

    assert tree["kind"] == "or"
    test, negated = tree["operands"]
    assert (test["kind"], test["operand"]["field"]) == ("test", "ssl")
    assert (negated["kind"], negated["operand"]["kind"]) == ("not", "xor")
    assert _tree("true")["value"] is True


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("ip.src eq 10.0.0.1", {"kind": "literal", "value": "10.0.0.1"}),
        ("ip.src in {10.0.0.0/8}", {"items": [{"first": "10.0.0.0", "last": "10.255.255.255"}]}),
        ("ip.src in {::1}", {"kind": "set", "items": ["::1"]}),
        ("ip.src in $offices", {"kind": "list", "list": "offices"}),
        (
            "cf.edge.server_port in {443 8000..9000}",
            {"items": [443, {"first": 8000, "last": 9000}]},
        ),
        ('http.host in {"a" "b"}', {"items": ["a", "b"]}),
        ('http.host matches "a.b"', {"kind": "regex", "value": "a.b"}),
        ('http.host wildcard "*.b"', {"kind": "wildcard", "value": "*.b"}),
        (r'http.host eq "\xff\\"', {"kind": "literal", "value": r"\xff\\"}),
    ],
)
def test_right_sides(right: str, expected: dict[str, Any]) -> None:
    found = _tree(right)["right"]

    assert found | expected == found


def test_calls_indexes_and_quantifiers() -> None:
    tree = _tree(
        'any(lower(http.request.headers["x"][*])[*] eq "b") and http.request.headers["x"][0] eq "c"'
    )
    quantified, compared = tree["operands"]

    assert quantified["kind"] == "any"
    call = quantified["argument"]["left"]
    assert (call["kind"], call["function"], call["indexes"]) == ("call", "lower", ["*"])
    (argument,) = call["arguments"]
    assert (argument["field"], argument["indexes"]) == ("http.request.headers", [{"key": "x"}, "*"])
    assert compared["left"]["indexes"] == [{"key": "x"}, 0]
    substring = _tree('substring(http.host, 0, 1) eq "a"')["left"]["arguments"]
    assert [one["kind"] for one in substring] == ["field", "literal", "literal"]
    assert _tree("any(http.request.jwt.claims.iat.sec.values[*] in {1})")["kind"] == "any"


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if "expression" in tree:
            yield tree
        for value in tree.values():
            yield from _parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _parts(value)


def test_every_place_is_that_of_its_text() -> None:
    """Written canonically, so that the text of a part is what stands at its place."""
    source = 'http.host eq "a" and not (ssl or ip.src in {10.0.0.1}) and lower(http.host) ne "b"'

    for part in _parts(_tree(source)):
        start, end = part["span"]
        # Parentheses belong to the place and not to the text.
        assert part["expression"] in (source[start:end], source[start + 1 : end - 1])
