# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.api.limits import BODY_BYTES, Limits


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/client/v4/zones/z/rulesets/phases/p/entrypoint", BODY_BYTES),
        ("/client/v4/accounts/a/rules/lists/l/items", BODY_BYTES),
        ("/client/v4/accounts/a/rules/lists/l", 1024 * 1024),
        ("/client/v4/zones/z", 1024 * 1024),
    ],
)
def test_only_what_may_be_long_is_taken_when_it_is_long(path: str, most: int) -> None:
    assert Limits().body_of(path) == most
    assert Limits(body_bytes=10).body_of(path) == 10
