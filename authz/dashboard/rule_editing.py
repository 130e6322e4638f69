# SPDX-License-Identifier: Apache-2.0
"""A rule that somebody is writing: what the editor shows of it.

What its buttons do is in `rule_actions`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.problems import text_of
from authz.dashboard.replaying import may_replay
from authz.dashboard.rule_forms import CONTENT_TYPES, RuleForm, field_of, form_of_rule
from authz.dashboard.rule_matches import events_url, matches_of
from authz.dashboard.rule_rows import name_of, to_block
from authz.dashboard.rule_scopes import basis_text
from authz.errors import ExpressionError, RulesetError
from authz.services.expressions import check_expression
from authz.services.rule_deployment import Basis, Wanted, basis_of
from authz.services.rule_drafts import list_drafts, state_of
from authz.services.rule_merging import rebase
from authz.services.ruleset_input import MAX_RULES
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import Response

    from authz.dashboard.replaying import Replayed
    from authz.dashboard.rule_scopes import RulesViewer
    from authz.errors import AuthzError
    from authz.rules import Finding
    from authz.services.check_counts import RuleCounts
    from authz.services.rule_merging import Rebased
    from authz.store.rule_drafts import RuleDraft

#: Rules that a skip rule can be chosen from by a box each; others are named by their refs.
MOST_BOXES: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Editing:
    """A rule that is being written.

    Args:
        basis: the rules that its author has seen.
        rule_id: the rule that it changes; None: it is a new one.
        draft_id: the draft that it is; "" for none.
        draft_state: what its author has seen of that draft (`rule_drafts.state_of`).
        was_at: the place of the rule that it changes, as the form has it.
    """

    here: RulesViewer
    form: RuleForm
    basis: Basis
    rule_id: str | None = None
    draft_id: str = ""
    draft_state: str = ""
    was_at: str = ""

    @property
    def url(self) -> str:
        """Where its form goes."""
        if self.draft_id:
            return self.here.url(f"/drafts/{self.draft_id}")
        return self.here.url(f"/{self.rule_id or 'new'}")

    @property
    def digest(self) -> str:
        """Of what would be deployed on top of what: whoever saw its replay has seen this."""
        whole = [self.form.rule(), self.form.place, self.rule_id, basis_text(self.basis)]
        text = json.dumps(whole, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def wanted(self, *, log_first: bool = False) -> Wanted:
        """What its author wants.

        Raises:
            RulesetError: the place is none.
        """
        return Wanted(
            rule=self.form.rule(),
            basis=self.basis,
            rule_id=self.rule_id,
            place=_place(self.form.place, self.was_at),
            draft_id=self.draft_id or None,
            draft_state=self.draft_state,
            log_first=log_first,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """What is wrong with a form: texts by field, those of the whole form below ""."""

    by_field: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, name: str) -> Sequence[str]:
        """Those of one field."""
        return self.by_field.get(name, ())

    @property
    def all(self) -> list[str]:
        """Everything, for the top of the page; the expression's own stand below it."""
        return [one for name, some in self.by_field.items() if name != "expression" for one in some]


def problems_of(*errors: AuthzError) -> Problems:
    """Errors, and what was found with each, by the field that they are about."""
    found: dict[str, list[str]] = {}
    for error in errors:
        for one in (error, *error.others):
            found.setdefault(field_of(one), []).append(text_of(one))
    return Problems(by_field=found)


def checked(editing: Editing) -> tuple[ExpressionError | None, tuple[Finding, ...]]:
    """What is wrong with the expression, or what is probably not meant in it."""
    here, form = editing.here, editing.form
    action = form.action if form.action in ("block", "skip", "log") else None
    try:
        found = check_expression(
            here.viewer.store,
            here.scope.zone_id or "",
            form.expression,
            action=action,
            geo=here.viewer.backend.geo,
        )
    except ExpressionError as error:
        return error, ()
    return None, found.findings


