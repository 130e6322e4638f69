# SPDX-License-Identifier: Apache-2.0
"""Two texts, word by word, in bounded time."""

from __future__ import annotations

import pytest

from authz.services.word_diff import TOTAL_STEPS, Comparing


def _told(before: str, after: str, most: int = TOTAL_STEPS) -> list[tuple[str, str]]:
    return [(str(one.kind), one.text) for one in Comparing(most).words(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", "", []),
        ("ssl", "ssl", [("same", "ssl")]),
        ("", "ssl", [("added", "ssl")]),
        ("ssl", "", [("removed", "ssl")]),
        (
            'http.host eq "a" and ssl',
            'http.host eq "b" and ssl',
            [
                ("same", "http.host eq "),
                ("removed", '"a"'),
                ("added", '"b"'),
                ("same", " and ssl"),
            ],
        ),
        ("a or b", "c and d", [("removed", "a or b"), ("added", "c and d")]),
        ("a b c d", "a x c y", [
            ("same", "a "), ("removed", "b"), ("added", "x"), ("same", " c "),
            ("removed", "d"), ("added", "y"),
        ]),
        ("a b", "a x b", [("same", "a "), ("added", "x "), ("same", "b")]),
        ("a x b", "a b", [("same", "a "), ("removed", "x "), ("same", "b")]),
        ("aa", "a", [("removed", "aa"), ("added", "a")]),
        ("x x", "x x x", [("same", "x x"), ("added", " x")]),
    ],
)  # fmt: skip
def test_what_stayed_went_and_came(before: str, after: str, told: list[tuple[str, str]]) -> None:
    found = _told(before, after)

    assert [one for one in found if one[1]] == told
    assert "".join(text for kind, text in found if kind != "added") == before
    assert "".join(text for kind, text in found if kind != "removed") == after


def test_too_much_is_told_as_a_whole() -> None:
    before = " ".join(f"a{number}" for number in range(600))
    after = " ".join(f"b{number}" for number in range(600))

    assert _told(f"ssl and {before}", f"ssl and {after}", most=1000) == [
        ("same", "ssl and "),
        ("removed", before),
        ("added", after),
    ]


def test_quoted_words_stay_in_one_piece() -> None:
    assert _told('x eq "a b \\" c"', 'x eq "a b \\" d"')[1:] == [
        ("removed", '"a b \\" c"'),
        ("added", '"a b \\" d"'),
    ]


def test_all_comparisons_together_are_bounded() -> None:
    comparing = Comparing(20)
    first = comparing.words("a b c", "a x c y")
    second = comparing.words("a b c d", "x b y d z")

    assert len(first) > 3
    assert [one.kind for one in second] == ["removed", "added"]
