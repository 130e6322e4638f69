# SPDX-License-Identifier: Apache-2.0
"""Which patterns an automaton can keep up with, and what the others cost."""

from __future__ import annotations

import pytest

from authz.rules.regex_cost import SMALL, choices, microseconds_per_kibibyte


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("", 0),
        ("abc", 0),
        ("a.c", 1),
        ("[ab][^]c]", 2),
        ("[[:alpha:]_][a[^b]&&c]x", 2),
        (r"\d\w\.\x41\[", 2),
        ("a|b", 1),
        ("a*b+c?", 3),
        ("[ab]{20}", 20),
        ("a{3,7}", 7),
        (".{5,}", 6),
        ("(?:[ab]c){10}", 10),
        ("(?P<name>[ab]{3}){4}", 12),
        ("((a|b){3}){4}", 12),
        ("(?i)x.", 1),
        ("(?i:x.){2}", 2),
        ("a{2}{3}", 6),
        (")(", 0),
        ("\\", 0),
        ("[a", 1),
    ],
)
def test_choices_are_counted_with_repetitions_written_out(pattern: str, count: int) -> None:
    assert choices(pattern) == count


def test_few_choices_are_cheap_and_many_are_not() -> None:
    assert microseconds_per_kibibyte(r"^/api/v[0-9]+/users/[^/]+$") == SMALL
    assert microseconds_per_kibibyte("a[ab]{16}c") > 100 * SMALL
    assert microseconds_per_kibibyte("[ab]*a[ab]{1000}c") > 1000 * SMALL


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        # What the worst text took when this was measured.
        (r"(?u)\b\w+\b$", 135),
        (r"(?u)\b.*\b.*\b.*!", 160),
        (r"(?iu)[\p{L}a]\p{L}{10}!", 98),
        (r"(?iu)\w{100}!", 1740),
        (r"(?i)x(?su:\w{100}!)", 1740),
    ],
)
def test_unicode_costs_more(pattern: str, least: float) -> None:
    assert microseconds_per_kibibyte(pattern) > least


def test_a_little_unicode_is_cheap() -> None:
    assert microseconds_per_kibibyte("(?iu)straße") <= 2 * SMALL
    assert microseconds_per_kibibyte("(?i-u)[a-c]{12}") == SMALL
