# SPDX-License-Identifier: Apache-2.0
"""A zone's rules: appended, replaced, by one writer at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import ConflictError, ExpressionError, NotFoundError, PolicyError
from authz.services import rulesets as module
from authz.services.rulesets import (
    append_rule,
    get_rules,
    put_rules,
    replace_rules,
    rules_of,
)
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.rulesets import RulesInForce
    from authz.store.engine import Store
    from tests.unit.services.conftest import World

RULE = {"ref": "a", "expression": "ssl", "action": "block"}


def _replace(store: Store, *rules: dict[str, Any], **changes: Any) -> RulesInForce:
    return replace_rules(store, "default", rules, **{"actor": "tester", "at": AT, **changes})


def test_a_zone_begins_without_rules(store: Store) -> None:
    found = get_rules(store, "default")

    assert (found.ruleset, found.rules, found.version) == (None, (), 0)


def test_a_rule_is_appended(world: World) -> None:
    append_rule(world.store, "default", RULE, actor="tester", at=AT)
    after = append_rule(world.store, "default", {**RULE, "ref": "b"}, actor="tester", at=AT)

    assert [one["ref"] for one in after.rules] == ["a", "b"]
    assert get_rules(world.store, "default") == after
    assert after.ruleset is not None
    assert (after.ruleset.kind, after.ruleset.phase) == ("zone", "http_request_firewall_custom")
    row = world.last()
    assert (row.action, row.object_id) == ("ruleset.append", after.ruleset.id)
    assert row.before == {"version": 1, "rules": 1}
    assert row.after == {
        "version": 2,
        "rules": 2,
        "definitions": [after.rules[1]],
        "added": ["b"],
        "changed": [],
        "removed": [],
    }
    with world.store.read() as session:
        kept = session.rulesets.versions(after.ruleset.id)
    assert [(one.version, one.actor) for one in kept] == [(2, "tester"), (1, "tester")]


def test_a_ref_is_unique(store: Store) -> None:
    append_rule(store, "default", RULE, actor="t", at=AT)

    with pytest.raises(PolicyError, match='a second rule "a"') as caught:
        append_rule(store, "default", RULE, actor="t", at=AT)
    assert caught.value.where == 'rules of the zone "default"[1].ref'


def test_rules_are_replaced(store: Store) -> None:
    first = _replace(store, RULE)
    second = _replace(store, {**RULE, "action": "log"}, version=1)

    assert second.version == 2
    assert second.rules[0]["id"] == first.rules[0]["id"]
    assert _replace(store).rules == ()


def test_the_same_rules_are_no_new_version(world: World) -> None:
    first = _replace(world.store, RULE)

    assert _replace(world.store, RULE).version == first.version
    assert world.last().action == "ruleset.replace"


def test_who_was_slower_changes_nothing(store: Store) -> None:
    _replace(store, RULE)
    _replace(store, {**RULE, "action": "log"})

    with pytest.raises(ConflictError, match="the rules are at version 2, not at 1"):
        _replace(store, version=1)


def test_a_version_that_came_in_between(store: Store) -> None:
    _replace(store, RULE)
    with store.read() as session:
        zone = session.zones.all()[0]
        old = rules_of(session, zone)
    _replace(store, {**RULE, "action": "log"})

    with store.write() as session, pytest.raises(ConflictError, match="changed meanwhile"):
        put_rules(session, old, [], actor="t", at=AT)


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        ({**RULE, "expression": "ssl and"}, ExpressionError, r"\[0\]\.expression:1"),
        ({**RULE, "expression": "ip.src in $office"}, ExpressionError, "unknown list"),
        ({**RULE, "action": "challenge"}, PolicyError, "not available here"),
    ],
)
def test_what_does_not_compile_is_not_kept(
    world: World, rule: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        _replace(world.store, rule)

    assert get_rules(world.store, "default").version == 0
    assert world.audited() == []


def test_a_zone_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFoundError):
        get_rules(store, "gone")


def test_rules_of_another_ruleset_are_not_skipped(store: Store) -> None:
    block = {"ref": "a", "expression": "ssl", "action": "block"}
    skip = {**block, "ref": "s", "action": "skip"}
    skip["action_parameters"] = {"rules": {"e" * 32: ["a"]}}

    with pytest.raises(PolicyError) as caught:
        replace_rules(store, "default", [skip, block], actor="a", at=1.0)

    assert caught.value.where == f"rules[0].action_parameters.rules.{'e' * 32}"
    assert get_rules(store, "default").rules == ()


def _changed(store: Store, times: int, *, apart: float) -> list[int]:
    """The versions that are left after so many changes."""
    for number in range(times):
        after = _replace(store, {**RULE, "description": str(number)}, at=AT + number * apart)
    assert after.ruleset is not None
    assert after.version == times
    with store.read() as session:
        return [one.version for one in session.rulesets.outlines(after.ruleset.id)]


def test_versions_that_are_old_and_many_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_VERSIONS", 4)
    assert _changed(store, 20, apart=86_400.0 * 10) == [20, 19, 18, 17, 16]


def test_versions_that_are_young_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_VERSIONS", 4)
    # Those that are older than thirty days, once the last is made.
    assert _changed(store, 20, apart=86_400.0 * 4) == [20, 19, 18, 17, 16, 15, 14, 13]


def test_few_versions_stay_however_old(store: Store) -> None:
    assert len(_changed(store, 20, apart=86_400.0 * 100)) == 20


def test_versions_together_have_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _replace(store, {**RULE, "description": "0"})
    with store.read() as session:
        ((_, _, size),) = session.rulesets.sizes(session.rulesets.all()[0].id)
    monkeypatch.setattr(module, "KEPT_CHARACTERS", 5 * size + size // 2)
    assert _changed(store, 10, apart=1.0) == [10, 9, 8, 7, 6]
    monkeypatch.setattr(module, "KEPT_CHARACTERS", 1)
    for number in range(10):
        after = _replace(store, {**RULE, "description": f"more {number}"})
    # The one in force stays, whatever its size.
    assert get_rules(store, "default") == after
