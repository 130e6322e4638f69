# SPDX-License-Identifier: Apache-2.0
"""`/lists/{list_id}`: a list and its items, searched, paged through, added, replaced, removed.

Nothing of it reads more of a list than a page shows, but for the download.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from authz.dashboard.addresses import with_query
from authz.dashboard.attempts import about
from authz.dashboard.forms import Form, Posted
from authz.dashboard.pages.lists import KINDS, Reader, Writer, uses_of
from authz.dashboard.shown import counted
from authz.dashboard.viewers import Viewer
from authz.errors import AuthzError, ConflictError
from authz.rules.list_items import ListKind
from authz.services.list_items import (
    MAX_OF_A_CALL,
    Page,
    Place,
    append_items,
    read_items,
    remove_items,
    replace_items,
)
from authz.services.list_lines import JudgedLines, judge_lines, lines_of
from authz.services.lists import get_list
from authz.services.preconditions import Precondition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.services.lists import KnownList

router = APIRouter()

PER_PAGE: Final = 50

#: A list with more items is not written into the form that replaces them.
MOST_WRITTEN: Final = 1_000

#: Items that are read at a time for the download.
_AT_ONCE: Final = 5_000

_LARGEST: Final = 2**63 - 1
_Number = Annotated[int | None, Query(ge=0, le=_LARGEST)]


@router.get("/lists/{list_id}")
def one(
    list_id: str,
    viewer: Reader,
    search: Annotated[str, Query(max_length=4096)] = "",
    after: _Number = None,
    before: _Number = None,
    of: Annotated[int, Query(ge=0, le=_LARGEST)] = 0,
) -> Response:
    """A page of items.

    `after` and `before` are numbers of items, `of` is when all of them were last replaced.
    """
    known = get_list(viewer.store, viewer.account.id, list_id)
    place = None
    if after is not None or before is not None:
        number = after if after is not None else before or 0
        place = Place(list_id=list_id, search=search, replaced=of, number=number)
    page = read_items(
        viewer.store,
        viewer.account.id,
        list_id,
        search=search,
        place=place,
        backwards=after is None,
        most=PER_PAGE,
    )
    return viewer.page(
        "list.html",
        known=known,
        origin=_origin(viewer, known),
        kind=KINDS[ListKind(known.list.kind)],
        uses=uses_of(viewer, known.rules),
        items=page.items,
        search=search,
        previous=_url(page.preceding, "before"),
        following=_url(page.following, "after"),
        is_first=place is None,
    )


@router.get("/lists/{list_id}/items.txt")
def download(list_id: str, viewer: Reader) -> Response:
    """Every item, as the forms take them."""
    known = get_list(viewer.store, viewer.account.id, list_id)
    return StreamingResponse(
        _lines(viewer, known),
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{known.list.name}.txt"'},
    )


@router.get("/lists/{list_id}/add")
def add(list_id: str, viewer: Writer) -> Response:
    """The form that adds items."""
    return _form(viewer, _known(viewer, list_id), "add", "")


@router.get("/lists/{list_id}/replace")
def replace(list_id: str, viewer: Writer) -> Response:
    """The form that replaces all items; it has them where there are not too many."""
    known = _known(viewer, list_id)
    text = ""
    if known.list.items <= MOST_WRITTEN:
        text = "".join(_lines(viewer, known))
    return _form(viewer, known, "replace", text)


@router.post("/lists/{list_id}/items")
def change(list_id: str, viewer: Writer, form: Posted) -> Response:
    """Add items, or replace all of them (`mode`)."""
    known = _known(viewer, list_id)
    mode = "replace" if form.text("mode") == "replace" else "add"
    text = form.raw("items")
    judged = judge_lines(ListKind(known.list.kind), text)
    count = len(judged.items.items)
    if judged.problems or (not count and mode == "add"):
        errors = [] if judged.problems else ["There is no item — write one a line."]
        return _form(viewer, known, mode, text, status=400, judged=judged, errors=errors)
    try:
        _do(viewer, list_id, mode, judged, form)
    except AuthzError as error:
        return _form(viewer, known, mode, text, **about(error))
    there = get_list(viewer.store, viewer.account.id, list_id).list.items
    said = "The items are replaced" if mode == "replace" else f"{count:,} read and added"
    return viewer.go(f"/lists/{list_id}", f"{said}: the list has {counted(there, 'item')} now.")


@router.post("/lists/{list_id}/items/remove")
def remove(list_id: str, viewer: Writer, form: Posted) -> Response:
    """Remove the items that were chosen."""
    wanted = form.many("item")
    search = form.text("search")
    where = with_query(f"/lists/{list_id}", search=search)
    if not wanted:
        return viewer.go(where, "No item was chosen, and none is removed.")
    before = get_list(viewer.store, viewer.account.id, list_id).list.items
    remove_items(viewer.store, viewer.account.id, list_id, wanted, actor=viewer.actor, at=viewer.at)
    gone = before - get_list(viewer.store, viewer.account.id, list_id).list.items
    return viewer.go(where, f"{counted(gone, 'item')} removed.")


def _do(viewer: Viewer, list_id: str, mode: str, judged: JudgedLines, form: Form) -> None:
    if mode == "add":
        append_items(
            viewer.store,
            viewer.account.id,
            list_id,
            judged.items,
            actor=viewer.actor,
            at=viewer.at,
        )
        return
    replace_items(
        viewer.store,
        viewer.account.id,
        list_id,
        judged.items,
        precondition=Precondition(tags=frozenset({form.text("revision")})),
        actor=viewer.actor,
        at=viewer.at,
    )


def _known(viewer: Viewer, list_id: str) -> KnownList:
    """A list whose items can be changed here."""
    known = get_list(viewer.store, viewer.account.id, list_id)
    origin = _origin(viewer, known)
    if origin is not None:
        raise ConflictError(
            f"the list {known.list.name} came with the policy file of the zone {origin}",
            hint="change the file and apply it",
        )
    return known


def _origin(viewer: Viewer, known: KnownList) -> str | None:
    """The zone whose policy file a list came with."""
    if known.list.zone_id is None:
        return None
    return next((one.name for one in viewer.zones if one.id == known.list.zone_id), "another one")


def _form(
    viewer: Viewer,
    known: KnownList,
    mode: str,
    text: str,
    *,
    judged: JudgedLines | None = None,
    **more: Any,
) -> Response:
    return viewer.page(
        "list_items.html",
        **{"errors": [], **more},
        known=known,
        mode=mode,
        text=text,
        kind=KINDS[ListKind(known.list.kind)],
        problems=() if judged is None else judged.problems,
        most=MAX_OF_A_CALL,
        is_written=known.list.items <= MOST_WRITTEN,
    )


def _lines(viewer: Viewer, known: KnownList) -> Iterator[str]:
    place: Place | None = None
    while True:
        page: Page = read_items(
            viewer.store, viewer.account.id, known.list.id, place=place, most=_AT_ONCE
        )
        yield lines_of(ListKind(known.list.kind), iter(page.items))
        place = page.following
        if place is None:
            return


def _url(place: Place | None, name: str) -> str | None:
    if place is None:
        return None
    values: dict[str, Any] = {"search": place.search} if place.search else {}
    return f"?{urlencode({**values, name: place.number, 'of': place.replaced})}"
