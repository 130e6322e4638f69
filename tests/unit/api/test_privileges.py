# SPDX-License-Identifier: Apache-2.0
"""What routes say that they need; that it is so: tests/attack/test_rights_of_the_api.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.api.privileges import calls

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def test_a_call_says_what_it_needs(api: Bench) -> None:
    rows = {(one.method, one.path): one.needs for one in calls(api.app)}

    def words(method: str, path: str) -> list[tuple[str, str, str]]:
        return [(one.resource, one.level, one.of) for one in rows[method, path] or ()]

    explanation = "/zones/{zone_id}/events/{event_id}/explanation"
    assert words("GET", explanation) == [("waf", "read", "zone"), ("logs", "read", "zone")]
    assert words("POST", "/zones/{zone_id}/rulesets") == [("waf", "write", "zone")]
    assert words("POST", "/accounts/{account_id}/rulesets") == [("waf", "write", "account")]
    assert rows["GET", "/user"] == ()
    assert rows["GET", "/openapi.json"] is None
