# SPDX-License-Identifier: Apache-2.0
"""The way back to an earlier version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import AuthzError, NotFoundError, PreconditionError, RulesetError
from authz.services.lists import create_list, remove_list
from authz.services.rule_deployment import NO_RULES
from authz.services.ruleset_rollback import roll_back
from tests.factories.pki import AT
from tests.factories.rulesets import account_scope, in_force, put_rules, rule, seen, zone_scope

if TYPE_CHECKING:
    from authz.services.rulesets import RulesInForce
    from tests.unit.services.conftest import World


def _back(world: World, version: int, **changes: Any) -> RulesInForce:
    given = {"basis": seen(world.store), "geo": None, "actor": "me", "at": AT + 9} | changes
    return roll_back(world.store, zone_scope(world.store), version, **given)


def test_the_rules_of_a_version_are_in_force_again(world: World) -> None:
    first = put_rules(world.store, rule("a"), rule("b"))
    put_rules(world.store, rule("b", action="log"), rule("c"))

    after = _back(world, 1)

    assert after.version == 3
    assert [one["ref"] for one in after.rules] == ["a", "b"]
    assert after.rules[0] == first.rules[0]
    # It was changed twice: its own version goes on.
    assert (
        after.rules[1] | {"version": "1", "last_updated": first.rules[1]["last_updated"]}
        == (first.rules[1])
    )
    assert after.rules[1]["version"] == "3"
    assert after.loosened == ("rule c goes",)
    row = world.last()
    assert (row.action, row.actor) == ("ruleset.rollback", "me")
    assert row.after is not None
    assert row.after["restored"] == 1
    assert in_force(world.store) == after


def test_rules_that_skip_others_find_them_again(world: World) -> None:
    a, _ = put_rules(
        world.store,
        rule("a"),
        rule("s", action="skip", action_parameters={"rules": {"current": ["a"]}}),
    ).rules
    put_rules(world.store)

    after = _back(world, 1)

    assert after.rules[0]["id"] == a["id"]
    (skipped,) = after.rules[1]["action_parameters"]["rules"].values()
    assert skipped == [a["id"]]


def test_a_ref_that_another_rule_has_by_now_goes_back(world: World) -> None:
    first = put_rules(world.store, rule("a"))
    put_rules(world.store)
    put_rules(world.store, rule("a", expression="ssl"))

    after = _back(world, 1)

    assert after.rules == first.rules


def test_nothing_is_done_when_somebody_else_was_quicker(world: World) -> None:
    put_rules(world.store, rule("a"))
    basis = seen(world.store)
    put_rules(world.store, rule("b"))

    with pytest.raises(PreconditionError):
        _back(world, 1, basis=basis)

    assert [one["ref"] for one in in_force(world.store).rules] == ["b"]


def test_there_must_be_such_a_version(world: World) -> None:
    with pytest.raises(NotFoundError, match="there is no version 1"):
        _back(world, 1, basis=NO_RULES)
    put_rules(world.store, rule("a"))

    with pytest.raises(NotFoundError, match="there is no version 7"):
        _back(world, 7)
    with pytest.raises(RulesetError, match="version 1 is in force"):
        _back(world, 1)


def test_what_cannot_be_in_force_any_more_is_refused(world: World) -> None:
    account_id = account_scope(world.store).account_id
    made = create_list(world.store, account_id, "office", "ip", actor="t", at=AT)
    put_rules(world.store, rule("a", expression="ip.src in $office"))
    put_rules(world.store, rule("b"))
    remove_list(world.store, account_id, made.list.id, actor="t", at=AT)

    with pytest.raises(AuthzError, match="office"):
        _back(world, 1)

    assert in_force(world.store).version == 2