def show(
    editing: Editing,
    *,
    status: int = 200,
    problems: Problems | None = None,
    others: Rebased | None = None,
    theirs: RuleDraft | None = None,
    is_conflict: bool = False,
    replayed: Replayed | None = None,
    is_held: bool = False,
    asked: bool = False,
    info: str = "",
) -> Response:
    """The editor.

    Args:
        others: what became of the rules since the change was begun.
        theirs: the draft as somebody else saved it meanwhile.
        is_conflict: somebody tried to deploy; else they opened a draft.
        replayed: what the recorded requests say.
        is_held: somebody tried to deploy, and sees that first.
        asked: a button was pressed: an expression that is empty is wrong then.
        info: something that is no error.
    """
    here = editing.here
    rules = here.rules()
    drafts = list_drafts(here.viewer.store, here.scope)
    rule = next((one for one in rules.rules if one["id"] == editing.rule_id), None)
    wrong: ExpressionError | None = None
    findings: tuple[Finding, ...] = ()
    if asked or editing.form.expression:
        wrong, findings = checked(editing)
    return here.page(
        "rule_editor.html",
        status=status,
        editing=editing,
        form=editing.form,
        basis=basis_text(editing.basis),
        rule=rule,
        rules=rules,
        others=others,
        theirs=theirs,
        is_conflict=is_conflict,
        problems=problems or Problems(),
        wrong=wrong,
        findings=findings,
        replayed=replayed,
        may_replay=may_replay(here.viewer),
        is_held=is_held,
        info=info,
        content_types=CONTENT_TYPES,
        skippable=(skippable := _skippable(rules.rules, editing))[:MOST_BOXES],
        more_to_skip=skippable[MOST_BOXES:],
        matches=None if rule is None else _matches(here, rule),
        events_url=events_url,
        count=len(rules.rules) + (editing.rule_id is None),
        drafts=[one for one in drafts if editing.rule_id and one.rule_id == editing.rule_id],
        to_block="" if rule is None else to_block(rule, drafts),
        can_log_first=editing.form.action == "block" and not _blocks(rule),
    )


def edit_rule(here: RulesViewer, rule: Mapping[str, Any], place: int, basis: Basis) -> Editing:
    """A rule that is there, to be changed."""
    return Editing(
        here=here,
        form=form_of_rule(rule, place),
        basis=basis,
        rule_id=str(rule["id"]),
        was_at=str(place),
    )


def edit_draft(here: RulesViewer, draft: RuleDraft) -> tuple[Editing, Rebased | None]:
    """A draft, on top of the rules as they are now; and what became of them since, if anything."""
    seen = Basis(ruleset_id=draft.ruleset_id, version=draft.version)
    editing = Editing(
        here=here,
        form=form_of_rule(draft.rule, draft.place),
        basis=seen,
        rule_id=draft.rule_id,
        draft_id=draft.id,
        draft_state=state_of(draft),
    )
    if basis_of(here.rules()) == seen:
        return _placed(editing), None
    return on_top(editing)


def on_top(editing: Editing) -> tuple[Editing, Rebased]:
    """The same change on top of the rules that are in force now."""
    here = editing.here
    others = rebase(
        here.viewer.store,
        here.scope,
        editing.form.rule(),
        rule_id=editing.rule_id,
        basis=editing.basis,
    )
    moved = editing.form.place if editing.form.place != editing.was_at else ""
    form = replace(form_of_rule(others.rule), place=moved)
    rebased = replace(
        editing,
        form=form,
        basis=others.basis,
        rule_id=None if others.is_gone else editing.rule_id,
        was_at="",
    )
    return _placed(rebased), others


def _placed(editing: Editing) -> Editing:
    """With the place of the rule that it changes, where it is not to go elsewhere."""
    for place, rule in enumerate(editing.here.rules().rules, 1):
        if rule["id"] == editing.rule_id:
            form = editing.form
            form = form if form.place else replace(form, place=str(place))
            return replace(editing, form=form, was_at=str(place))
    return editing


def _place(text: str, was_at: str) -> int | None:
    if text in ("", was_at):
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_RULES):
        raise RulesetError(
            f'"{text[:20]}" is no place of a rule',
            path=("position",),
            hint="write a number; 1 is the first rule",
        )
    return int(text)


def _skippable(rules: Sequence[Mapping[str, Any]], editing: Editing) -> list[dict[str, Any]]:
    """The rules that a skip rule can leave out; where there are many, those that it does first."""
    chosen = set(editing.form.skip_rules)
    found: list[dict[str, Any]] = [
        {
            "id": str(one["id"]),
            "name": name_of(one),
            "ref": ref_of(one),
            "chosen": str(one["id"]) in chosen or ref_of(one) in chosen,
        }
        for one in rules
        if one["id"] != editing.rule_id
    ]
    return found if len(found) <= MOST_BOXES else sorted(found, key=lambda one: not one["chosen"])


def _matches(here: RulesViewer, rule: Mapping[str, Any]) -> RuleCounts | None:
    return (matches_of(here) or {}).get(ref_of(rule))


def _blocks(rule: Mapping[str, Any] | None) -> bool:
    return rule is not None and rule["action"] == "block" and bool(rule.get("enabled", True))
