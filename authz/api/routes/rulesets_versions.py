# SPDX-License-Identifier: Apache-2.0
"""`/{scope}/rulesets/{ruleset_id}/versions`: what a ruleset was; also of the entry points."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from authz.api.envelope import Envelope, ok
from authz.api.models.rulesets import RulesetObject, RulesetOutline
from authz.api.routes.rulesets import no_entry_point
from authz.api.rulesets import (
    Changing,
    PhaseName,
    Reading,
    RulesetCall,
    RulesetId,
    VersionNumber,
    both,
)
from authz.services.representation import ruleset_object
from authz.services.ruleset_management import get_entry_point
from authz.services.ruleset_versions import get_version, list_versions, remove_version

_calls = APIRouter(prefix="/rulesets", tags=["Rulesets"])
_PLAIN: Any = {"response_model_exclude_unset": True}


@_calls.get(
    "/phases/{ruleset_phase}/entrypoint/versions", response_model=Envelope[list[RulesetOutline]]
)
def list_of_entry(call: Reading, ruleset_phase: PhaseName) -> dict[str, Any]:
    """Every version of a phase's entry point, the latest first; none where there is none."""
    found = get_entry_point(call.store, call.scope, ruleset_phase)
    return ok([] if found is None or found.ruleset is None else _all(call, found.ruleset.id))


@_calls.get(
    "/phases/{ruleset_phase}/entrypoint/versions/{ruleset_version}",
    response_model=Envelope[RulesetObject],
    **_PLAIN,
)
def get_of_entry(
    call: Reading, ruleset_phase: PhaseName, ruleset_version: VersionNumber
) -> dict[str, Any]:
    """One version of a phase's entry point."""
    found = get_entry_point(call.store, call.scope, ruleset_phase)
    if found is None or found.ruleset is None:
        raise no_entry_point(ruleset_phase)
    return ok(_one(call, found.ruleset.id, ruleset_version))


@_calls.get("/{ruleset_id}/versions", response_model=Envelope[list[RulesetOutline]])
def list_them(call: Reading, ruleset_id: RulesetId) -> dict[str, Any]:
    """Every version that is kept, the latest first; without rules."""
    return ok(_all(call, ruleset_id))


@_calls.get(
    "/{ruleset_id}/versions/{ruleset_version}", response_model=Envelope[RulesetObject], **_PLAIN
)
def get(call: Reading, ruleset_id: RulesetId, ruleset_version: VersionNumber) -> dict[str, Any]:
    """One version, with its rules."""
    return ok(_one(call, ruleset_id, ruleset_version))


@_calls.delete("/{ruleset_id}/versions/{ruleset_version}", status_code=204, response_class=Response)
def delete(call: Changing, ruleset_id: RulesetId, ruleset_version: VersionNumber) -> Response:
    """Remove an old version."""
    remove_version(
        call.place,
        call.scope,
        ruleset_id,
        ruleset_version,
        in_force=call.version,
        actor=call.call.actor,
        at=call.call.at,
    )
    return call.no_content()


def _all(call: RulesetCall, ruleset_id: str) -> list[dict[str, Any]]:
    return [ruleset_object(one) for one in list_versions(call.store, call.scope, ruleset_id)]


def _one(call: RulesetCall, ruleset_id: str, number: int) -> dict[str, Any]:
    ruleset, version = get_version(call.store, call.scope, ruleset_id, number)
    return ruleset_object(ruleset, version.rules)


router = both(_calls)
