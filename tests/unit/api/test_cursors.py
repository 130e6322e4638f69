# SPDX-License-Identifier: Apache-2.0
"""Cursors that are none are told so."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.api.cursors import item_cursor, item_place
from authz.api.problems import ApiError
from authz.services.list_items import Place

PLACE = Place(list_id="a" * 32, search="ü/+?", replaced=7, number=2**63 - 1)


def _cursor(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 2**63 - 1))
def test_a_cursor_says_its_place_in_a_url(search: str, number: int) -> None:
    place = Place(list_id="a" * 32, search=search, replaced=0, number=number)

    assert re.fullmatch(r"[A-Za-z0-9_-]+", item_cursor(place))
    assert item_place(item_cursor(place)) == place


@pytest.mark.parametrize(
    "cursor",
    [
        "a",
        "none",
        "%%%",
        "ü",
        item_cursor(PLACE)[:-4],
        item_cursor(PLACE) + "AAAA",
        base64.urlsafe_b64encode(b"\xff" * 9).decode(),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        _cursor("a" * 32, "", 0),
        _cursor("a" * 32, "", 0, "1"),
        _cursor("a" * 32, "", 0, -1),
        _cursor("a" * 32, "", 0, 2**63),
        _cursor(1, "", 0, 1),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ApiError, match="the cursor is none") as caught:
        item_place(cursor)

    assert caught.value.status == 400
