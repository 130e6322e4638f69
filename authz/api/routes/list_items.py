# SPDX-License-Identifier: Apache-2.0
"""`/accounts/{account_id}/rules/lists/{list_id}/items`, and the operations on them.

A call that changes items answers when that is done, with an operation that is completed. `ETag` of
items names the revision of the list, and `If-Match` replaces the items of that one only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Response

from authz.api.cursors import item_cursor, item_place
from authz.api.envelope import ContinuedAfter, Envelope, Failure, ok
from authz.api.large_bodies import LargeBody, decoded
from authz.api.models.list_items import (
    IDS_BODY,
    ITEMS_BODY,
    ItemObject,
    OperationId,
    OperationObject,
)
from authz.api.preconditions import Matching, tagged, unconditional
from authz.api.problems import INVALID_REQUEST, ApiError, pointer_of, problem
from authz.api.routes.lists import LISTS, OneList, Reader, Writer
from authz.rules.list_items import ListKind
from authz.services.list_items import (
    append_items,
    get_operation,
    read_item,
    read_items,
    remove_items,
    replace_items,
)
from authz.services.list_values import GivenItem, JudgedItems, judge_items
from authz.services.lists import get_list
from authz.services.representation import list_item_object
from authz.services.times import rfc3339

if TYPE_CHECKING:
    from authz.api.calls import Call
    from authz.services.list_values import ItemProblem

router = APIRouter(tags=["Lists"])

ITEMS = f"{LISTS}/{{list_id}}/items"

#: Cloudflare's, for a value that is there twice in one body.
DUPLICATE_ITEM: Final = 10028

_TOO_LARGE: Final[dict[int | str, dict[str, Any]]] = {
    413: {"model": Failure, "description": "The body is too large."}
}
_CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    412: {"model": Failure, "description": "The list was changed meanwhile."}
}


class _ItemId(msgspec.Struct, frozen=True, gc=False):
    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class _ItemIds(msgspec.Struct, frozen=True, gc=False):
    items: list[_ItemId]


_GIVEN: Final = msgspec.json.Decoder(list[GivenItem])
_IDS: Final = msgspec.json.Decoder(_ItemIds)


@router.get(ITEMS, response_model=ContinuedAfter[ItemObject], response_model_exclude_none=True)
def list_them(
    call: Reader,
    list_id: OneList,
    response: Response,
    cursor: Annotated[
        str, Query(description="`result_info.cursors.after` of the page before.")
    ] = "",
    per_page: Annotated[int, Query(ge=1, le=500)] = 500,
    search: Annotated[
        str,
        Query(
            description="Addresses that begin with it, host names and strings that have it in "
            "them, numbers that it is; empty for all."
        ),
    ] = "",
) -> dict[str, Any]:
    """Items in the order they were added; one that is what is looked for comes first."""
    page = read_items(
        call.store,
        call.account_id,
        list_id,
        search=search,
        place=item_place(cursor) if cursor else None,
        most=per_page,
    )
    tagged(response, str(page.list.revision))
    cursors = {} if page.following is None else {"after": item_cursor(page.following)}
    return ok(
        [list_item_object(page.list, one) for one in page.items],
        result_info={"cursors": cursors},
    )


@router.post(
    ITEMS,
    response_model=Envelope[OperationId],
    responses=_TOO_LARGE,
    dependencies=[Depends(unconditional)],
    openapi_extra=ITEMS_BODY,
)
def append(call: Writer, list_id: OneList, body: LargeBody) -> dict[str, Any]:
    """Add items; one whose value is there already gives that one its comment."""
    judged = _judged(call, list_id, body)
    done = append_items(call.store, call.account_id, list_id, judged, actor=call.actor, at=call.at)
    return ok({"operation_id": done.id})


@router.put(
    ITEMS,
    response_model=Envelope[OperationId],
    responses={**_TOO_LARGE, **_CHANGED},
    openapi_extra=ITEMS_BODY,
)
def replace(
    call: Writer, list_id: OneList, precondition: Matching, body: LargeBody
) -> dict[str, Any]:
    """Make these all the items of the list."""
    judged = _judged(call, list_id, body)
    done = replace_items(
        call.store,
        call.account_id,
        list_id,
        judged,
        precondition=precondition,
        actor=call.actor,
        at=call.at,
    )
    return ok({"operation_id": done.id})


@router.delete(
    ITEMS,
    response_model=Envelope[OperationId],
    responses=_TOO_LARGE,
    dependencies=[Depends(unconditional)],
    openapi_extra=IDS_BODY,
)
def delete(call: Writer, list_id: OneList, body: LargeBody) -> dict[str, Any]:
    """Remove items; those that are gone already are passed over."""
    wanted = decoded(_IDS, body)
    done = remove_items(
        call.store,
        call.account_id,
        list_id,
        (one.id for one in wanted.items),
        actor=call.actor,
        at=call.at,
    )
    return ok({"operation_id": done.id})


@router.get(
    f"{ITEMS}/{{item_id}}",
    response_model=Envelope[ItemObject],
    response_model_exclude_none=True,
)
def get(
    call: Reader,
    list_id: OneList,
    item_id: Annotated[str, Path(description="The item's identifier.", examples=["0" * 32])],
) -> dict[str, Any]:
    """One item."""
    page = read_item(call.store, call.account_id, list_id, item_id)
    return ok(list_item_object(page.list, page.items[0]))


@router.get(f"{LISTS}/bulk_operations/{{operation_id}}", response_model=Envelope[OperationObject])
def operation(
    call: Reader,
    operation_id: Annotated[
        str, Path(description="What a call answered that changed items.", examples=["0" * 32])
    ],
) -> dict[str, Any]:
    """Whether an operation is completed: it is."""
    found = get_operation(call.store, call.account_id, operation_id)
    assert found.completed_at is not None, "it is kept when it is done"
    return ok({"id": found.id, "status": found.status, "completed": rfc3339(found.completed_at)})


def _judged(call: Call, list_id: str, body: bytes) -> JudgedItems:
    known = get_list(call.store, call.account_id, list_id)
    given = decoded(_GIVEN, body)
    judged = judge_items(ListKind(known.list.kind), given)
    if judged.problems:
        first, *others = (_problem(one) for one in judged.problems)
        raise ApiError(
            400,
            first["code"],
            first["message"],
            pointer=first["source"]["pointer"],
            others=others,
        )
    return judged


def _problem(one: ItemProblem) -> dict[str, Any]:
    code = INVALID_REQUEST if one.repeats is None else DUPLICATE_ITEM
    path: list[str | int] = [one.position, *filter(None, one.field.split("/"))]
    return problem(code, one.message, pointer_of(path))
