# SPDX-License-Identifier: Apache-2.0
"""Cursors: where a reader is, as text that is nobody's business but ours.

They are not signed: whoever makes one up comes to items of a list that he may read anyway, and
each page is behind the one before. What they say is checked by whoever reads (services).
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from authz.api.problems import INVALID_REQUEST, ApiError
from authz.services.list_items import Place

_LARGEST: Final = 2**63 - 1


class _Written(msgspec.Struct, array_like=True, frozen=True):
    list_id: str
    search: str
    replaced: int
    number: int


_DECODER: Final = msgspec.json.Decoder(_Written)


def item_cursor(place: Place) -> str:
    """The cursor of a place in a list."""
    written = _Written(place.list_id, place.search, place.replaced, place.number)
    return base64.urlsafe_b64encode(msgspec.json.encode(written)).decode().rstrip("=")


def item_place(cursor: str) -> Place:
    """The place that a cursor says.

    Raises:
        ApiError: it is none (400).
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        written = _DECODER.decode(text)
    except (binascii.Error, ValueError, RecursionError):
        written = None
    if written is None or not 0 <= written.number <= _LARGEST:
        raise ApiError(
            400, INVALID_REQUEST, "the cursor is none (take the one that the page before has)"
        )
    return Place(
        list_id=written.list_id,
        search=written.search,
        replaced=written.replaced,
        number=written.number,
    )
