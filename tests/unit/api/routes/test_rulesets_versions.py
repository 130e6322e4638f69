# SPDX-License-Identifier: Apache-2.0
"""What rulesets were, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.api.routes.test_rulesets import BLOCK, PLACES, entry

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


@pytest.mark.parametrize("place", PLACES)
def test_versions(api: Bench, place: str) -> None:
    assert api.result("GET", f"{entry(place)}/versions") == []
    assert api.errors(404, "GET", f"{entry(place)}/versions/1")[0]["code"] == 10003
    first = api.result("PUT", entry(place), json={"rules": [BLOCK]})
    second = api.result("PUT", entry(place), json={"rules": []})
    versions = f"{place}/{first['id']}/versions"

    listed = api.result("GET", versions)
    assert listed == [
        {key: value for key, value in one.items() if key != "rules"} for one in (second, first)
    ]
    assert api.result("GET", f"{entry(place)}/versions") == listed
    assert api.result("GET", f"{versions}/1") == first
    assert api.result("GET", f"{entry(place)}/versions/1") == first

    for query in ("?dry_run=true", "", ""):
        answer = api.call("DELETE", f"{versions}/1{query}")
        assert answer.status_code == (204 if query or len(listed) == 2 else 404)
        listed = api.result("GET", versions)
    assert [one["version"] for one in listed] == ["2"]
    assert api.errors(404, "GET", f"{versions}/1")
    assert api.errors(400, "DELETE", f"{versions}/2")[0]["code"] == 1902
    assert api.errors(404, "GET", f"{place}/{'a' * 32}/versions")
    assert api.errors(404, "GET", f"{versions}/{'9' * 12}")
