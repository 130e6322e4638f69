# SPDX-License-Identifier: Apache-2.0
"""What every answer looks like (Cloudflare's v4 envelope).

    {"success": true, "errors": [], "messages": [], "result": …, "result_info": …}

Routes return `ok(…)` and friends, and name the model of what they return: `Envelope[Zone]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
_One = TypeVar("_One")


def _is_none(value: object) -> bool:
    return value is None


class Source(BaseModel):
    """Where in the body it is (RFC 6901)."""

    pointer: str


class Problem(BaseModel):
    """One error or message."""

    code: int = Field(ge=1000)
    message: str
    documentation_url: str | None = Field(default=None, exclude_if=_is_none)
    source: Source | None = Field(default=None, exclude_if=_is_none)


class Failure(BaseModel):
    """The answer to a call that failed; its HTTP status says how."""

    success: Literal[False] = False
    errors: list[Problem]
    messages: list[Problem] = []
    result: None = None


class Envelope(BaseModel, Generic[T]):
    """The answer to a call that did what it was asked."""

    model_config = ConfigDict(title="Envelope")

    success: Literal[True] = True
    errors: list[Problem] = []
    messages: list[Problem] = []
    result: T


class PageInfo(BaseModel):
    """Which page this is."""

    page: int
    per_page: int
    count: int
    total_count: int
    total_pages: int


class Paged(Envelope[list[T]], Generic[T]):
    """One page; empty behind the last one, which is where the SDK stops asking."""

    result_info: PageInfo


class CursorInfo(BaseModel):
    """How to go on: `cursor` is absent on the last page."""

    count: int
    per_page: int
    cursor: str | None = None


class Continued(Envelope[list[T]], Generic[T]):
    """A part of a list that goes on behind its cursor."""

    result_info: CursorInfo


class Cursors(BaseModel):
    """`after` is absent on the last page."""

    before: str | None = None
    after: str | None = None


class CursorsInfo(BaseModel):
    """How to go on."""

    cursors: Cursors


class ContinuedAfter(Envelope[list[T]], Generic[T]):
    """The same, as the items of lists have it."""

    result_info: CursorsInfo


def ok(result: Any, **more: Any) -> dict[str, Any]:
    """An answer with this result; `more` is what else the envelope has (`result_info`)."""
    return {"success": True, "errors": [], "messages": [], "result": result, **more}


def paged(
    result: list[Any], *, page: int, per_page: int, total: int, offset: int = 0
) -> dict[str, Any]:
    """One page of a list of `total`, whose pages begin behind `offset`."""
    return ok(
        result,
        result_info={
            "page": page,
            "per_page": per_page,
            "count": len(result),
            "total_count": total,
            "total_pages": -(-max(0, total - offset) // per_page),
        },
    )


def page_of(
    found: Sequence[_One],
    *,
    page: int,
    per_page: int,
    shown: Callable[[_One], Any] = lambda one: one,
) -> dict[str, Any]:
    """One page of a list that is there as a whole; only its entries are `shown`."""
    part = found[(page - 1) * per_page : page * per_page]
    return paged([shown(one) for one in part], page=page, per_page=per_page, total=len(found))


def continued(result: list[Any], *, per_page: int, cursor: str | None) -> dict[str, Any]:
    """A part of a list that goes on behind `cursor`; None: that is the last one."""
    info: dict[str, Any] = {"count": len(result), "per_page": per_page}
    if cursor is not None:
        info["cursor"] = cursor
    return ok(result, result_info=info)


def single(result: list[Any], page: int) -> dict[str, Any]:
    """A list that is one page; the pages behind it are empty, for whoever asks until one is."""
    size = max(len(result), 20)
    return paged(result if page == 1 else [], page=page, per_page=size, total=len(result))


#: Of lists that are one page.
SinglePage = Annotated[
    int, Query(alias="page", ge=1, le=1_000_000, description="Those behind the first are empty.")
]
