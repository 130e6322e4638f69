# SPDX-License-Identifier: Apache-2.0
"""Single rules: added, changed, moved, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import NotFoundError, PreconditionError, RulesetError
from authz.services.ruleset_management import put_entry_point
from authz.services.ruleset_rules import add_rule, change_rule, remove_rule
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.rulesets import RulesInForce
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

HOW: dict[str, Any] = {"geo": None, "actor": "tester", "at": AT}


class Set:
    """A zone's ruleset with the rules a, b and c."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.read() as session:
            self.scope: Scope = scope_of(session.zones.all()[0])
        body = {"rules": [_rule(name) for name in "abc"]}
        made = put_entry_point(store, self.scope, CUSTOM_RULES, body, **HOW)
        assert made.ruleset is not None
        self.id = made.ruleset.id
        self.ids = {one["ref"]: one["id"] for one in made.rules}

    def add(self, body: Any, **more: Any) -> RulesInForce:
        return add_rule(self.store, self.scope, self.id, body, **HOW, **more)

    def change(self, ref: str, body: Any, **more: Any) -> RulesInForce:
        rule_id = self.ids.get(ref, ref)
        return change_rule(self.store, self.scope, self.id, rule_id, body, **HOW, **more)

    def remove(self, ref: str, **more: Any) -> RulesInForce:
        return remove_rule(self.store, self.scope, self.id, self.ids.get(ref, ref), **HOW, **more)


@pytest.fixture
def ruleset(store: Store) -> Set:
    return Set(store)


def _rule(ref: str, **more: Any) -> dict[str, Any]:
    return {"ref": ref, "expression": "ssl", "action": "block", **more}


def _refs(found: RulesInForce) -> str:
    return "".join(one["ref"] for one in found.rules)


def _wrong(error: RulesetError) -> list[Any]:
    return [one.path for one in (error, *error.others)]  # type: ignore[attr-defined]


def test_a_rule_is_added_behind_all_others(world: World, ruleset: Set) -> None:
    after = ruleset.add(_rule("d"))

    assert (_refs(after), after.version) == ("abcd", 2)
    row = world.last()
    assert (row.action, row.object_id) == ("ruleset.rule.create", ruleset.id)
    assert row.after is not None
    assert row.after["definitions"] == [after.rules[3]]
    assert row.after["added"] == ["d"]


def test_a_rule_is_added_where_its_position_says(ruleset: Set) -> None:
    assert _refs(ruleset.add(_rule("d", position={"before": ""}))) == "dabc"
    assert _refs(ruleset.add(_rule("e", position={"after": ruleset.ids["a"]}))) == "daebc"
    assert _refs(ruleset.add(_rule("f", position={"index": 6}))) == "daebcf"


def test_everything_wrong_with_a_rule_is_said_at_once(world: World, ruleset: Set) -> None:
    with pytest.raises(RulesetError) as caught:
        ruleset.add(_rule("a", expression="ssl and", position={"index": 9}, x=1))

    assert _wrong(caught.value) == [("position", "index"), ("ref",), ("x",), ("expression",)]
    assert world.last().action == "ruleset.update"
    with pytest.raises(RulesetError, match="not a JSON object"):
        ruleset.add([])


def test_a_rule_is_replaced_and_keeps_its_ref(world: World, ruleset: Set) -> None:
    after = ruleset.change("b", {"expression": "not ssl", "action": "log"})

    rule = after.rules[1]
    assert (rule["id"], rule["ref"], rule["version"]) == (ruleset.ids["b"], "b", "2")
    assert (rule["action"], rule["description"]) == ("log", "")
    row = world.last()
    assert row.before is not None
    assert row.after is not None
    assert [one["action"] for one in row.before["definitions"]] == ["block"]
    assert row.after["definitions"] == [rule]
    assert row.after["loosened"] == ["rule b does not block any more"]
    assert after.loosened == ("rule b does not block any more",)


def test_a_rule_is_replaced_by_a_whole_one(ruleset: Set) -> None:
    with pytest.raises(RulesetError) as caught:
        ruleset.change("b", {"description": "only"})
    assert _wrong(caught.value) == [("expression",), ("action",)]


def test_a_rule_is_moved_and_stays_what_it_is(ruleset: Set) -> None:
    after = ruleset.change("c", {"position": {"before": ruleset.ids["a"]}})

    assert (_refs(after), after.version) == ("cab", 2)
    assert {one["version"] for one in after.rules} == {"1"}
    # Where it is already: nothing to keep.
    assert ruleset.change("c", {"position": {"index": 1}}).version == 2


def test_a_rule_is_changed_and_moved_in_one(ruleset: Set) -> None:
    body = {"expression": "not ssl", "action": "log", "position": {"after": ""}}
    after = ruleset.change("a", body)

    assert _refs(after) == "bca"
    assert after.rules[2]["version"] == "2"


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, [("expression",), ("action",)]),
        ({"position": {"index": 4}}, [("position", "index")]),
        ({"position": {"before": "b" * 32}}, [("position", "before")]),
        ({"id": "b" * 32, "position": {"index": 1}}, [("id",)]),
        ({**_rule("b"), "ref": "c"}, [None]),
        (5, [()]),
    ],
)
def test_what_is_no_change(ruleset: Set, body: Any, paths: list[Any]) -> None:
    with pytest.raises(RulesetError) as caught:
        ruleset.change("b", body)
    assert _wrong(caught.value) == paths


def test_its_own_id_may_be_said(ruleset: Set) -> None:
    assert ruleset.change("b", _rule("x", id=ruleset.ids["b"])).rules[1]["ref"] == "x"


def test_a_rule_is_removed(world: World, ruleset: Set) -> None:
    assert _refs(ruleset.remove("b")) == "ac"
    row = world.last()
    assert row.action == "ruleset.rule.delete"
    assert row.before is not None
    assert [one["ref"] for one in row.before["definitions"]] == ["b"]
    for call in (ruleset.remove, lambda ref: ruleset.change(ref, _rule("b"))):
        with pytest.raises(NotFoundError, match="could not find rule"):
            call("b")


def test_a_rule_that_is_skipped_stays(ruleset: Set) -> None:
    parameters = {"rules": {ruleset.id: [ruleset.ids["b"]]}}
    ruleset.add(_rule("s", action="skip", action_parameters=parameters))

    with pytest.raises(RulesetError, match=r'the rule "s": ".*" is no rule of this site') as caught:
        ruleset.remove("b")
    assert _wrong(caught.value) == [None]


def test_a_version_that_must_be_in_force(ruleset: Set) -> None:
    ruleset.add(_rule("d"), version=1)
    for call in (
        lambda: ruleset.add(_rule("e"), version=1),
        lambda: ruleset.change("a", _rule("e"), version=1),
        lambda: ruleset.remove("a", version=1),
    ):
        with pytest.raises(PreconditionError):
            call()
