# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.dashboard.shown import FILTERS, ago, counted, day, grouped, iso, moment, second, short

AT = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def test_moments_say_that_they_are_utc() -> None:
    assert moment(AT) == "2027-01-15 08:00 UTC"
    assert second(AT + 7) == "2027-01-15 08:00:07 UTC"
    assert day(AT) == "2027-01-15"
    assert iso(AT) == "2027-01-15T08:00:00Z"
    assert (moment(None), second(None), day(None), iso(None)) == ("—", "—", "—", "")


@pytest.mark.parametrize("at", [-1e18, 1e18, 253_402_300_800.0])
def test_moments_beyond_the_calendar_are_its_ends(at: float) -> None:
    assert day(at) in {"0001-01-01", "1-01-01", "9999-12-31"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86_400, "1 day ago"),
        (86_400 * 800, "2 years ago"),
        (-1, "in a moment"),
        (-180, "in 3 minutes"),
        (-86_400 * 2, "in 2 days"),
    ],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert ago(AT - seconds, AT) == said


def test_never() -> None:
    assert ago(None, AT) == "never"


def test_numbers() -> None:
    assert grouped(1234567) == "1,234,567"
    assert counted(1, "rule") == "1 rule"
    assert counted(2000, "rule") == "2,000 rules"
    assert counted(0, "entry", "entries") == "0 entries"


def test_long_texts() -> None:
    assert short("abc") == "abc"
    assert short("a" * 13) == "a" * 12 + "…"
    assert short("abcd", 2) == "ab…"


def test_templates_have_all_of_them() -> None:
    for one in (moment, second, day, iso, ago, grouped, counted, short):
        assert FILTERS[one.__name__] is one
