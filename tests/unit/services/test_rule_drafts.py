# SPDX-License-Identifier: Apache-2.0
"""Rules that are written and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionError
from authz.services import rule_drafts
from authz.services.rule_deployment import NO_RULES, Wanted
from authz.services.rule_drafts import (
    MAX_BYTES,
    discard_draft,
    get_draft,
    list_drafts,
    save_draft,
    state_of,
)
from tests.factories.rulesets import account_scope, in_force, put_rules, rule, seen, zone_scope

if TYPE_CHECKING:
    from authz.store.rule_drafts import RuleDraft
    from tests.unit.services.conftest import World


def test_a_draft_is_kept_changed_and_discarded(world: World) -> None:
    here = zone_scope(world.store)
    unfinished = {"description": "half", "expression": "http.host eq", "action": "?"}
    with world.store.read() as session:
        revision = session.revision

    first = save_draft(
        world.store, here, Wanted(rule=unfinished, basis=NO_RULES, place=3), actor="me", at=1.0
    )
    assert (first.rule, first.place, first.version, first.actor) == (unfinished, 3, 0, "me")
    row = world.last()
    assert (row.action, row.object_type, row.object_id) == (
        "rule_draft.create",
        "rule_draft",
        first.id,
    )
    assert row.before is None

    (there,) = put_rules(world.store, rule("a")).rules
    wanted = Wanted(
        rule=rule("a"),
        basis=seen(world.store),
        rule_id=there["id"],
        draft_id=first.id,
        draft_state=state_of(first),
    )
    second = save_draft(world.store, here, wanted, actor="you", at=2.0)
    assert (second.id, second.created_at, second.modified_at) == (first.id, 1.0, 2.0)
    assert get_draft(world.store, here, first.id) == second
    assert list_drafts(world.store, here) == [second]
    row = world.last()
    assert row.action == "rule_draft.change"
    assert row.before is not None
    assert row.before["rule"] == unfinished

    discard_draft(world.store, here, first.id, actor="you", at=3.0)
    assert world.last().action == "rule_draft.discard"
    assert list_drafts(world.store, here) == []
    assert in_force(world.store).version == 1
    with world.store.read() as session:
        # One deployment, and nothing else that anybody has to enforce.
        assert session.revision == revision + 1


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(world: World) -> None:
    here = zone_scope(world.store)
    first = save_draft(world.store, here, Wanted(rule=rule("a"), basis=NO_RULES), actor="me", at=1)

    def save(actor: str, state: str, expression: str) -> RuleDraft:
        wanted = Wanted(
            rule=rule("a", expression=expression),
            basis=NO_RULES,
            draft_id=first.id,
            draft_state=state,
        )
        return save_draft(world.store, here, wanted, actor=actor, at=1)

    # Within the same moment, too.
    second = save("me", state_of(first), "ssl")
    for stale in (state_of(first), ""):
        with pytest.raises(PreconditionError, match="the draft was changed by me"):
            save("you", stale, "not ssl")
    assert list_drafts(world.store, here) == [second]
    # The same once more overwrites nothing.
    assert save("me", state_of(first), "ssl").rule == second.rule
    assert save("you", state_of(second), "not ssl").actor == "you"


def test_a_draft_of_another_scope_is_none(world: World) -> None:
    here, account = zone_scope(world.store), account_scope(world.store)
    wanted = Wanted(rule=rule("a"), basis=NO_RULES)
    draft = save_draft(world.store, account, wanted, actor="me", at=1.0)

    assert list_drafts(world.store, here) == []
    assert list_drafts(world.store, account) == [draft]
    with pytest.raises(NotFoundError, match="there is no such draft"):
        get_draft(world.store, here, draft.id)
    with pytest.raises(NotFoundError):
        discard_draft(world.store, here, draft.id, actor="me", at=1.0)
    with pytest.raises(NotFoundError):
        save_draft(
            world.store,
            here,
            Wanted(rule=rule("a"), basis=NO_RULES, draft_id=draft.id),
            actor="me",
            at=1.0,
        )


def test_drafts_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_drafts, "MAX_DRAFTS", 2)
    here = zone_scope(world.store)
    wanted = Wanted(rule=rule("a"), basis=NO_RULES)
    drafts = [save_draft(world.store, here, wanted, actor="me", at=1.0) for _ in range(2)]

    with pytest.raises(ConflictError, match="there are 2 drafts already"):
        save_draft(world.store, here, wanted, actor="me", at=1.0)
    again = Wanted(
        rule=rule("b"), basis=NO_RULES, draft_id=drafts[0].id, draft_state=state_of(drafts[0])
    )
    save_draft(world.store, here, again, actor="me", at=1.0)
    long = Wanted(rule=rule("a", expression="é" * (MAX_BYTES // 2)), basis=NO_RULES)
    with pytest.raises(InvalidInputError, match="the draft has"):
        save_draft(world.store, account_scope(world.store), long, actor="me", at=1.0)
