# SPDX-License-Identifier: Apache-2.0
"""Rules as the list shows them: one row each, some rows on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.dashboard.shown import counted
from authz.sources.rule_json import ref_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.store.rule_drafts import RuleDraft

#: Rules of one page: each has some forms, and a page has at most 150 KB.
PER_PAGE: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule of the list.

    Args:
        place: from 1.
        drafts: how many drafts change it.
        to_block: the draft of the same rule with the action Block, of one that logs first.
    """

    place: int
    id: str
    ref: str
    description: str
    expression: str
    action: str
    enabled: bool
    answers: str = ""
    drafts: int = 0
    to_block: str = ""

    @property
    def name(self) -> str:
        """What the rule is called."""
        return self.description or self.ref


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePage:
    """Some rules.

    Args:
        number: of the page, from 1, of `pages`.
        total: how many rules there are in all.
    """

    rows: tuple[RuleRow, ...]
    number: int
    pages: int
    total: int


def page_of(
    rules: Sequence[Mapping[str, Any]], drafts: Sequence[RuleDraft] = (), *, number: int = 1
) -> RulePage:
    """A page of the list; the last one where there is none of this number."""
    pages = max(1, -(-len(rules) // PER_PAGE))
    here = max(1, min(number, pages))
    first = (here - 1) * PER_PAGE
    some = rules[first : first + PER_PAGE]
    rows = tuple(_row(rule, place, drafts) for place, rule in enumerate(some, first + 1))
    return RulePage(rows=rows, number=here, pages=pages, total=len(rules))


def to_block(rule: Mapping[str, Any], drafts: Sequence[RuleDraft]) -> str:
    """The draft that is the same rule with the action Block, "" for none.

    That is what deploying a rule with the action Log first leaves beside it.
    """
    if rule.get("action") != "log":
        return ""
    for draft in drafts:
        same = draft.rule_id == rule["id"] and draft.rule.get("expression") == rule["expression"]
        if same and draft.rule.get("action") == "block":
            return draft.id
    return ""


def name_of(rule: Mapping[str, Any]) -> str:
    """What a rule is called: its description, or its ref."""
    return str(rule.get("description") or ref_of(rule))


def page_number(place: int) -> int:
    """The page that a rule at a place is on."""
    return 1 + (max(1, place) - 1) // PER_PAGE


def _row(rule: Mapping[str, Any], place: int, drafts: Sequence[RuleDraft]) -> RuleRow:
    parameters = rule.get("action_parameters") or {}
    return RuleRow(
        place=place,
        id=str(rule["id"]),
        ref=ref_of(rule),
        description=str(rule.get("description") or ""),
        expression=str(rule["expression"]),
        action=str(rule["action"]),
        enabled=bool(rule.get("enabled", True)),
        answers=_answers(parameters),
        drafts=sum(one.rule_id == rule["id"] for one in drafts),
        to_block=to_block(rule, drafts),
    )


def _answers(parameters: Mapping[str, Any]) -> str:
    """What a rule does besides what its action says, in a few words."""
    response = parameters.get("response")
    if isinstance(response, dict):
        return f"answers {response.get('status_code')}"
    if "ruleset" in parameters or "phase" in parameters:
        return "all rules after it"
    skipped = parameters.get("rules")
    if isinstance(skipped, dict):
        count = sum(len(some) for some in skipped.values() if isinstance(some, list))
        return counted(count, "rule")
    return ""
