# SPDX-License-Identifier: Apache-2.0
"""What the buttons of a rule's form do: deploy it, log first, keep it as a draft, replay it.

Whoever deploys sees first what the recorded requests say, where there are any that would be decided
differently; and where somebody else deployed meanwhile, what they did, with their own change on top
of it. Nothing that somebody wrote is lost by any of this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.dashboard.replaying import replay_of
from authz.dashboard.rule_editing import Editing, checked, on_top, problems_of, show
from authz.errors import (
    AccessError,
    AuthzError,
    ForbiddenError,
    NotFoundError,
    PreconditionError,
    StoreUnavailableError,
)
from authz.services.rule_deployment import deploy_rule
from authz.services.rule_drafts import list_drafts, save_draft, state_of

if TYPE_CHECKING:
    from fastapi import Response

    from authz.dashboard.forms import Form
    from authz.services.rule_deployment import Deployed
    from authz.store.rule_drafts import RuleDraft

#: What a button says (`do`); with EDIT, and whatever else, the editor is shown.
DEPLOY = "deploy"
LOG_FIRST = "log"
DRAFT = "draft"
REPLAY = "replay"
EDIT = "edit"


def act(editing: Editing, posted: Form) -> Response:
    """Do what the button says, or show the form again with what is wrong."""
    suggestion = posted.raw("suggestion")
    if suggestion:
        editing = replace(editing, form=replace(editing.form, expression=suggestion))
        return show(editing, asked=True)
    do = posted.text("do")
    try:
        if do == DRAFT:
            return _draft(editing)
        if do in (DEPLOY, LOG_FIRST):
            return _deploy(editing, posted, log_first=do == LOG_FIRST)
        if do == REPLAY:
            return _replay(editing)
    except PreconditionError:
        theirs = _draft_of_others(editing)
        if theirs is not None:
            # Whoever presses the button again has seen theirs.
            seen = replace(editing, draft_state=state_of(theirs))
            return show(seen, status=412, theirs=theirs, asked=True)
        on_theirs, others = on_top(editing)
        return show(on_theirs, status=412, others=others, is_conflict=True, asked=True)
    except (AccessError, StoreUnavailableError):
        raise
    except NotFoundError as error:
        gone = replace(editing, draft_id="")
        return show(gone, status=404, problems=problems_of(error), asked=True)
    except AuthzError as error:
        return show(editing, status=400, problems=problems_of(error), asked=True)
    return show(editing, asked=True)


def _draft_of_others(editing: Editing) -> RuleDraft | None:
    """The draft, if it is not what its author has seen of it."""
    here = editing.here
    for draft in list_drafts(here.viewer.store, here.scope):
        if draft.id == editing.draft_id and state_of(draft) != editing.draft_state:
            return draft
    return None


def _draft(editing: Editing) -> Response:
    here = editing.here
    save_draft(
        here.viewer.store,
        here.scope,
        editing.wanted(),
        actor=here.viewer.actor,
        at=here.viewer.at,
    )
    return here.viewer.go(
        here.url("#drafts"), f"The draft of {editing.form.name} is saved. Nothing else has changed."
    )


def _deploy(editing: Editing, posted: Form, *, log_first: bool) -> Response:
    wrong, _ = checked(editing)
    if wrong is not None:
        return show(editing, status=400, asked=True)
    here = editing.here
    if not log_first and posted.text("confirmed") != editing.digest:
        # What cannot be deployed is told before anything else.
        _put(editing, rehearse=True)
        try:
            replayed = replay_of(editing)
        except ForbiddenError:
            # They may deploy what they may not try: it reads a list that is not theirs to read.
            replayed = None
        if replayed is not None and replayed.changes:
            return show(editing, replayed=replayed, is_held=True, asked=True)
    done = _put(editing, log_first=log_first)
    if log_first:
        notice = (
            f"{editing.form.name} logs what it would block. See its matches, then let it block."
        )
        return here.viewer.go(here.url(f"/{done.rule['id']}"), notice)
    notice = f"{editing.form.name} is deployed."
    if done.rules.loosened:
        notice += f" Less strict than before: {'; '.join(done.rules.loosened)}."
    return here.viewer.go(here.url(), notice)


def _put(editing: Editing, *, log_first: bool = False, rehearse: bool = False) -> Deployed:
    here = editing.here
    store = here.viewer.store
    return deploy_rule(
        store.rehearsal() if rehearse else store,
        here.scope,
        editing.wanted(log_first=log_first),
        geo=here.viewer.backend.geo,
        actor=here.viewer.actor,
        at=here.viewer.at,
    )


def _replay(editing: Editing) -> Response:
    wrong, _ = checked(editing)
    if wrong is not None:
        return show(editing, status=400, asked=True)
    _put(editing, rehearse=True)
    try:
        replayed = replay_of(editing)
    except ForbiddenError as error:
        return show(editing, asked=True, info=f"It cannot be replayed: {error}.")
    info = (
        ""
        if replayed is not None
        else "No requests are recorded yet, so there is nothing to replay."
    )
    return show(editing, replayed=replayed, asked=True, info=info)
