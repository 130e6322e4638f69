# SPDX-License-Identifier: Apache-2.0
"""What the calls of rulesets share: their scope, preconditions and dry runs.

The same calls are there for zones and for the account: `both` puts them below either. A change may
say which version it was made from (`If-Match`, or the parameter `version`; `If-None-Match: *` for
none, when it is to make the ruleset), and may be a dry run
(`dry_run=true`): everything is checked and done, and undone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import SkipValidation

from authz.api.calls import AccountId, Call, Caller, ZoneId, call_of_account, call_of_zone
from authz.api.envelope import Failure, ok
from authz.api.preconditions import strong_tags, tagged
from authz.api.problems import INVALID_REQUEST, LOOSENED, MAX_PROBLEMS, ApiError, could_not_route
from authz.services.permissions import Level, Resource
from authz.services.privileges import Of, Privilege, needing
from authz.services.representation import ruleset_object
from authz.services.ruleset_management import ANY
from authz.services.scopes import Scope, scope_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.services.rulesets import RulesInForce
    from authz.store.engine import Store

_ID: Final = re.compile(r"[0-9a-f]{32}")
_VERSION: Final = re.compile(r"[0-9]{1,9}")

_FAILED: Final = "The ruleset is at another version than the one that was asked for."

_T = TypeVar("_T")
#: A body that its service judges: described by a model, taken as it is.
Given = Annotated[_T, SkipValidation]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesetCall:
    """A call about the rulesets of a scope."""

    call: Call
    scope: Scope

    @property
    def store(self) -> Store:
        """The store; raises StoreUnavailableError."""
        return self.call.store


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(RulesetCall):
    """A call that changes rulesets.

    Args:
        version: the one that must be in force, or one of several
            (services.ruleset_management.ANY: any).
        dry_run: nothing is to be kept.
    """

    version: int | frozenset[int] | None
    dry_run: bool

    @property
    def place(self) -> Store:
        """Where the change is made."""
        return self.store.rehearsal() if self.dry_run else self.store

    def how(self) -> dict[str, Any]:
        """Who makes it, when, and from which version."""
        return {"actor": self.call.actor, "at": self.call.at, "version": self.version}

    def answer(self, after: RulesInForce, response: Response) -> dict[str, Any]:
        """The ruleset afterwards, of a dry run nothing; and what is less strict than before."""
        told = ok(None) if self.dry_run else answer(after, response)
        return told | {"messages": _loosened(after.loosened)}

    def no_content(self) -> Response:
        """What is said of what is gone."""
        return Response(status_code=204)


def answer(found: RulesInForce, response: Response) -> dict[str, Any]:
    """A ruleset with its rules, and its version as the entity tag."""
    assert found.ruleset is not None, "a ruleset is answered with"
    tagged(response, str(found.version))
    return ok(ruleset_object(found.ruleset, found.rules))


def _loosened(phrases: Sequence[str]) -> list[dict[str, Any]]:
    told = [{"code": LOOSENED, "message": one} for one in phrases[:MAX_PROBLEMS]]
    if len(phrases) > MAX_PROBLEMS:
        more = len(phrases) - MAX_PROBLEMS
        told.append({"code": LOOSENED, "message": f"{more} more are less strict than before"})
    return told


def both(calls: APIRouter) -> APIRouter:
    """These calls below each zone, and below the account."""
    router = APIRouter(responses={412: {"model": Failure, "description": _FAILED}})
    router.include_router(calls, prefix="/zones/{zone_id}", dependencies=[Depends(_zone)])
    router.include_router(calls, prefix="/accounts/{account_id}", dependencies=[Depends(_account)])
    return router


def _zone(_zone_id: Annotated[str, Path(alias="zone_id")]) -> None:
    """For the description: the path has it."""


def _account(_account_id: Annotated[str, Path(alias="account_id")]) -> None:
    """For the description: the path has it."""


def _check_parameters(request: Request) -> None:
    # Only the last would count: whoever reads "dry_run=true" in a log must be able to rely on it.
    for name in request.query_params:
        if len(set(request.query_params.getlist(name))) > 1:
            raise ApiError(
                400, INVALID_REQUEST, f'the parameter "{name}" is there with several values'
            )


def _scoped(request: Request, call: Caller, level: Level) -> RulesetCall:
    _check_parameters(request)
    zone_id: ZoneId | None = request.path_params.get("zone_id")
    if zone_id is not None:
        allowed = call_of_zone(request, zone_id, call, Resource.RULES, level)
        assert allowed.zone is not None, "the path has a zone"
        return RulesetCall(call=allowed, scope=scope_of(allowed.zone))
    account_id: AccountId = request.path_params["account_id"]
    allowed = call_of_account(request, account_id, call, Resource.RULES, level)
    return RulesetCall(call=allowed, scope=Scope(account_id=allowed.account_id))


def _reading(request: Request, call: Caller) -> RulesetCall:
    return _scoped(request, call, Level.READ)


def _changing(
    request: Request,
    call: Caller,
    dry_run: Annotated[
        Literal["true", "false"], Query(description="Check everything and keep nothing.")
    ] = "false",
    version: Annotated[
        int | None, Query(ge=0, description="The version that must be in force; 0 for none.")
    ] = None,
    if_match: Annotated[
        str | None, Header(description='The same as an entity tag: `"7"`; `*` for any version.')
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="`*`: there must be no ruleset yet.")
    ] = None,
) -> Change:
    scoped = _scoped(request, call, Level.WRITE)
    return Change(
        call=scoped.call,
        scope=scoped.scope,
        version=_wanted(version, if_match, if_none_match),
        dry_run=dry_run == "true",
    )


def _rules(level: Level) -> Privilege:
    return Privilege(resource=Resource.RULES, level=level, of=Of.PATH)


def _wanted(
    version: int | None, if_match: str | None, if_none_match: str | None
) -> int | frozenset[int] | None:
    if if_none_match is not None:
        if if_none_match.strip() != "*" or if_match is not None or version not in (None, 0):
            raise ApiError(
                400,
                INVALID_REQUEST,
                "If-None-Match is supported as *, and without If-Match and version",
            )
        return 0
    tags = None if if_match is None else strong_tags(if_match)
    if tags is None:
        return ANY if if_match is not None and version is None else version
    # What is no number is the entity tag of no version.
    wanted = frozenset(int(one) for one in tags if _VERSION.fullmatch(one))
    return wanted if version is None else wanted & {version}


def identifier(request: Request, given: str) -> str:
    """An identifier of the path.

    Raises:
        ApiError: it is none (404).
    """
    if not _ID.fullmatch(given):
        raise could_not_route(request.url.path)
    return given


def _ruleset_id(
    request: Request, ruleset_id: Annotated[str, Path(description="The ruleset's identifier.")]
) -> str:
    return identifier(request, ruleset_id)


def _rule_id(
    request: Request, rule_id: Annotated[str, Path(description="The rule's identifier.")]
) -> str:
    return identifier(request, rule_id)


def _version_number(
    request: Request, ruleset_version: Annotated[str, Path(description="Digits.")]
) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", ruleset_version):
        raise could_not_route(request.url.path)
    return int(ruleset_version)


Reading = Annotated[RulesetCall, Depends(needing(_reading, _rules(Level.READ)))]
Changing = Annotated[Change, Depends(needing(_changing, _rules(Level.WRITE)))]
RulesetId = Annotated[str, Depends(_ruleset_id)]
RuleId = Annotated[str, Depends(_rule_id)]
VersionNumber = Annotated[int, Depends(_version_number)]
PhaseName = Annotated[str, Path(description="`http_request_firewall_custom`.")]
