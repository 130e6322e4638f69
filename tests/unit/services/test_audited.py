# SPDX-License-Identifier: Apache-2.0
"""What rows of the audit log have of rules and items: whole, in a bounded row."""

from __future__ import annotations

import hashlib
from typing import Any

from authz.services.audited import ItemsOfLists, Told, facts_of_change, told_item


def _rule(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "ref": name, "action": "block", **changes}


def test_everything_is_told_where_there_is_room() -> None:
    assert Told().all_of("values", iter(["a", "b"])) == {"values": ["a", "b"]}
    assert Told().all_of("values", []) == {"values": []}


def test_what_has_no_room_is_counted_and_the_digest_is_of_all() -> None:
    told = Told(12)

    found = told.all_of("values", ["a" * 50, "b", "é", "d" * 9])

    assert found == {
        "values": ["b", "é"],
        "values_left_out": 2,
        "values_sha256": hashlib.sha256(
            "".join(f'"{one}"\n' for one in ("a" * 50, "b", "é", "d" * 9)).encode()
        ).hexdigest(),
    }
    # What was told before is of the same row.
    assert told.all_of("more", ["cc"])["more_left_out"] == 1


def test_rules_are_told_as_they_were_and_as_they_are() -> None:
    then, now = facts_of_change(
        [_rule("a"), _rule("b"), _rule("c")],
        [_rule("a"), _rule("b", action="log"), _rule("d")],
        Told(),
        Told(),
    )

    assert then == {"definitions": [_rule("b"), _rule("c")]}
    assert now == {"definitions": [_rule("b", action="log"), _rule("d")]}


def test_another_order_is_told() -> None:
    a, b, new = _rule("a"), _rule("b"), _rule("new")

    assert facts_of_change([a, b], [b, a], Told(), Told()) == (
        {"order": ["a", "b"]},
        {"order": ["b", "a"]},
    )
    assert facts_of_change([a, b], [new, a, b], Told(), Told()) == (
        {"order": ["a", "b"]},
        {"definitions": [new], "order": ["new", "a", "b"]},
    )
    assert facts_of_change([a, b], [b], Told(), Told()) == ({"definitions": [a]}, {})


def test_items_of_lists_are_told_by_the_lists_names() -> None:
    items = ItemsOfLists()
    items.changed("one", ("a", "b"), ("b", "c"))
    items.changed("same", ("a",), ("a",))
    items.changed("gone", ("a",), ())

    assert items.facts(Told(), Told()) == (
        {"items": {"one": {"values": ["a"]}, "gone": {"values": ["a"]}}},
        {"items": {"one": {"values": ["c"]}}},
    )
    assert ItemsOfLists().facts(Told(), Told()) == ({}, {})


def test_an_item_is_its_value_and_what_else_it_has() -> None:
    assert told_item(("a", "", None)) == {"value": "a"}
    assert told_item(("*.a", "c", False)) == {
        "value": "*.a",
        "comment": "c",
        "exclude_exact": False,
    }
