# SPDX-License-Identifier: Apache-2.0
"""What is different between two versions of rules."""

from __future__ import annotations

from typing import Any

from authz.services.ruleset_diff import (
    Change,
    Part,
    compare_parts,
    compare_rules,
    text_of,
)
from tests.factories.rulesets import rule


def _kept(ref: str, **changes: Any) -> dict[str, Any]:
    return {"id": ref * 8} | rule(ref, **changes)


def test_rules_that_are_the_same_are_counted() -> None:
    rules = [_kept("a"), _kept("b")]

    diff = compare_rules(rules, rules)

    assert diff.changes == ()
    assert diff.same == 2


def test_rules_are_added_removed_and_changed() -> None:
    before = [_kept("a"), _kept("b"), _kept("c")]
    after = [_kept("a", action="log"), _kept("c"), _kept("d")]

    diff = compare_rules(before, after)

    told = [
        (one.change, one.rule["ref"], one.place_before, one.place_after) for one in diff.changes
    ]
    assert told == [
        (Change.CHANGED, "a", 1, 1),
        (Change.REMOVED, "b", 2, None),
        (Change.ADDED, "d", None, 3),
    ]
    assert diff.same == 1
    assert [diff.count(one) for one in Change] == [1, 1, 1, 0]
    (part,) = diff.changes[0].parts
    assert (part.part, part.before, part.after) == (Part.ACTION, "block", "log")


def test_one_rule_that_went_to_the_front_is_one_move() -> None:
    before = [_kept(ref) for ref in "abcde"]
    after = [before[4], *before[:4]]

    diff = compare_rules(before, after)

    (moved,) = diff.changes
    assert (moved.change, moved.rule["ref"], moved.place_before, moved.place_after) == (
        Change.MOVED,
        "e",
        5,
        1,
    )
    assert moved.moved
    assert diff.same == 4


def test_a_rule_that_was_changed_and_moved_is_both() -> None:
    before = [_kept("a"), _kept("b"), _kept("c")]
    after = [_kept("c", enabled=False), _kept("a"), _kept("b")]

    (one,) = compare_rules(before, after).changes

    assert (one.change, one.moved) == (Change.CHANGED, True)
    assert one.parts[0].part is Part.ENABLED


def test_rules_behind_a_new_one_have_not_moved() -> None:
    diff = compare_rules([_kept("a"), _kept("b")], [_kept("x"), _kept("a"), _kept("b")])

    assert [one.change for one in diff.changes] == [Change.ADDED]


def test_actions_are_told_with_what_they_need() -> None:
    response = {"status_code": 418, "content_type": "text/plain", "content": "a: b"}
    skip = rule(
        "s",
        action="skip",
        action_parameters={
            "ruleset": "current",
            "rules": {"x": ["a" * 8, "?"], "y": "odd"},
            "products": ["waf", "bic"],
        },
        logging={"enabled": False},
    )

    assert text_of(rule("a", action_parameters={"response": response}), Part.ACTION) == (
        "block\nresponse.status_code: 418\nresponse.content_type: text/plain\n"
        "response.content: a: b"
    )
    assert text_of(skip, Part.ACTION, {"a" * 8: "a"}) == (
        "skip\nruleset: current\nrules: a, ?\nproducts: waf, bic\nwithout logging what is skipped"
    )
    assert text_of({}, Part.ACTION) == ""
    assert text_of({"action_parameters": "odd"}, Part.DESCRIPTION) == ""


def test_parts_that_are_as_good_as_the_same_are_the_same() -> None:
    assert compare_parts(rule("a"), rule("a", enabled=True, description="")) == ()


def test_words_of_long_changes_are_told_as_a_whole_when_there_are_many() -> None:
    long = " or ".join(f"a{number}" for number in range(200))
    before = [_kept(f"{number:03}", expression=long) for number in range(80)]
    after = [
        _kept(f"{number:03}", expression=f"x or {long.replace('a1', 'b1')} or y")
        for number in range(80)
    ]

    diff = compare_rules(before, after)

    assert len(diff.changes) == 80
    assert len(diff.changes[0].parts[0].words) > 3
    assert len(diff.changes[-1].parts[0].words) == 2
