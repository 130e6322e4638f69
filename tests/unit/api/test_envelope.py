# SPDX-License-Identifier: Apache-2.0
"""The envelope, and what it says of pages."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from authz.api.envelope import Envelope, Failure, Paged, Problem, ok, paged, single


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


@pytest.mark.parametrize(("number", "per_page"), [(0, 20), (3, 20), (30, 30)])
def test_a_list_without_pages_is_one(number: int, per_page: int) -> None:
    info = single(list(range(number)))["result_info"]

    assert (info["page"], info["per_page"], info["count"]) == (1, per_page, number)
    assert info["total_pages"] == (1 if number else 0)


def test_a_failure_has_codes_as_the_sdk_reads_them() -> None:
    made = Failure(errors=[Problem(code=1000, message="no")]).model_dump()

    assert made["success"] is False
    assert made["result"] is None
    with pytest.raises(ValidationError):
        Problem(code=999, message="no")
