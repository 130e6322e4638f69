# SPDX-License-Identifier: Apache-2.0
"""Lists as the API has them: Cloudflare's objects; the kinds `string` and `integer` are ours."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from authz.services.lists import MAX_DESCRIPTION, MAX_NAME, NAME, NO_REDIRECTS, REDIRECT


def _no_redirects(kind: Any) -> Any:
    if kind == REDIRECT:
        raise PydanticCustomError("redirect", NO_REDIRECTS)
    return kind


Kind = Literal["ip", "hostname", "asn", "string", "integer"]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION)]


class ListObject(BaseModel):
    """A list; `description` is absent when it is empty."""

    id: str
    name: str
    description: str | None = None
    kind: Kind
    num_items: int
    num_referencing_filters: int
    created_on: str
    modified_on: str


class NewList(BaseModel):
    """What a list is made from."""

    name: Annotated[str, Field(max_length=MAX_NAME, pattern=NAME)]
    kind: Annotated[Kind, BeforeValidator(_no_redirects)]
    description: Description | None = None


class ListChange(BaseModel):
    """What can be changed of a list. Name and kind may be there, but only as they are."""

    description: Description | None = None
    name: str | None = None
    kind: str | None = None


class ListId(BaseModel):
    """A list that is no more."""

    id: str
