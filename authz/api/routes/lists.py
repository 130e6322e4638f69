# SPDX-License-Identifier: Apache-2.0
"""`/accounts/{account_id}/rules/lists`: create, list, get, describe, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from authz.api.calls import Call, account_call
from authz.api.envelope import Envelope, Paged, SinglePage, ok, single
from authz.api.models.lists import ListChange, ListId, ListObject, NewList
from authz.api.refusals import refused
from authz.services.lists import all_lists, create_list, describe_list, get_list, remove_list
from authz.services.permissions import Level, Resource
from authz.services.representation import list_object

router = APIRouter(tags=["Lists"])

LISTS = "/accounts/{account_id}/rules/lists"

Reader = Annotated[Call, account_call(Resource.LISTS, Level.READ)]
Writer = Annotated[Call, account_call(Resource.LISTS, Level.WRITE)]
OneList = Annotated[str, Path(description="The list's identifier.", examples=["0" * 32])]


@router.get(LISTS, response_model=Paged[ListObject], response_model_exclude_none=True)
def list_them(call: Reader, page: SinglePage = 1) -> dict[str, Any]:
    """The lists of the account, by name; without their items."""
    return single([list_object(one) for one in all_lists(call.store, call.account_id)], page)


@router.post(LISTS, response_model=Envelope[ListObject], response_model_exclude_none=True)
def create(new: NewList, call: Writer) -> dict[str, Any]:
    """Make a list without items."""
    made = create_list(
        call.store,
        call.account_id,
        new.name,
        new.kind,
        description=new.description or "",
        actor=call.actor,
        at=call.at,
    )
    return ok(list_object(made))


@router.get(
    f"{LISTS}/{{list_id}}", response_model=Envelope[ListObject], response_model_exclude_none=True
)
def get(call: Reader, list_id: OneList) -> dict[str, Any]:
    """One list; without its items."""
    return ok(list_object(get_list(call.store, call.account_id, list_id)))


@router.put(
    f"{LISTS}/{{list_id}}", response_model=Envelope[ListObject], response_model_exclude_none=True
)
def describe(change: ListChange, call: Writer, list_id: OneList) -> dict[str, Any]:
    """Give a list another description."""
    known = get_list(call.store, call.account_id, list_id)
    for field, is_now in (("name", known.list.name), ("kind", known.list.kind)):
        given = getattr(change, field)
        if given is not None and given != is_now:
            raise refused(
                f"the {field} of a list cannot be changed (make another list)",
                pointer=f"/{field}",
            )
    if change.description is not None:
        known = describe_list(
            call.store,
            call.account_id,
            list_id,
            change.description,
            actor=call.actor,
            at=call.at,
        )
    return ok(list_object(known))


@router.delete(f"{LISTS}/{{list_id}}", response_model=Envelope[ListId])
def delete(call: Writer, list_id: OneList) -> dict[str, Any]:
    """Remove a list that no rule names."""
    remove_list(call.store, call.account_id, list_id, actor=call.actor, at=call.at)
    return ok({"id": list_id})
