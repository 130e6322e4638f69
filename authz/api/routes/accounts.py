# SPDX-License-Identifier: Apache-2.0
"""`/accounts`: list, get, rename. A store has one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query

from authz.api.calls import Call, Caller, account_call, user_call
from authz.api.envelope import Envelope, Paged, ok, page_of
from authz.api.models.accounts import AccountObject, ChangedAccount, NewAccount
from authz.api.refusals import placed, refused
from authz.services.accounts import get_account, rename_account
from authz.services.permissions import Level, Resource
from authz.services.times import rfc3339

if TYPE_CHECKING:
    from authz.store.records import Account

router = APIRouter(tags=["Accounts"])


@router.get("/accounts", response_model=Paged[AccountObject])
def list_them(
    call: Caller,
    name: Annotated[str | None, Query(description="Only the account of this name.")] = None,
    direction: Annotated[  # noqa: ARG001 - one account has an order
        Literal["asc", "desc"], Query(description="There is one account.")
    ] = "asc",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> dict[str, Any]:
    """The account, if the token may read it."""
    may = call.principal.may(Resource.ACCOUNT, Level.READ)
    found = [get_account(call.store)] if may else []
    found = [one for one in found if name is None or one.name == name]
    return page_of(found, page=page, per_page=per_page, shown=_object)


@router.post("/accounts", response_model=Envelope[AccountObject])
def create(
    _new: NewAccount, _call: Annotated[Call, user_call(Resource.ACCOUNT, Level.WRITE)]
) -> dict[str, Any]:
    """Refused: a store has one account, which is there from the beginning."""
    raise refused(
        "a store has one account, and it is there already: GET /accounts shows it; "
        "another account is another installation"
    )


@router.get("/accounts/{account_id}", response_model=Envelope[AccountObject])
def get(call: Annotated[Call, account_call(Resource.ACCOUNT, Level.READ)]) -> dict[str, Any]:
    """The account."""
    assert call.account is not None
    return ok(_object(call.account))


@router.put("/accounts/{account_id}", response_model=Envelope[AccountObject])
def update(
    changed: ChangedAccount, call: Annotated[Call, account_call(Resource.ACCOUNT, Level.WRITE)]
) -> dict[str, Any]:
    """Give the account another name."""
    if changed.id not in (None, call.account_id):
        raise refused("an account keeps its identifier", pointer="/id")
    with placed("/name"):
        return ok(_object(rename_account(call.store, changed.name, actor=call.actor, at=call.at)))


def _object(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "type": "standard",
        "settings": {"enforce_twofactor": False},
        "created_on": rfc3339(account.created_at),
    }
