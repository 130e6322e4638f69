# SPDX-License-Identifier: Apache-2.0
"""Items of lists and operations on them as the API has them.

An item has one of `ip`, `hostname`, `asn` (Cloudflare's), `string` and `integer` (ours). What comes
in are the structures of services.list_values; the schemas here tell people of them.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel

from authz.rules.types import INT_MAX, INT_MIN
from authz.services.list_items import MAX_OF_A_CALL
from authz.services.list_values import MAX_COMMENT, MAX_STRING


class HostnameObject(BaseModel):
    """A host name; what was not given is absent."""

    url_hostname: str
    exclude_exact_hostname: bool | None = None


class ItemObject(BaseModel):
    """An item: what it does not have is absent."""

    id: str
    ip: str | None = None
    hostname: HostnameObject | None = None
    asn: int | None = None
    string: str | None = None
    integer: int | None = None
    comment: str | None = None
    created_on: str
    modified_on: str


class OperationId(BaseModel):
    """What became of a call: to be asked for."""

    operation_id: str


class OperationObject(BaseModel):
    """An operation; ours are done when they can be asked for."""

    id: str
    status: Literal["completed"]
    completed: str


_HOSTNAME: Final = {
    "type": ["object", "null"],
    "required": ["url_hostname"],
    "properties": {
        "url_hostname": {
            "type": "string",
            "description": "A name, or `*.` and a name for everything below it.",
        },
        "exclude_exact_hostname": {
            "type": ["boolean", "null"],
            "description": "Of `*.example.com`: whether example.com is left out (it is, unless "
            "this is false).",
        },
    },
}

_ITEM: Final = {
    "type": "object",
    "description": "One value, of the list's kind.",
    "properties": {
        "ip": {
            "type": ["string", "null"],
            "description": "An address or network: IPv4 from /2, IPv6 from /4.",
        },
        "hostname": _HOSTNAME,
        "asn": {"type": ["integer", "null"], "minimum": 0, "maximum": 2**32 - 1},
        "string": {"type": ["string", "null"], "maxLength": MAX_STRING},
        "integer": {"type": ["integer", "null"], "minimum": INT_MIN, "maximum": INT_MAX},
        "comment": {"type": ["string", "null"], "maxLength": MAX_COMMENT},
    },
}

_ITEM_IDS: Final = {
    "type": "object",
    "required": ["items"],
    "properties": {
        "items": {
            "type": "array",
            "maxItems": MAX_OF_A_CALL,
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
            },
        }
    },
}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


#: The body of those who add or replace items: a bare array.
ITEMS_BODY: Final = _body({"type": "array", "maxItems": MAX_OF_A_CALL, "items": _ITEM})

#: The body of those who remove some.
IDS_BODY: Final = _body(_ITEM_IDS)
