# SPDX-License-Identifier: Apache-2.0
"""The saved drafts of a zone in the simulator: which there are, and the rules with one of them.

The rules are those that the editor would deploy of the draft, on top of those in force now. An
expression that is only tried is the page's own (pages/simulator.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authz.dashboard.rule_editing import edit_draft
from authz.dashboard.rule_forms import form_of_rule
from authz.dashboard.rule_scopes import RulesViewer
from authz.errors import InvalidInputError
from authz.services.rule_deployment import rules_with
from authz.services.rule_drafts import get_draft, list_drafts
from authz.services.scopes import scope_of

if TYPE_CHECKING:
    from authz.dashboard.viewers import Viewer
    from authz.store.rule_drafts import RuleDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """The rules with a draft.

    Args:
        name: what the draft is called; `url`: where it is.
        rules: all of the zone's, as the API takes them.
    """

    name: str
    url: str
    rules: list[dict[str, Any]]


def drafts_of(viewer: Viewer) -> list[tuple[str, str]]:
    """The drafts of the zone, the latest first: identifier, and what people know them by."""
    scope = _here(viewer).scope
    return [(one.id, f"{_name(one)} · {one.actor}") for one in list_drafts(viewer.store, scope)]


def with_draft(viewer: Viewer, draft_id: str) -> Drafted:
    """The rules of the zone with this draft.

    Raises:
        InvalidInputError: no draft is chosen.
        NotFoundError: it is not there any more.
        RulesetError: it is no rule.
    """
    if not draft_id:
        raise InvalidInputError(
            "no draft is chosen", hint="choose one, or choose the rules in force"
        )
    here = _here(viewer)
    draft = get_draft(viewer.store, here.scope, draft_id)
    editing, _others = edit_draft(here, draft)
    return Drafted(
        name=_name(draft),
        url=here.url(f"/drafts/{draft.id}"),
        rules=rules_with(here.rules(), editing.wanted()),
    )


def _name(draft: RuleDraft) -> str:
    return form_of_rule(draft.rule).name


def _here(viewer: Viewer) -> RulesViewer:
    assert viewer.zone is not None, "the path has a zone"
    base = f"/zones/{viewer.zone_id}/rules"
    return RulesViewer(viewer=viewer, scope=scope_of(viewer.zone), base=base)
