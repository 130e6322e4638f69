# SPDX-License-Identifier: Apache-2.0
"""Where a rule goes, and what says nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from authz.errors import RulesetError
from authz.services.rule_positions import place_of

OTHERS = ["a", "b"]


@pytest.mark.parametrize(
    ("position", "place"),
    [
        ({"before": ""}, 0),
        ({"before": "b"}, 1),
        ({"after": "a"}, 1),
        ({"after": "b"}, 2),
        ({"after": ""}, 2),
        ({"index": 1}, 0),
        ({"index": 3}, 2),
    ],
)
def test_a_place(position: Any, place: int) -> None:
    assert place_of(position, OTHERS) == place


@pytest.mark.parametrize(
    ("position", "pointer"),
    [
        ({}, ("position",)),
        ("first", ("position",)),
        ({"before": "a", "after": "b"}, ("position",)),
        ({"behind": "a"}, ("position",)),
        ({"before": "c"}, ("position", "before")),
        ({"after": 1}, ("position", "after")),
        ({"index": 0}, ("position", "index")),
        ({"index": 4}, ("position", "index")),
        ({"index": True}, ("position", "index")),
        ({"index": "1"}, ("position", "index")),
    ],
)
def test_no_place(position: Any, pointer: tuple[str, ...]) -> None:
    with pytest.raises(RulesetError) as caught:
        place_of(position, OTHERS)
    assert caught.value.path == pointer
