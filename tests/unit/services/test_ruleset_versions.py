# SPDX-License-Identifier: Apache-2.0
"""What a ruleset was, until somebody removes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, NotFoundError
from authz.services.ruleset_management import put_entry_point
from authz.services.ruleset_versions import get_version, list_versions, remove_version
from authz.services.scopes import CUSTOM_RULES, Scope, scope_of

if TYPE_CHECKING:
    from tests.unit.services.conftest import World

BLOCK = {"ref": "a", "expression": "ssl", "action": "block"}


def _put(world: World, scope: Scope, at: float, **body: Any) -> str:
    made = put_entry_point(world.store, scope, CUSTOM_RULES, body, geo=None, actor="t", at=at)
    assert made.ruleset is not None
    return made.ruleset.id


def test_versions_are_kept_as_they_were(world: World) -> None:
    with world.store.read() as session:
        here = scope_of(session.zones.all()[0])
    ruleset_id = _put(world, here, 1.0, rules=[BLOCK], description="first")
    _put(world, here, 2.0, rules=[], description="second")
    _put(world, here, 3.0, rules=[BLOCK])

    listed = list_versions(world.store, here, ruleset_id)
    assert [(one.version, one.description, one.modified_at) for one in listed] == [
        (3, "second", 3.0),
        (2, "second", 2.0),
        (1, "first", 1.0),
    ]
    ruleset, version = get_version(world.store, here, ruleset_id, 1)
    assert (ruleset, [one["ref"] for one in version.rules]) == (listed[2], ["a"])

    remove_version(world.store, here, ruleset_id, 2, actor="tester", at=4.0)
    row = world.last()
    assert row.action == "ruleset.version.delete"
    assert row.before == {
        "version": 2,
        "rules": 0,
        "description": "second",
        "actor": "t",
        "created_at": "1970-01-01T00:00:02.000000Z",
        "definitions": [],
    }
    with pytest.raises(NotFoundError, match="could not find version 2"):
        get_version(world.store, here, ruleset_id, 2)
    with pytest.raises(NotFoundError):
        remove_version(world.store, here, ruleset_id, 2, actor="t", at=4.0)
    with pytest.raises(ConflictError, match="version 3 is in force"):
        remove_version(world.store, here, ruleset_id, 3, actor="t", at=4.0)
    _put(world, here, 5.0, rules=[])
    assert [one.version for one in list_versions(world.store, here, ruleset_id)] == [4, 3, 1]
    remove_version(world.store, here, ruleset_id, 1, actor="tester", at=6.0)
    gone = world.last().before
    assert gone is not None
    assert gone["definitions"] == [*version.rules]


def test_of_another_scope_there_are_none(world: World) -> None:
    with world.store.read() as session:
        here = scope_of(session.zones.all()[0])
    ruleset_id = _put(world, here, 1.0, rules=[])

    for call in (list_versions, lambda *words: get_version(*words, 1)):
        with pytest.raises(NotFoundError):
            call(world.store, Scope(account_id=here.account_id), ruleset_id)
