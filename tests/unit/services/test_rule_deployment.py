# SPDX-License-Identifier: Apache-2.0
"""One rule put into force by somebody who has seen the rules before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import (
    InvalidInputError,
    NotFoundError,
    PreconditionError,
    RulesetError,
)
from authz.services.rule_deployment import (
    NO_RULES,
    Basis,
    Wanted,
    basis_of,
    deploy_rule,
    rules_with,
)
from authz.services.rule_drafts import list_drafts, save_draft, state_of
from authz.services.ruleset_management import delete_ruleset
from tests.factories.rulesets import (
    account_scope,
    deploy,
    in_force,
    put_rules,
    rule,
    seen,
    zone_scope,
)

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def _refs(world: World) -> list[str]:
    return [one["ref"] for one in in_force(world.store).rules]


def test_the_first_rule_makes_the_ruleset(world: World) -> None:
    done = deploy(world.store, rule("a"), basis=NO_RULES)

    assert done.rules.version == 1
    assert done.before.version == 0
    assert (done.rule["ref"], done.rule["action"]) == ("a", "block")
    row = world.last()
    assert (row.action, row.actor) == ("ruleset.rule.create", "me")
    assert row.after is not None
    assert row.after["added"] == ["a"]


def test_a_rule_goes_where_it_is_wanted(world: World) -> None:
    put_rules(world.store, rule("a"), rule("b"))

    deploy(world.store, rule("first"), place=1)
    deploy(world.store, rule("last"))
    deploy(world.store, rule("beyond"), place=99)

    assert _refs(world) == ["first", "a", "b", "last", "beyond"]


def test_a_rule_is_changed_where_it_is_and_moved_when_asked(world: World) -> None:
    a, _, c = put_rules(world.store, rule("a"), rule("b"), rule("c")).rules

    done = deploy(world.store, rule("a", action="log"), rule_id=a["id"])
    assert _refs(world) == ["a", "b", "c"]
    assert (done.rule["id"], done.rule["action"], done.rule["version"]) == (a["id"], "log", "2")
    assert done.rules.loosened == ("rule a does not block any more",)
    assert world.last().action == "ruleset.rule.change"

    deploy(world.store, rule("c"), rule_id=c["id"], place=1)
    assert _refs(world) == ["c", "a", "b"]


def test_nothing_is_done_when_somebody_else_was_quicker(world: World) -> None:
    put_rules(world.store, rule("a"))
    basis = seen(world.store)
    put_rules(world.store, rule("a"), rule("theirs"))

    with pytest.raises(PreconditionError, match="at version 2, and the change was made from"):
        deploy(world.store, rule("mine"), basis=basis)
    with pytest.raises(PreconditionError, match=r"version 2, and .* from none at all"):
        deploy(world.store, rule("mine"), basis=NO_RULES)

    assert _refs(world) == ["a", "theirs"]


def test_a_ruleset_that_was_made_again_is_another_one(world: World) -> None:
    first = put_rules(world.store, rule("a"))
    basis = seen(world.store)
    assert first.ruleset is not None
    scope = zone_scope(world.store)
    delete_ruleset(world.store, scope, first.ruleset.id, actor="t", at=1.0)

    with pytest.raises(PreconditionError, match="the rules are gone"):
        deploy(world.store, rule("mine"), basis=basis)

    put_rules(world.store, rule("b"))
    assert basis.version == seen(world.store).version
    with pytest.raises(PreconditionError):
        deploy(world.store, rule("mine"), basis=basis)


def test_what_cannot_be_a_rule_is_refused_with_its_place(world: World) -> None:
    put_rules(world.store, rule("a"))

    with pytest.raises(RulesetError) as error:
        deploy(world.store, rule("b", expression="ssl and", action="drop"))
    assert {one.path for one in (error.value, *error.value.others)} >= {("action",)}
    with pytest.raises(RulesetError, match='a second rule "a"') as error:
        deploy(world.store, rule("a"))
    assert error.value.path == ("ref",)
    with pytest.raises(NotFoundError, match="could not find rule"):
        deploy(world.store, rule("x"), rule_id="0" * 32)
    assert in_force(world.store).version == 1


def test_a_draft_that_is_deployed_is_gone(world: World) -> None:
    scope = zone_scope(world.store)
    wanted = Wanted(rule=rule("a"), basis=NO_RULES)
    draft = save_draft(world.store, scope, wanted, actor="me", at=1.0)

    deploy(world.store, rule("a"), draft_id=draft.id, draft_state=state_of(draft))
    row = world.last()
    assert row.after is not None
    assert row.after["draft"] == draft.id
    assert list_drafts(world.store, scope) == []

    # Somebody discarded it meanwhile: that is no reason not to deploy.
    deploy(world.store, rule("b"), draft_id=draft.id)
    row = world.last()
    assert row.after is not None
    assert "draft" not in row.after


def test_a_draft_that_somebody_else_changed_is_not_lost(world: World) -> None:
    scope = zone_scope(world.store)
    draft = save_draft(world.store, scope, Wanted(rule=rule("a"), basis=NO_RULES), actor="me", at=1)
    stale = {"draft_id": draft.id, "draft_state": state_of(draft)}
    better = Wanted(rule=rule("a", expression="ssl"), basis=NO_RULES, **stale)
    theirs = save_draft(world.store, scope, better, actor="you", at=2)

    with pytest.raises(PreconditionError, match="the draft was changed by you"):
        deploy(world.store, rule("a", action="log"), **stale)

    assert in_force(world.store).version == 0
    assert list_drafts(world.store, scope) == [theirs]


def test_a_draft_of_another_scope_stays(world: World) -> None:
    account = account_scope(world.store)
    wanted = Wanted(rule=rule("a"), basis=NO_RULES)
    draft = save_draft(world.store, account, wanted, actor="me", at=1)

    deploy(world.store, rule("a"), draft_id=draft.id, draft_state=state_of(draft))

    assert list_drafts(world.store, account) == [draft]


def test_a_rule_logs_first_and_what_it_is_to_be_stays_beside_it(world: World) -> None:
    response = {"status_code": 418, "content_type": "text/plain", "content": "no"}
    wanted = rule("a", action_parameters={"response": response})

    done = deploy(world.store, wanted, log_first=True)

    assert done.rule["action"] == "log"
    assert "action_parameters" not in done.rule
    (draft,) = list_drafts(world.store, zone_scope(world.store))
    assert draft.rule_id == done.rule["id"]
    assert draft.rule == wanted
    assert Basis(ruleset_id=draft.ruleset_id, version=draft.version) == basis_of(done.rules)
    row = world.last()
    assert row.after is not None
    assert row.after["to_block"] == draft.id

    blocking = deploy(world.store, draft.rule, rule_id=draft.rule_id, draft_id=draft.id)
    assert blocking.rule["action"] == "block"
    assert blocking.rule["id"] == done.rule["id"]
    assert list_drafts(world.store, zone_scope(world.store)) == []


def test_only_a_rule_that_opens_nothing_meanwhile_can_log_first(world: World) -> None:
    a, off = put_rules(world.store, rule("a"), rule("off", enabled=False)).rules

    with pytest.raises(InvalidInputError, match="the rule blocks now"):
        deploy(world.store, rule("a"), rule_id=a["id"], log_first=True)
    with pytest.raises(InvalidInputError, match="only a rule that is to block"):
        deploy(world.store, rule("b", action="log"), log_first=True)
    done = deploy(world.store, rule("off"), rule_id=off["id"], log_first=True)

    assert done.rule["action"] == "log"


def test_rules_of_the_account_do_not_skip(world: World) -> None:
    scope = account_scope(world.store)

    deploy(world.store, rule("a"), scope=scope)
    with pytest.raises(RulesetError, match="rules of the account cannot skip"):
        deploy(
            world.store,
            rule("b", action="skip", action_parameters={"ruleset": "current"}),
            scope=scope,
        )

    assert in_force(world.store, scope).version == 1
    assert in_force(world.store).version == 0


def test_a_rehearsal_keeps_nothing(world: World) -> None:
    wanted = Wanted(rule=rule("a"), basis=NO_RULES)

    deploy_rule(
        world.store.rehearsal(), zone_scope(world.store), wanted, geo=None, actor="me", at=1.0
    )

    assert in_force(world.store).version == 0


def test_rules_as_they_would_be(world: World) -> None:
    rules = put_rules(world.store, rule("a"), rule("b"))
    basis = basis_of(rules)

    new = rules_with(rules, Wanted(rule=rule("c") | {"id": "x"}, basis=basis, place=2))
    assert [one["ref"] for one in new] == ["a", "c", "b"]
    assert "id" not in new[1]
    rule_id = rules.rules[0]["id"]
    changed = rules_with(rules, Wanted(rule=rule("a", action="log"), basis=basis, rule_id=rule_id))
    assert (changed[0]["id"], changed[0]["action"]) == (rule_id, "log")
    assert len(changed) == 2
