# SPDX-License-Identifier: Apache-2.0
"""Pages: whoever asks for one after the other comes to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from authz.api.envelope import (
    Envelope,
    Failure,
    Paged,
    Problem,
    continued,
    ok,
    page_of,
    paged,
    single,
)

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


def test_a_page_shows_its_own_entries_and_counts_all() -> None:
    shown: list[int] = []

    def show(one: int) -> str:
        shown.append(one)
        return str(one)

    page = page_of(range(5), page=2, per_page=2, shown=show)

    assert (page["result"], shown) == (["2", "3"], [2, 3])
    assert page["result_info"] == {
        "page": 2,
        "per_page": 2,
        "count": 2,
        "total_count": 5,
        "total_pages": 3,
    }
    assert page_of([1], page=9, per_page=2)["result"] == []


def test_the_last_part_has_no_cursor() -> None:
    assert continued([1], per_page=1, cursor="x")["result_info"] == {
        "count": 1,
        "per_page": 1,
        "cursor": "x",
    }
    assert "cursor" not in continued([], per_page=1, cursor=None)["result_info"]


def test_a_success() -> None:
    made = ok({"id": "1"}, result_info={"count": 1})

    assert made == {
        "success": True,
        "errors": [],
        "messages": [],
        "result": {"id": "1"},
        "result_info": {"count": 1},
    }
    assert Envelope[dict[str, str]].model_validate(made).result == {"id": "1"}


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2), (40, 2)])
def test_pages_are_counted(total: int, pages: int) -> None:
    made = paged([1], page=1, per_page=20, total=total)

    assert made["result_info"] == {
        "page": 1,
        "per_page": 20,
        "count": 1,
        "total_count": total,
        "total_pages": pages,
    }
    assert Paged[int].model_validate(made).result == [1]


def test_a_failure_has_codes_as_the_sdk_reads_them() -> None:
    made = Failure(errors=[Problem(code=1000, message="no")]).model_dump()

    assert made["success"] is False
    assert made["result"] is None
    with pytest.raises(ValidationError):
        Problem(code=999, message="no")
