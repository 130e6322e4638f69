# SPDX-License-Identifier: Apache-2.0
"""`/user/tokens`: API tokens; and `/user`, of whom there is one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query

from authz.api.calls import Call, Caller, user_call
from authz.api.envelope import Envelope, Paged, SinglePage, ok, page_of, single
from authz.api.models.tokens import (
    ChangedToken,
    DeletedToken,
    GroupObject,
    MadeTokenObject,
    NewToken,
    TokenObject,
    UserObject,
    VerifiedToken,
)
from authz.api.problems import ApiError
from authz.api.refusals import refused
from authz.errors import InvalidInputError
from authz.services.context import account_of
from authz.services.permissions import PERMISSION_GROUPS, Level, Resource
from authz.services.representation import token_object, token_times
from authz.services.token_policies import PolicyDraft
from authz.services.tokens import (
    create_token,
    get_token,
    list_tokens,
    revoke_token,
    roll_token,
    update_token,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

router = APIRouter(tags=["API tokens"])

#: Of the one user; a domain that never is (RFC 2606).
_EMAIL: Final = "user@authz.invalid"

TokenId = Annotated[str, Path(description="The token's identifier.", examples=["0" * 32])]
Reader = Annotated[Call, user_call(Resource.TOKENS, Level.READ)]
Writer = Annotated[Call, user_call(Resource.TOKENS, Level.WRITE)]


@router.get("/user", response_model=Envelope[UserObject])
def user(call: Caller) -> dict[str, Any]:
    """Whoever has a token: its identifier is what policies about API tokens name."""
    with call.store.read() as session:
        account = account_of(session)
    return ok(
        {
            "id": account.id,
            "email": _EMAIL,
            "first_name": None,
            "last_name": None,
            "suspended": False,
            "two_factor_authentication_enabled": False,
        }
    )


@router.get(
    "/user/tokens/verify", response_model=Envelope[VerifiedToken], response_model_exclude_none=True
)
def verify(call: Caller) -> dict[str, Any]:
    """The token of this call; one that is not valid gets 401, as everywhere."""
    principal = call.principal
    times = token_times(not_before=principal.not_before, expires_at=principal.expires_at)
    return ok({"id": principal.token_id, "status": "active", **times})


@router.get(
    "/user/tokens/permission_groups",
    response_model=Paged[GroupObject],
    dependencies=[user_call(Resource.TOKENS, Level.READ)],
)
def permission_groups(
    name: Annotated[str | None, Query(description="Only groups of this name.")] = None,
    scope: Annotated[str | None, Query(description="Only groups of this scope.")] = None,
    page: SinglePage = 1,
) -> dict[str, Any]:
    """What a token can be given."""
    return single(
        [
            {
                "id": one.id,
                "name": one.name,
                "description": one.description,
                "scopes": [one.scope],
            }
            for one in PERMISSION_GROUPS
            # Written for the SDK, a value comes encoded twice: its documentation says to encode it.
            if (name is None or one.name in {name, unquote(name)})
            and (scope is None or one.scope in {scope, unquote(scope)})
        ],
        page,
    )


@router.get("/user/tokens", response_model=Paged[TokenObject], response_model_exclude_none=True)
def list_them(
    call: Reader,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 20,
    direction: Annotated[
        Literal["asc", "desc"], Query(description="By when they were made.")
    ] = "asc",
    include_expired: Annotated[bool, Query(description="Those that have expired, too.")] = False,
) -> dict[str, Any]:
    """Every token that was not revoked."""
    found = [token_object(one, call.at) for one in list_tokens(call.store)]
    if not include_expired:
        found = [one for one in found if one["status"] != "expired"]
    if direction == "desc":
        found.reverse()
    return page_of(found, page=page, per_page=per_page)


@router.post(
    "/user/tokens", response_model=Envelope[MadeTokenObject], response_model_exclude_none=True
)
def create(new: NewToken, call: Writer) -> dict[str, Any]:
    """Make a token, which may do no more than that of this call. Its value is given only now."""
    with _pointed():
        made = create_token(
            call.store,
            new.name,
            _drafts(new),
            not_before=_seconds(new.not_before),
            expires_at=_seconds(new.expires_on),
            within=call.principal.grants,
            until=call.principal.expires_at,
            actor=call.actor,
            at=call.at,
        )
    return ok({**token_object(made.token, call.at), "value": made.secret})


@router.get(
    "/user/tokens/{token_id}",
    response_model=Envelope[TokenObject],
    response_model_exclude_none=True,
)
def get(token_id: TokenId, call: Reader) -> dict[str, Any]:
    """One token."""
    return ok(token_object(get_token(call.store, token_id), call.at))


@router.put(
    "/user/tokens/{token_id}",
    response_model=Envelope[TokenObject],
    response_model_exclude_none=True,
)
def update(token_id: TokenId, new: ChangedToken, call: Writer) -> dict[str, Any]:
    """Replace what a token is; its value stays."""
    if new.status == "expired":
        raise refused(
            "a token expires by its expires_on; to end it now, disable or delete it",
            pointer="/status",
        )
    with _pointed():
        changed = update_token(
            call.store,
            token_id,
            name=new.name,
            granted=_drafts(new),
            not_before=_seconds(new.not_before),
            expires_at=_seconds(new.expires_on),
            disabled=None if new.status is None else new.status == "disabled",
            within=call.principal.grants,
            until=call.principal.expires_at,
            actor=call.actor,
            at=call.at,
        )
    return ok(token_object(changed, call.at))


@router.delete("/user/tokens/{token_id}", response_model=Envelope[DeletedToken])
def delete(token_id: TokenId, call: Writer) -> dict[str, Any]:
    """End a token."""
    ended = revoke_token(
        call.store, token_id, within=call.principal.grants, actor=call.actor, at=call.at
    )
    return ok({"id": ended.id})


@router.put("/user/tokens/{token_id}/value", response_model=Envelope[str])
def roll(token_id: TokenId, call: Writer) -> dict[str, Any]:
    """Give a token a new value, which is given only now; the old one counts no more."""
    made = roll_token(
        call.store,
        token_id,
        within=call.principal.grants,
        until=call.principal.expires_at,
        actor=call.actor,
        at=call.at,
    )
    return ok(made.secret)


def _drafts(new: NewToken) -> list[PolicyDraft]:
    if any((new.condition or {}).values()):
        raise refused(
            "conditions are not supported: behind a proxy, every client has the proxy's address; "
            "let a firewall decide who reaches the API",
            pointer="/condition",
        )
    for number, one in enumerate(new.policies):
        if one.effect != "allow":
            raise refused(
                "deny is not supported: a token may do what its policies allow and nothing else",
                pointer=f"/policies/{number}/effect",
            )
    return [
        PolicyDraft(
            groups=tuple(group.id for group in one.permission_groups), resources=one.resources
        )
        for one in new.policies
    ]


def _seconds(moment: Any) -> float | None:
    # Whole seconds, as they are given back.
    return None if moment is None else float(moment.timestamp() // 1)


@contextmanager
def _pointed() -> Iterator[None]:
    """Say where in the body it is, where the use case knows."""
    try:
        yield
    except InvalidInputError as error:
        if error.where is None or not error.where.startswith(
            ("/policies", "/not_before", "/expires_on")
        ):
            raise
        text = f"{error.message} ({error.hint})" if error.hint else error.message
        raise ApiError(400, error.code, text, pointer=error.where) from error
