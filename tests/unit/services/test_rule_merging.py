# SPDX-License-Identifier: Apache-2.0
"""A change on top of the rules as others have changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.rule_deployment import NO_RULES
from authz.services.rule_merging import merge, rebase
from authz.services.ruleset_diff import Part
from authz.services.ruleset_management import delete_ruleset
from authz.services.ruleset_versions import remove_version
from tests.factories.rulesets import put_rules, rule, seen, zone_scope

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def test_what_only_one_side_changed_is_taken_from_it() -> None:
    base = rule("a", description="old")
    theirs = rule("a", description="old", action="log")
    mine = rule("a", description="new")

    merged, clashes = merge(base, theirs, mine)

    assert merged == rule("a", description="new", action="log")
    assert clashes == ()


def test_what_both_changed_is_the_authors_and_told() -> None:
    base = rule("a", enabled=True)
    theirs = rule("a", expression="ssl", enabled=False)
    mine = rule("a", expression="not ssl", enabled=False)

    merged, clashes = merge(base, theirs, mine)

    assert merged["expression"] == "not ssl"
    assert merged["enabled"] is False
    (clash,) = clashes
    assert clash.part is Part.EXPRESSION
    assert (clash.base, clash.theirs, clash.mine) == (base["expression"], "ssl", "not ssl")


def test_an_action_goes_with_its_parameters() -> None:
    response = {"status_code": 418, "content_type": "text/plain", "content": "no"}
    base = rule("a", action_parameters={"response": response})
    theirs = rule("a", action="log")
    mine = base | {"description": "mine"}

    merged, _ = merge(base, theirs, mine)

    assert merged["action"] == "log"
    assert "action_parameters" not in merged


def test_without_a_base_every_difference_is_one_of_both() -> None:
    merged, clashes = merge(None, rule("a", action="log"), rule("a", description="mine"))

    assert merged["action"] == "block"
    assert {(one.part, one.base) for one in clashes} == {
        (Part.ACTION, None),
        (Part.DESCRIPTION, None),
    }


def test_a_change_is_put_on_top_of_what_is_in_force(world: World) -> None:
    (there,) = put_rules(world.store, rule("a")).rules
    basis = seen(world.store)
    put_rules(world.store, rule("a", action="log"), rule("b"), at=77.0)

    found = rebase(
        world.store,
        zone_scope(world.store),
        rule("a", description="mine"),
        rule_id=there["id"],
        basis=basis,
    )

    assert (found.rule["action"], found.rule["description"]) == ("log", "mine")
    assert (found.actor, found.at, found.is_gone) == ("others", 77.0, False)
    assert found.basis == seen(world.store)
    assert found.theirs is not None
    assert found.diff is not None
    assert [one.change for one in found.diff.changes] == ["changed", "added"]


def test_a_rule_that_was_removed_is_gone(world: World) -> None:
    (there,) = put_rules(world.store, rule("a")).rules
    basis = seen(world.store)
    put_rules(world.store, rule("b"))

    found = rebase(
        world.store, zone_scope(world.store), rule("a"), rule_id=there["id"], basis=basis
    )

    assert found.is_gone
    assert found.theirs is None
    assert found.rule == rule("a")


def test_a_new_rule_is_on_top_of_whatever_is_there(world: World) -> None:
    put_rules(world.store, rule("b"))

    found = rebase(world.store, zone_scope(world.store), rule("a"), rule_id=None, basis=NO_RULES)

    assert not found.is_gone
    assert found.then == ()
    assert found.diff is not None
    assert [one.change for one in found.diff.changes] == ["added"]


def test_what_somebody_has_seen_may_not_be_kept_any_more(world: World) -> None:
    here = zone_scope(world.store)
    rules = put_rules(world.store, rule("a"))
    (there,) = rules.rules
    basis = seen(world.store)
    put_rules(world.store, rule("a", action="log"))
    assert rules.ruleset is not None
    remove_version(world.store, here, rules.ruleset.id, 1, actor="t", at=1.0)

    found = rebase(world.store, here, rule("a"), rule_id=there["id"], basis=basis)
    assert (found.then, found.diff) == (None, None)
    assert [one.base for one in found.clashes] == [None]

    delete_ruleset(world.store, here, rules.ruleset.id, actor="t", at=1.0)
    gone = rebase(world.store, here, rule("a"), rule_id=there["id"], basis=basis)
    assert (gone.then, gone.actor, gone.is_gone) == (None, "", True)
    assert gone.basis == NO_RULES
