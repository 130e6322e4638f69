# SPDX-License-Identifier: Apache-2.0
"""`…/rules/new`, `…/rules/{rule_id}` and `…/rules/drafts/{draft_id}`: a rule is written.

Whoever may only read sees the rule, and no form.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from authz.dashboard.forms import Posted
from authz.dashboard.rule_actions import act
from authz.dashboard.rule_editing import Editing, Problems, edit_draft, edit_rule, show
from authz.dashboard.rule_forms import RuleForm, form_from, form_of_rule
from authz.dashboard.rule_scopes import (
    DraftId,
    ReadingRules,
    RuleId,
    RulesViewer,
    WritingRules,
    basis_from,
    both,
    rule_of,
)
from authz.errors import NotFoundError
from authz.services.rule_deployment import basis_of
from authz.services.rule_drafts import discard_draft, get_draft, list_drafts

if TYPE_CHECKING:
    from authz.dashboard.forms import Form

routes = APIRouter()


@routes.get("/new")
def new(here: WritingRules, request: Request) -> Response:
    """An empty form; or a copy of a rule (`copy`), or an expression that another page made."""
    rules = here.rules()
    asked = request.query_params
    form = RuleForm(
        description=asked.get("description", ""),
        expression=asked.get("expression", ""),
        action=asked.get("action", "block"),
    )
    if "copy" in asked:
        rule, place = rule_of(rules, asked["copy"])
        name = str(rule.get("description") or "")
        copied = form_of_rule(rule, place + 1)
        form = replace(copied, ref="", description=f"Copy of {name}" if name else "")
    return show(Editing(here=here, form=form, basis=basis_of(rules)))


@routes.post("/new")
def create(here: WritingRules, posted: Posted) -> Response:
    """What the buttons of the form do."""
    return act(_editing(here, posted), posted)


@routes.get("/drafts/{draft_id}")
def draft(here: ReadingRules, draft_id: DraftId) -> Response:
    """A draft, on top of the rules as they are now."""
    found = get_draft(here.viewer.store, here.scope, draft_id)
    if not here.may_write:
        form = form_of_rule(found.rule, found.place)
        return here.page("rule.html", form=form, rule=None, place=None, draft=found, drafts=())
    editing, others = edit_draft(here, found)
    return show(editing, others=others)


@routes.post("/drafts/{draft_id}")
def change_draft(here: WritingRules, draft_id: DraftId, posted: Posted) -> Response:
    """What the buttons of the form do; a draft that is gone meanwhile is no reason to lose it."""
    try:
        get_draft(here.viewer.store, here.scope, draft_id)
    except NotFoundError:
        editing = _editing(here, posted, posted.text("rule_id"))
        gone = "Somebody deployed or discarded this draft. What you wrote is still here."
        return show(editing, status=404, problems=Problems(by_field={"": [gone]}), asked=True)
    return act(_editing(here, posted, posted.text("rule_id"), draft_id), posted)


@routes.post("/drafts/{draft_id}/discard")
def discard(here: WritingRules, draft_id: DraftId) -> Response:
    """Remove a draft."""
    discard_draft(
        here.viewer.store, here.scope, draft_id, actor=here.viewer.actor, at=here.viewer.at
    )
    return here.viewer.go(here.url("#drafts"), "The draft is discarded.")


@routes.get("/{rule_id}")
def rule(here: ReadingRules, rule_id: RuleId) -> Response:
    """A rule."""
    rules = here.rules()
    found, place = rule_of(rules, rule_id)
    if not here.may_write:
        drafts = [
            one for one in list_drafts(here.viewer.store, here.scope) if one.rule_id == rule_id
        ]
        form = form_of_rule(found, place)
        return here.page("rule.html", form=form, rule=found, place=place, draft=None, drafts=drafts)
    return show(edit_rule(here, found, place, basis_of(rules)))


@routes.post("/{rule_id}")
def change(here: WritingRules, rule_id: RuleId, posted: Posted) -> Response:
    """What the buttons of the form do."""
    return act(_editing(here, posted, rule_id), posted)


def _editing(here: RulesViewer, posted: Form, rule_id: str = "", draft_id: str = "") -> Editing:
    return Editing(
        here=here,
        form=form_from(posted),
        basis=basis_from(posted.text("basis")),
        rule_id=rule_id or None,
        draft_id=draft_id,
        draft_state=posted.text("draft_state"),
        was_at=posted.text("was_at"),
    )


router = both(routes)
