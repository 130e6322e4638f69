# SPDX-License-Identifier: Apache-2.0
"""Bodies with a hundred thousand items: read for those alone who may send them, and bounded.

Any other body is a model that FastAPI reads, before it is known who calls and in the one thread
that all calls share. These are read when the call is allowed (`large_body` stands behind the call
among a route's arguments) and decoded in the thread of the route.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec
from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from authz.api.limits import BODY_BYTES
from authz.api.problems import INVALID_REQUEST, ApiError, pointer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_T = TypeVar("_T")

#: Bytes of a body: 100,000 items of 167 bytes.
MAX_BODY: Final = BODY_BYTES

#: Objects of a body: 100,000 items of two, and what comments have of them. An empty object takes
#: three bytes of a body and a hundred of memory.
MAX_OBJECTS: Final = 500_000

_PLACE: Final = re.compile(r"^(.*) - at `\$(.*)`$", re.DOTALL)
_STEP: Final = re.compile(r"\[(\d+)\]|\.(\w+)")


async def large_body(request: Request) -> bytes:
    """The body as it is.

    Raises:
        ApiError: it has more than MAX_BODY bytes (413), or does not end.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BODY:
                raise ApiError(
                    413,
                    INVALID_REQUEST,
                    f"the body has more than {MAX_BODY} bytes (send it in several calls)",
                    headers={"Connection": "close"},
                )
            parts.append(part)
    except ClientDisconnect:
        raise ApiError(400, INVALID_REQUEST, "the body has no end") from None
    return b"".join(parts)


LargeBody = Annotated[bytes, Depends(large_body)]


def decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """What a body has in it.

    Raises:
        ApiError: it is not JSON, or of another shape, with the place of the first thing that is
            wrong (400).
    """
    if body.count(b"{") > MAX_OBJECTS:
        raise ApiError(
            400, INVALID_REQUEST, f"the body has more than {MAX_OBJECTS} objects", pointer=""
        )
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, path = _placed(str(error))
        raise ApiError(400, INVALID_REQUEST, message, pointer=pointer_of(path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(
            400, INVALID_REQUEST, f"the body is not JSON: {str(error).lower()}", pointer=""
        ) from None


def _placed(message: str) -> tuple[str, Sequence[str]]:
    """What msgspec says, without the place, and the place."""
    found = _PLACE.match(message)
    if found is None:
        return message, ()
    return found[1], [index or name for index, name in _STEP.findall(found[2])]
