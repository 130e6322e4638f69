# SPDX-License-Identifier: Apache-2.0
"""Parts of lists, as answers have them."""

from __future__ import annotations

from authz.api.envelope import continued, page_of


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
