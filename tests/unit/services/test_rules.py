# SPDX-License-Identifier: Apache-2.0
"""Rules to keep: what stays the same, and what is said to have changed."""

from __future__ import annotations

from typing import Any

from authz.services.rules import Rule, changes_between, foreign_skips, new_rules

SET = "f" * 32
LATER = 2_000_000_000.0


def _rule(ref: str, **changes: Any) -> dict[str, Any]:
    return {"ref": ref, "expression": "ssl", "action": "block", **changes}


def _new(*given: dict[str, Any], before: tuple[Rule, ...] = (), at: float = 1.0) -> Any:
    return new_rules(given, before, ruleset_id=SET, at=at)


def test_a_rule_gets_what_people_leave_out() -> None:
    (rule,) = _new(_rule("a"))

    assert list(rule) == [
        "id",
        "ref",
        "expression",
        "action",
        "description",
        "enabled",
        "version",
        "last_updated",
    ]
    assert rule["version"] == "1"
    assert rule["last_updated"] == "1970-01-01T00:00:01.000000Z"
    assert (rule["description"], rule["enabled"]) == ("", True)


def test_without_a_ref_the_id_is_it() -> None:
    (rule,) = _new({"expression": "ssl", "action": "block"})

    assert rule["ref"] == rule["id"]


def test_the_same_ref_keeps_its_id_and_unchanged_its_version() -> None:
    before = _new(_rule("a"), _rule("b"))
    after = _new(_rule("b", description="new"), _rule("a", enabled=None), before=before, at=LATER)

    assert after[1] == before[0]
    assert after[0]["id"] == before[1]["id"]
    assert after[0]["version"] == "2"
    changes = changes_between(before, after)
    assert (changes.added, changes.changed, changes.removed) == ((), ("b",), ())
    assert changes.moved


def test_an_id_names_the_rule_whatever_its_ref_is() -> None:
    before = _new(_rule("a"))
    (after,) = _new({**before[0], "ref": "renamed"}, before=before)

    assert after["id"] == before[0]["id"]
    assert after["ref"] == "renamed"
    assert changes_between(before, (after,)).changed == ("renamed",)


def test_a_rule_keeps_its_ref_while_only_its_id_is_named() -> None:
    before = _new(_rule("a"))
    (after,) = _new({"id": before[0]["id"], "expression": "ssl", "action": "log"}, before=before)

    assert (after["ref"], after["version"]) == ("a", "2")
    (skip, _) = _new(
        {"expression": "ssl", "action": "skip", "action_parameters": {"rules": {SET: ["a"]}}},
        {"id": before[0]["id"], "expression": "ssl", "action": "log"},
        before=before,
    )
    assert skip["action_parameters"]["rules"] == {SET: [before[0]["id"]]}


def test_a_second_rule_of_a_ref_is_another_one() -> None:
    before = _new(_rule("a"))
    first, second = _new(before[0], _rule("a"), before=before)

    assert first["id"] == before[0]["id"] != second["id"]


def test_what_is_added_and_removed() -> None:
    before = _new(_rule("a"), _rule("b"))
    after = _new(_rule("b"), _rule("c"), before=before)
    changes = changes_between(before, after)

    assert (changes.added, changes.changed, changes.removed) == (("c",), (), ("a",))
    assert not changes.moved
    assert changes
    assert not changes_between(before, before)


def test_skip_names_rules_by_id_in_its_ruleset() -> None:
    skip = {"action": "skip", "action_parameters": {"rules": {"current": ["b"]}}}
    first, second = _new(_rule("a", **skip), _rule("b"))

    assert first["action_parameters"] == {"rules": {SET: [second["id"]]}}
    assert _new(first, second, before=(first, second)) == (first, second)


def test_rules_of_other_rulesets_are_not_taken_for_ours() -> None:
    named = {"current": ["b"], "e" * 32: ["b"], SET: ["a"], "x": "y"}
    first, second = _new(
        _rule("a", action="skip", action_parameters={"rules": {"e" * 32: ["b"]}}), _rule("b")
    )
    (mixed, _) = _new(_rule("a", action="skip", action_parameters={"rules": named}), _rule("b"))

    assert first["action_parameters"]["rules"] == {"e" * 32: ["b"]}
    ((index, error),) = foreign_skips((first, second), SET)
    assert (index, error.path) == (0, ("action_parameters", "rules", "e" * 32))
    assert "its own ruleset only" in error.message
    assert mixed["action_parameters"]["rules"] == named, "an array of text is missing"
    assert [error.path for _, error in foreign_skips((mixed,), SET)] == [
        ("action_parameters", "rules", "e" * 32),
    ]


def test_both_names_of_the_own_ruleset_are_one() -> None:
    named = {"current": ["b"], SET: ["a"]}
    first, second = _new(_rule("a", action="skip", action_parameters={"rules": named}), _rule("b"))

    assert first["action_parameters"]["rules"] == {SET: [second["id"], first["id"]]}
    assert list(foreign_skips((first, second), SET)) == []


def test_what_is_no_parameter_stays_for_whoever_checks_it() -> None:
    (listed,) = _new(_rule("a", action_parameters={"rules": {"x": "y"}}))
    (text,) = _new(_rule("a", action_parameters="x"))
    (none,) = _new(_rule("a", action_parameters={}))

    assert listed["action_parameters"] == {"rules": {"x": "y"}}
    assert text["action_parameters"] == "x"
    assert "action_parameters" not in none


def test_what_the_api_gives_is_not_taken_from_others() -> None:
    (rule,) = _new(_rule("a", version="7", last_updated="x", categories=[], custom=1))

    assert rule["version"] == "1"
    assert "categories" not in rule
    assert rule["custom"] == 1
