# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/rules` and `/rules`: the rules in their order, and what one click does to them.

Whatever changes something says which rules the page showed; where others are in force by then,
nothing is done, and the list is shown as it is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import JSONResponse

from authz.dashboard.forms import Posted
from authz.dashboard.problems import status_of, text_of
from authz.dashboard.rule_matches import events_url, matches_of
from authz.dashboard.rule_rows import name_of, page_number, page_of, to_block
from authz.dashboard.rule_scopes import (
    ReadingRules,
    RuleId,
    RulesViewer,
    WritingRules,
    basis_from,
    basis_text,
    both,
    rule_of,
)
from authz.errors import (
    AccessError,
    AuthzError,
    InvalidInputError,
    NotFoundError,
    StoreUnavailableError,
)
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource
from authz.services.rule_deployment import Wanted, basis_of, check_basis, deploy_rule
from authz.services.rule_drafts import get_draft, list_drafts, state_of
from authz.services.ruleset_rules import change_rule, remove_rule
from authz.services.rulesets import rules_in
from authz.services.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.dashboard.forms import Form
    from authz.services.rulesets import RulesInForce

routes = APIRouter()


@routes.get("")
def listed(here: ReadingRules, page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    """The list."""
    return _list(here, page)


@routes.post("/order")
def order(here: WritingRules, given: Annotated[Any, Body()]) -> JSONResponse:
    """Move a rule, for the script that drags: `{"rule": ID, "place": N, "basis": …}`."""
    asked = given if isinstance(given, dict) else {}
    rule_id, place, basis = (asked.get(key) for key in ("rule", "place", "basis"))
    if (
        not isinstance(rule_id, str)
        or not isinstance(basis, str)
        or not isinstance(place, int)
        or isinstance(place, bool)
        or place < 1
    ):
        raise InvalidInputError("rule, place or basis is missing, or not what it should be")
    after = _moved(here, rule_id, place, basis)
    return here.viewer.json({"basis": basis_text(basis_of(after))})


@routes.post("/{rule_id}/move")
def move(here: WritingRules, rule_id: RuleId, form: Posted) -> Response:
    """Move a rule: `to` is `up`, `down`, `first`, `last` or a place."""

    def act() -> tuple[str, int]:
        rules = here.rules()
        rule, place = rule_of(rules, rule_id)
        wanted = _place(form, place, len(rules.rules))
        _moved(here, rule_id, wanted, form.text("basis"))
        return f"{name_of(rule)} is rule {wanted} now.", wanted

    return _done(here, form, act)


@routes.post("/{rule_id}/enabled")
def enabled(here: WritingRules, rule_id: RuleId, form: Posted) -> Response:
    """Enable a rule, or disable it: `to` is `on` or `off`."""
    on = form.text("to") == "on"

    def act() -> tuple[str, int]:
        rules = _seen(here, form.text("basis"))
        rule, place = rule_of(rules, rule_id)
        _change(here, rules, rule_id, {**rule, "enabled": on})
        return f"{name_of(rule)} is {'enabled' if on else 'disabled'}.", place

    return _done(here, form, act)


@routes.post("/{rule_id}/delete")
def delete(here: WritingRules, rule_id: RuleId, form: Posted) -> Response:
    """Remove a rule."""

    def act() -> tuple[str, int]:
        rules = _seen(here, form.text("basis"))
        rule, place = rule_of(rules, rule_id)
        assert rules.ruleset is not None, "a rule is in one"
        remove_rule(
            here.viewer.store,
            here.scope,
            rules.ruleset.id,
            rule_id,
            version=rules.version,
            geo=here.viewer.backend.geo,
            actor=here.viewer.actor,
            at=here.viewer.at,
        )
        return f"{name_of(rule)} is deleted. It is still in the versions before.", place

    return _done(here, form, act)


@routes.post("/{rule_id}/block")
def block(here: WritingRules, rule_id: RuleId, form: Posted) -> Response:
    """Let a rule that logged first block from now on."""

    def act() -> tuple[str, int]:
        basis = basis_from(form.text("basis"))
        rule, place = rule_of(here.rules(), rule_id)
        draft_id = to_block(rule, list_drafts(here.viewer.store, here.scope))
        if not draft_id:
            raise NotFoundError(
                "what the rule is to do when it blocks is not kept any more",
                hint="open the rule, choose the action Block, and deploy it",
            )
        draft = get_draft(here.viewer.store, here.scope, draft_id)
        wanted = Wanted(
            rule=draft.rule,
            basis=basis,
            rule_id=rule_id,
            draft_id=draft_id,
            draft_state=state_of(draft),
        )
        deploy_rule(
            here.viewer.store,
            here.scope,
            wanted,
            geo=here.viewer.backend.geo,
            actor=here.viewer.actor,
            at=here.viewer.at,
        )
        return f"{name_of(rule)} blocks now.", place

    return _done(here, form, act)


def _list(
    here: RulesViewer, number: int = 1, *, status: int = 200, error: AuthzError | None = None
) -> Response:
    rules = here.rules()
    drafts = list_drafts(here.viewer.store, here.scope)
    page = page_of(rules.rules, drafts, number=number)
    names = {str(rule["id"]): name_of(rule) for rule in rules.rules}
    return here.page(
        "rules.html",
        status=status,
        rules=rules,
        basis=basis_text(basis_of(rules)),
        page=page,
        drafts=drafts,
        names=names,
        to_block={row.to_block for row in page.rows},
        matches=matches_of(here),
        events_url=events_url,
        account_rules=_of_account(here),
        error="" if error is None else text_of(error),
    )


def _of_account(here: RulesViewer) -> dict[str, Any] | None:
    """The account's rules before a zone's: all of them for whoever may see them, else how many."""
    if here.scope.zone is None:
        return None
    with here.viewer.store.read() as session:
        rules = rules_in(session, Scope(account_id=here.scope.account_id)).rules
    may_see = here.viewer.may(Resource.RULES, Level.READ, ACCOUNT_WIDE)
    return {"count": len(rules), "page": page_of(rules) if may_see else None}


def _done(here: RulesViewer, form: Form, act: Callable[[], tuple[str, int]]) -> Response:
    """Do something and go back to the list; or show the list, and why nothing was done."""
    try:
        notice, place = act()
    except (AccessError, StoreUnavailableError):
        raise
    except AuthzError as error:
        return _list(here, _page(form), status=status_of(error), error=error)
    number = page_number(place)
    where = here.url() if number == 1 else here.url(f"?page={number}")
    return here.viewer.go(where, notice)


def _page(form: Form) -> int:
    text = form.text("page")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _seen(here: RulesViewer, basis: str) -> RulesInForce:
    """What is in force, if it is what the page showed."""
    rules = here.rules()
    check_basis(rules, basis_from(basis))
    return rules


def _moved(here: RulesViewer, rule_id: str, place: int, basis: str) -> RulesInForce:
    rules = _seen(here, basis)
    rule_of(rules, rule_id)
    return _change(here, rules, rule_id, {"position": {"index": min(place, len(rules.rules))}})


def _change(
    here: RulesViewer, rules: RulesInForce, rule_id: str, body: dict[str, Any]
) -> RulesInForce:
    assert rules.ruleset is not None, "a rule is in one"
    return change_rule(
        here.viewer.store,
        here.scope,
        rules.ruleset.id,
        rule_id,
        body,
        version=rules.version,
        geo=here.viewer.backend.geo,
        actor=here.viewer.actor,
        at=here.viewer.at,
    )


def _place(form: Form, place: int, count: int) -> int:
    wanted = {"up": place - 1, "down": place + 1, "first": 1, "last": count}
    to = form.text("to")
    if to in wanted:
        return max(1, min(count, wanted[to]))
    number = form.number("to", 0)
    if not 1 <= number <= count:
        raise InvalidInputError(
            f"there is no place {to!r} among {count} rules",
            hint=f"write a number from 1 to {count}",
        )
    return number


router = both(routes)
