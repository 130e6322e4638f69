# SPDX-License-Identifier: Apache-2.0
"""`/{scope}/rulesets`: list, create, get, update, delete, and the entry points of phases.

`{scope}` is `zones/{zone_id}` or `accounts/{account_id}`. Single rules are in rulesets_rules, old
versions in rulesets_versions.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from authz.api.envelope import Continued, Envelope, continued
from authz.api.models.rulesets import (
    ChangedEntryPoint,
    ChangedRuleset,
    NewRuleset,
    RulesetObject,
    RulesetOutline,
)
from authz.api.problems import NO_ENTRY_POINT, ApiError
from authz.api.refusals import refused
from authz.api.rulesets import (
    Changing,
    Given,
    PhaseName,
    Reading,
    RulesetId,
    answer,
    both,
)
from authz.services.representation import ruleset_object
from authz.services.ruleset_management import (
    create_ruleset,
    delete_ruleset,
    get_entry_point,
    get_ruleset,
    list_rulesets,
    put_entry_point,
    update_ruleset,
)

_calls = APIRouter(prefix="/rulesets", tags=["Rulesets"])

#: Only what a ruleset has is in an answer: no `logging` of a rule that has none.
_PLAIN: Any = {"response_model_exclude_unset": True}


@_calls.get("", response_model=Continued[RulesetOutline], **_PLAIN)
def list_them(
    call: Reading,
    cursor: Annotated[
        str, Query(description="No page has one: a scope has one ruleset at most.")
    ] = "",
    per_page: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> dict[str, Any]:
    """The rulesets, without their rules."""
    if cursor:
        raise refused("query cursor: it is of no page of this list")
    found = [ruleset_object(one) for one in list_rulesets(call.store, call.scope)]
    return continued(found, per_page=per_page, cursor=None)


@_calls.post("", response_model=Envelope[RulesetObject | None], **_PLAIN)
def create(call: Changing, body: Given[NewRuleset], response: Response) -> dict[str, Any]:
    """Make the entry point of a phase; where there is one, that is a 400 with code 20217."""
    geo = call.call.backend.geo
    made = create_ruleset(call.place, call.scope, body, geo=geo, **call.how())
    return call.answer(made, response)


@_calls.get("/phases/{ruleset_phase}/entrypoint", response_model=Envelope[RulesetObject], **_PLAIN)
def get_entry(call: Reading, ruleset_phase: PhaseName, response: Response) -> dict[str, Any]:
    """The ruleset that a phase begins with."""
    found = get_entry_point(call.store, call.scope, ruleset_phase)
    if found is None:
        raise no_entry_point(ruleset_phase)
    return answer(found, response)


@_calls.put(
    "/phases/{ruleset_phase}/entrypoint", response_model=Envelope[RulesetObject | None], **_PLAIN
)
def put_entry(
    call: Changing, ruleset_phase: PhaseName, body: Given[ChangedEntryPoint], response: Response
) -> dict[str, Any]:
    """Replace the rules that a phase begins with; the ruleset is made where there is none."""
    geo = call.call.backend.geo
    after = put_entry_point(call.place, call.scope, ruleset_phase, body, geo=geo, **call.how())
    return call.answer(after, response)


@_calls.get("/{ruleset_id}", response_model=Envelope[RulesetObject], **_PLAIN)
def get(call: Reading, ruleset_id: RulesetId, response: Response) -> dict[str, Any]:
    """The version in force, with its rules."""
    return answer(get_ruleset(call.store, call.scope, ruleset_id), response)


@_calls.put("/{ruleset_id}", response_model=Envelope[RulesetObject | None], **_PLAIN)
def update(
    call: Changing, ruleset_id: RulesetId, body: Given[ChangedRuleset], response: Response
) -> dict[str, Any]:
    """Replace its rules, its description, or both. A rule whose `ref` is there keeps its ID."""
    geo = call.call.backend.geo
    after = update_ruleset(call.place, call.scope, ruleset_id, body, geo=geo, **call.how())
    return call.answer(after, response)


@_calls.delete("/{ruleset_id}", status_code=204, response_class=Response)
def delete(call: Changing, ruleset_id: RulesetId) -> Response:
    """Remove it with all its versions."""
    delete_ruleset(call.place, call.scope, ruleset_id, **call.how())
    return call.no_content()


def no_entry_point(phase: str) -> ApiError:
    """What Cloudflare says where a phase has no rules."""
    return ApiError(404, NO_ENTRY_POINT, f"could not find entrypoint ruleset in the {phase} phase")


router = both(_calls)
