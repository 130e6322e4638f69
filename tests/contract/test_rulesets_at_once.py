# SPDX-License-Identifier: Apache-2.0
"""Writers at once: every change is made, one after the other, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

from authz.errors import PreconditionError
from authz.services.ruleset_management import get_ruleset, put_entry_point, update_ruleset
from authz.services.ruleset_rules import add_rule, change_rule, remove_rule
from authz.services.ruleset_versions import list_versions
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.store.engine import Store

WRITERS = 50
HOW: dict[str, Any] = {"geo": None, "actor": "t", "at": 1.0}


def _rule(ref: str, **more: Any) -> dict[str, Any]:
    return {"ref": ref, "expression": f'http.host eq "{ref}"', "action": "block", **more}


def _scope(store: Store) -> Scope:
    with store.read() as session:
        return scope_of(session.zones.all()[0])


def _all_at_once(write: Callable[[int], Any], writers: int = WRITERS) -> list[Any]:
    """What each writer got; an error that is no answer to a call is raised."""
    ready = Barrier(writers)

    def begin(number: int) -> Any:
        ready.wait(30)
        return write(number)

    with ThreadPoolExecutor(writers) as threads:
        return list(threads.map(begin, range(writers)))


def test_rules_that_are_added_at_once_are_all_there(store: Store) -> None:
    scope = _scope(store)
    made = put_entry_point(store, scope, CUSTOM_RULES, {"rules": []}, **HOW)
    assert made.ruleset is not None
    ruleset_id = made.ruleset.id

    answers = _all_at_once(lambda n: add_rule(store, scope, ruleset_id, _rule(f"r{n}"), **HOW))

    after = get_ruleset(store, scope, ruleset_id)
    assert {one["ref"] for one in after.rules} == {f"r{n}" for n in range(WRITERS)}
    assert sorted(one.version for one in answers) == list(range(2, WRITERS + 2))
    listed = list_versions(store, scope, ruleset_id)
    assert [one.version for one in listed] == list(range(WRITERS + 1, 0, -1))
    with store.read() as session:
        made_by = [one for one in session.audit.latest(most=200) if "rule.create" in one.action]
    assert len(made_by) == WRITERS


def test_changes_of_different_rules_at_once_are_all_made(store: Store) -> None:
    scope = _scope(store)
    rules = [_rule(f"r{n}") for n in range(WRITERS)]
    made = put_entry_point(store, scope, CUSTOM_RULES, {"rules": rules}, **HOW)
    assert made.ruleset is not None
    ruleset_id, ids = made.ruleset.id, [one["id"] for one in made.rules]

    def write(number: int) -> None:
        if number % 2:
            remove_rule(store, scope, ruleset_id, ids[number], **HOW)
        else:
            body = _rule(f"r{number}", description="changed", position={"index": 1})
            change_rule(store, scope, ruleset_id, ids[number], body, **HOW)

    _all_at_once(write)

    after = get_ruleset(store, scope, ruleset_id)
    assert {one["id"] for one in after.rules} == set(ids[::2])
    assert {one["description"] for one in after.rules} == {"changed"}


def test_of_those_who_replace_the_same_version_one_does(store: Store) -> None:
    scope = _scope(store)
    made = put_entry_point(store, scope, CUSTOM_RULES, {"rules": []}, **HOW)
    assert made.ruleset is not None
    ruleset_id = made.ruleset.id

    def write(number: int) -> bool:
        body = {"rules": [_rule(f"r{number}")]}
        try:
            update_ruleset(store, scope, ruleset_id, body, version=1, **HOW)
        except PreconditionError:
            return False
        return True

    assert sum(_all_at_once(write)) == 1
    assert get_ruleset(store, scope, ruleset_id).version == 2


def test_an_entry_point_that_is_made_at_once_is_one(store: Store) -> None:
    scope = _scope(store)

    answers = _all_at_once(
        lambda n: put_entry_point(store, scope, CUSTOM_RULES, {"rules": [_rule(f"r{n}")]}, **HOW)
    )

    assert len({one.ruleset.id for one in answers}) == 1
    with store.read() as session:
        assert len(session.rulesets.all()) == 1
