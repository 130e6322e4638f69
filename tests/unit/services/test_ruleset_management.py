# SPDX-License-Identifier: Apache-2.0
"""Whole rulesets: made, replaced, removed; and who was slower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import NotFoundError, PreconditionError, RulesetError
from authz.services.ruleset_input import MAX_DESCRIPTION
from authz.services.ruleset_management import (
    ANY,
    create_ruleset,
    delete_ruleset,
    get_entry_point,
    get_ruleset,
    list_rulesets,
    put_entry_point,
    update_ruleset,
)
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.rulesets import RulesInForce
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

BLOCK = {"ref": "a", "expression": "ssl", "action": "block"}
NEW: dict[str, Any] = {"name": "mine", "kind": "zone", "phase": CUSTOM_RULES}
HOW: dict[str, Any] = {"geo": None, "actor": "tester", "at": AT}


@pytest.fixture
def here(store: Store) -> Scope:
    with store.read() as session:
        return scope_of(session.zones.all()[0])


def _put(store: Store, scope: Scope, *rules: Any, **more: Any) -> RulesInForce:
    return put_entry_point(store, scope, CUSTOM_RULES, {"rules": list(rules)}, **HOW, **more)


def _id(found: RulesInForce) -> str:
    assert found.ruleset is not None
    return found.ruleset.id


def _wrong(error: RulesetError) -> list[tuple[Any, int]]:
    return [(one.path, one.number) for one in (error, *error.others)]  # type: ignore[attr-defined]


def test_a_ruleset_is_made(world: World, here: Scope) -> None:
    made = create_ruleset(world.store, here, NEW | {"description": "d", "rules": [BLOCK]}, **HOW)

    assert made.ruleset is not None
    assert (made.ruleset.name, made.ruleset.description) == ("mine", "d")
    assert (made.version, [one["ref"] for one in made.rules]) == (1, ["a"])
    assert list_rulesets(world.store, here) == [made.ruleset]
    assert get_ruleset(world.store, here, _id(made)) == made
    assert get_entry_point(world.store, here, CUSTOM_RULES) == made
    assert get_entry_point(world.store, here, "http_ratelimit") is None
    (row,) = world.audited()
    assert (row.action, row.zone_id, row.before) == (
        "ruleset.create",
        here.zone_id,
        {"version": 0, "rules": 0, "description": ""},
    )
    assert row.after is not None
    assert (row.after["description"], row.after["definitions"]) == ("d", [*made.rules])


def test_a_scope_sees_its_own(store: Store, here: Scope) -> None:
    above = Scope(account_id=here.account_id)
    made = create_ruleset(store, above, NEW | {"kind": "root"}, **HOW)

    assert list_rulesets(store, above) == [made.ruleset]
    assert list_rulesets(store, here) == []
    with pytest.raises(NotFoundError):
        get_ruleset(store, here, _id(made))


def test_a_phase_has_one_entry_point(store: Store, here: Scope) -> None:
    create_ruleset(store, here, NEW, **HOW)

    with pytest.raises(RulesetError, match="exceeded maximum number of zone rulesets") as caught:
        create_ruleset(store, here, NEW, **HOW)
    assert _wrong(caught.value) == [(("kind",), 20217)]


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({**NEW, "kind": "managed"}, [("kind",)]),
        ({**NEW, "kind": "custom"}, [("kind",)]),
        ({**NEW, "kind": "root"}, [("kind",)]),
        ({**NEW, "kind": 5}, [("kind",)]),
        ({**NEW, "phase": "http_ratelimit"}, [("phase",)]),
        ({**NEW, "name": " "}, [("name",)]),
        ({**NEW, "name": "mine "}, [("name",)]),
        ({**NEW, "name": None}, [("name",)]),
        ({**NEW, "description": 5}, [("description",)]),
        ({**NEW, "description": "x" * (MAX_DESCRIPTION + 1)}, [("description",)]),
        ({**NEW, "rules": {}}, [("rules",)]),
        ({**NEW, "nam": "x", "rules": [5]}, [("nam",), ("rules", 0)]),
        ({}, [("name",), ("kind",), ("phase",)]),
    ],
)
def test_what_is_no_ruleset(world: World, here: Scope, body: Any, paths: list[Any]) -> None:
    with pytest.raises(RulesetError) as caught:
        create_ruleset(world.store, here, body, **HOW)

    assert [path for path, _ in _wrong(caught.value)] == paths
    assert world.audited() == []


def test_another_phase_is_named(store: Store, here: Scope) -> None:
    with pytest.raises(RulesetError, match="'http_ratelimit' is not a valid value for phase"):
        put_entry_point(store, here, "http_ratelimit", {"rules": []}, **HOW)


@pytest.mark.parametrize("body", [None, [], "x"])
def test_a_body_is_an_object(store: Store, here: Scope, body: Any) -> None:
    with pytest.raises(RulesetError, match="not a JSON object"):
        create_ruleset(store, here, body, **HOW)


def test_rules_and_description_are_replaced_by_themselves(store: Store, here: Scope) -> None:
    first = _put(store, here, BLOCK)
    described = update_ruleset(store, here, _id(first), {"description": "d"}, **HOW)
    ruled = update_ruleset(store, here, _id(first), {"rules": []}, **HOW)

    assert described.rules == first.rules
    assert [one.version for one in (first, described, ruled)] == [1, 2, 3]
    assert ruled.ruleset is not None
    assert ruled.ruleset.description == "d"
    assert update_ruleset(store, here, _id(first), {"rules": []}, **HOW) == ruled
    assert update_ruleset(store, here, _id(first), {}, **HOW) == ruled


def test_a_rule_keeps_its_id_by_its_ref(store: Store, here: Scope) -> None:
    first = _put(store, here, BLOCK, {**BLOCK, "ref": "b"})
    after = _put(store, here, {**BLOCK, "ref": "b"}, {**BLOCK, "description": "new"})

    assert [one["id"] for one in after.rules] == [one["id"] for one in reversed(first.rules)]
    assert [one["version"] for one in after.rules] == ["1", "2"]


def test_what_cannot_change_may_be_said_again(store: Store, here: Scope) -> None:
    made = create_ruleset(store, here, NEW, **HOW)
    update_ruleset(store, here, _id(made), NEW | {"rules": [BLOCK]}, **HOW)

    with pytest.raises(RulesetError) as caught:
        update_ruleset(
            store, here, _id(made), {"name": "x", "kind": "root", "phase": "y", "z": 1}, **HOW
        )
    assert [path for path, _ in _wrong(caught.value)] == [("z",), ("name",), ("kind",), ("phase",)]


def test_an_entry_point_is_made_or_replaced(store: Store, here: Scope) -> None:
    made = put_entry_point(
        store, here, CUSTOM_RULES, {"rules": [BLOCK], "name": "n", "description": "d"}, **HOW
    )
    after = put_entry_point(store, here, CUSTOM_RULES, {"rules": [], "name": "other"}, **HOW)

    assert after.ruleset is not None
    assert (_id(after), after.ruleset.name, after.version) == (_id(made), "n", 2)
    unnamed = put_entry_point(store, Scope(account_id=here.account_id), CUSTOM_RULES, {}, **HOW)
    assert unnamed.ruleset is not None
    assert (unnamed.ruleset.name, unnamed.ruleset.kind, unnamed.rules) == ("default", "root", ())


@pytest.mark.parametrize("key", ["kind", "phase"])
def test_an_entry_point_has_no_kind_to_say(store: Store, here: Scope, key: str) -> None:
    with pytest.raises(RulesetError, match=f'invalid JSON: unknown field "{key}"'):
        put_entry_point(store, here, CUSTOM_RULES, {"rules": [], key: "zone"}, **HOW)


def test_a_name_of_an_entry_point_is_one(store: Store, here: Scope) -> None:
    with pytest.raises(RulesetError) as caught:
        put_entry_point(store, here, CUSTOM_RULES, {"name": "", "x": 1}, **HOW)
    assert [path for path, _ in _wrong(caught.value)] == [("x",), ("name",)]


def test_who_was_slower_changes_nothing(store: Store, here: Scope) -> None:
    with pytest.raises(PreconditionError, match="the ruleset is not there"):
        _put(store, here, version=ANY)
    with pytest.raises(PreconditionError, match="not there, and not at 1"):
        _put(store, here, version=1)
    first = _put(store, here, BLOCK, version=0)
    _put(store, here, version=1)

    for call in (update_ruleset, delete_ruleset):
        given: dict[str, Any] = {"actor": "t", "at": AT, "version": 1}
        words: list[Any] = [store, here, _id(first)]
        if call is update_ruleset:
            words.append({"rules": [BLOCK]})
            given["geo"] = None
        with pytest.raises(PreconditionError, match="at version 2, and not at 1"):
            call(*words, **given)
    assert _put(store, here, BLOCK, version=ANY).version == 3


def test_a_ruleset_is_removed(world: World, here: Scope) -> None:
    made = _put(world.store, here, BLOCK)
    delete_ruleset(world.store, here, _id(made), version=1, actor="tester", at=AT)

    row = world.last()
    assert (row.action, row.object_id) == ("ruleset.delete", _id(made))
    assert row.before == {"version": 1, "rules": 1, "definitions": [*made.rules]}
    assert row.after == {
        "version": 0,
        "rules": 0,
        "added": [],
        "changed": [],
        "removed": ["a"],
        "loosened": ["rule a goes"],
    }
    assert list_rulesets(world.store, here) == []
    with pytest.raises(NotFoundError):
        delete_ruleset(world.store, here, _id(made), actor="t", at=AT)
    again = _put(world.store, here, BLOCK)
    assert (again.version, _id(again) == _id(made)) == (1, False)


def test_a_rehearsal_finds_the_same_and_keeps_nothing(world: World, here: Scope) -> None:
    rehearsal = world.store.rehearsal()
    made = _put(rehearsal, here, BLOCK)

    assert made.version == 1
    assert list_rulesets(world.store, here) == []
    assert world.audited() == []
    with pytest.raises(RulesetError):
        _put(rehearsal, here, {**BLOCK, "expression": ""})
    assert _put(world.store, here, BLOCK).version == 1
