# SPDX-License-Identifier: Apache-2.0
"""`/{scope}/rulesets/{ruleset_id}/rules`: add, change, move and delete single rules.

Each answers with the whole ruleset.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response

from authz.api.envelope import Envelope
from authz.api.models.rulesets import ChangedRule, PlacedRule, RulesetObject
from authz.api.rulesets import Changing, Given, RuleId, RulesetId, both
from authz.services.ruleset_rules import add_rule, change_rule, remove_rule

_calls = APIRouter(prefix="/rulesets/{ruleset_id}/rules", tags=["Rulesets"])
_RULESET: Final[Any] = {
    "response_model": Envelope[RulesetObject | None],
    "response_model_exclude_unset": True,
}


@_calls.post("", **_RULESET)
def create(
    call: Changing, ruleset_id: RulesetId, body: Given[PlacedRule], response: Response
) -> dict[str, Any]:
    """Add a rule, behind all others unless `position` says where."""
    geo = call.call.backend.geo
    after = add_rule(call.place, call.scope, ruleset_id, body, geo=geo, **call.how())
    return call.answer(after, response)


@_calls.patch("/{rule_id}", **_RULESET)
def edit(
    call: Changing,
    ruleset_id: RulesetId,
    rule_id: RuleId,
    body: Given[ChangedRule],
    response: Response,
) -> dict[str, Any]:
    """Replace a rule's definition by another, whole one; `position` alone moves the rule."""
    geo = call.call.backend.geo
    after = change_rule(call.place, call.scope, ruleset_id, rule_id, body, geo=geo, **call.how())
    return call.answer(after, response)


@_calls.delete("/{rule_id}", **_RULESET)
def delete(
    call: Changing, ruleset_id: RulesetId, rule_id: RuleId, response: Response
) -> dict[str, Any]:
    """Remove a rule that no other one skips."""
    geo = call.call.backend.geo
    after = remove_rule(call.place, call.scope, ruleset_id, rule_id, geo=geo, **call.how())
    return call.answer(after, response)


router = both(_calls)
