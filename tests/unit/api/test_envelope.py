# SPDX-License-Identifier: Apache-2.0
"""Pages: whoever asks for one after the other comes to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.api.envelope import paged, single

if TYPE_CHECKING:
    from tests.unit.api.conftest import Bench


def test_pages_begin_behind_the_offset() -> None:
    def pages(total: int, offset: int) -> int:
        made = paged([], page=1, per_page=2, total=total, offset=offset)
        pages: int = made["result_info"]["total_pages"]
        return pages

    assert [pages(5, offset) for offset in (0, 1, 2, 5, 9)] == [3, 2, 2, 0, 0]


def test_a_single_page_is_the_first_one() -> None:
    assert single(["a"], 1)["result"] == ["a"]
    assert single(["a"], 2)["result"] == []
    assert single(["a"], 2)["result_info"] == {
        "page": 2,
        "per_page": 20,
        "count": 0,
        "total_count": 1,
        "total_pages": 1,
    }


@pytest.mark.parametrize(
    "path",
    [
        "/user/tokens/permission_groups",
        "/zones/{zone}/certificate_authorities",
        "/zones/{zone}/expressions/fields",
        "/zones/{zone}/expressions/operators",
        "/zones/{zone}/expressions/functions",
        "/zones/{zone}/expressions/lists",
        "/accounts/{account}/rules/lists",
        "/accounts/{account}/mtls_certificates",
        "/accounts/{account}/mtls_certificates?type=gateway_managed",
    ],
)
def test_behind_a_single_page_there_is_nothing(api: Bench, path: str) -> None:
    answer = api.call("GET", path, params={"page": 2} if "?" not in path else None)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"] == []
    assert api.errors(400, "GET", path.split("?", maxsplit=1)[0], params={"page": 0})
