# SPDX-License-Identifier: Apache-2.0
"""What an entry changed, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from authz.dashboard.audit_diff import MOST_ROWS, MOST_SHOWN, Kind, Shown, compare, visible
from tests.factories.hostile import HOSTILE


def _text(shown: Shown | None) -> str | None:
    return None if shown is None else "".join(text for text, _ in shown.parts)


def _said(before: Any, after: Any) -> list[tuple[str, str, str | None, str | None]]:
    rows = compare(before, after).changes
    return [(row.path, row.kind.value, _text(row.before), _text(row.after)) for row in rows]


def test_fields_are_added_removed_and_changed() -> None:
    assert _said({"a": "x", "b": 1, "c": None}, {"a": "y", "c": None, "d": {"e": True}}) == [
        ("a", "changed", "x", "y"),
        ("b", "removed", "1", None),
        ("d.e", "added", None, "true"),
    ]


@pytest.mark.parametrize(("before", "after"), [(None, {"a": "x"}), ({}, {"a": "x"})])
def test_what_is_new_was_not_there(before: Any, after: Any) -> None:
    assert _said(before, after) == [("a", "added", None, "x")]
    assert _said(after, before) == [("a", "removed", "x", None)]


def test_nothing_becomes_nothing() -> None:
    comparison = compare(None, None)

    assert (comparison.changes, comparison.same, comparison.left_out) == ((), (), 0)


def test_what_stayed_is_apart() -> None:
    comparison = compare({"a": [], "b": ""}, {"a": [], "b": ""})

    assert comparison.changes == ()
    assert [(row.path, row.kind, _text(row.after)) for row in comparison.same] == [
        ("a", Kind.SAME, "[]"),
        ("b", Kind.SAME, '""'),
    ]


def test_members_are_compared_by_their_identifier() -> None:
    one, two = {"id": "1", "expression": "a"}, {"id": "2", "expression": "b"}

    said = _said({"rules": [one]}, {"rules": [two, {**one, "expression": "c"}]})

    assert said == [
        ("rules[1].expression", "changed", "a", "c"),
        ("rules[2].id", "added", None, "2"),
        ("rules[2].expression", "added", None, "b"),
    ]


def test_members_are_called_by_their_name() -> None:
    first, second, third = (f"{number:032x}" for number in range(3))
    rules = [
        {"id": first, "ref": "office", "x": 1},
        {"id": second, "ref": second, "x": 1},
        {"id": third, "x": 1},
    ]

    paths = [row[0] for row in _said({"r": rules}, {"r": [{**one, "x": 2} for one in rules]})]

    assert paths == ["r[office].x", f"r[{second[:8]}].x", f"r[{third[:8]}].x"]


def test_members_that_cannot_be_told_apart_are_compared_by_their_place() -> None:
    twice = [{"id": "1", "x": 1}, {"id": "1", "x": 2}]

    assert [row[0] for row in _said({}, {"a": twice})] == [
        "a[0].id",
        "a[0].x",
        "a[1].id",
        "a[1].x",
    ]


def test_a_text_says_where_it_changed() -> None:
    (row,) = compare({"e": 'a eq "x" and b'}, {"e": 'a eq "yy" and b'}).changes

    assert row.before is not None
    assert row.after is not None
    assert row.before.parts == (('a eq "', False), ("x", True), ('" and b', False))
    assert row.after.parts == (('a eq "', False), ("yy", True), ('" and b', False))


def test_a_list_of_values_is_one_field() -> None:
    assert _said({"v": ["a", "b"]}, {"v": ("b", "a")}) == [
        ("v", "changed", '["a", "b"]', '["b", "a"]')
    ]


def test_long_texts_are_cut_and_say_so() -> None:
    comparison = compare({"a": "x " * 5000}, {"a": "y " * 5000, "b": "z" * 5000})

    for row in comparison.changes:
        assert row.after is not None
        assert len(str(_text(row.after))) == MOST_SHOWN
        assert row.after.left_out == (8000 if row.path == "a" else 3000)


def test_many_fields_are_left_out_and_counted() -> None:
    after = {f"f{number}": number for number in range(MOST_ROWS + 7)}

    comparison = compare({}, after)

    assert len(comparison.changes) == MOST_ROWS
    assert comparison.left_out == 7


def test_what_cannot_be_seen_is_written_out() -> None:
    assert visible("a\u202eb\x00c\nd") == "a\\u202eb\\u0000c\nd"
    assert _said({}, {"a\u202e": "\x1b[0m"}) == [("a\\u202e", "added", None, "\\u001b[0m")]
    assert _said({}, {"a": HOSTILE})[0][3] == HOSTILE
