# SPDX-License-Identifier: Apache-2.0
"""Where bars are drawn, and what they are called."""

from __future__ import annotations

import re
from typing import Any

import pytest

from authz.dashboard.chart import (
    BAR,
    HEIGHT,
    LEAST,
    PITCH,
    Chart,
    chart_of,
    compact,
    duration,
    nice_top,
    share,
)
from authz.services.check_counts import OTHERS, DecisionsOverTime, Series

#: 2026-11-27 00:00 UTC.
DAY = 1_795_737_600


def _over(*series: tuple[str, list[int]], since: int = DAY, step: int = 1800) -> DecisionsOverTime:
    steps = len(series[0][1]) if series else 4
    return DecisionsOverTime(
        since=since,
        until=since + steps * step,
        step=step,
        counted_since=since,
        hourly=False,
        series=tuple(
            Series(name=name, total=sum(checks), checks=tuple(checks)) for name, checks in series
        ),
    )


def _chart(*series: tuple[str, list[int]], by: str = "verdict", **more: Any) -> Chart:
    return chart_of(_over(*series, **more), by=by)


def _rectangles(path: str) -> list[tuple[float, float, float]]:
    """Left edge, top and height of each part."""
    found = re.findall(rf"M(\d+) ([\d.]+)h{BAR}v([\d.]+)h-{BAR}z", path)
    return [(float(x), float(y), float(height)) for x, y, height in found]


def test_bars_stand_on_each_other_and_what_was_blocked_at_the_bottom() -> None:
    chart = _chart(("allow", [30, 0, 10]), ("deny", [10, 0, 0]))

    assert [one.name for one in chart.lines] == ["deny", "allow"]
    assert chart.top == 40
    assert _rectangles(chart.lines[0].path) == [(1, HEIGHT * 3 / 4, HEIGHT / 4)]
    assert _rectangles(chart.lines[1].path) == [
        (1, 0, HEIGHT * 3 / 4),
        (2 * PITCH + 1, HEIGHT * 3 / 4, HEIGHT / 4),
    ]
    assert chart.width == 3 * PITCH
    assert [bar.values for bar in chart.bars] == [(10, 30), (0, 0), (0, 10)]


def test_what_is_there_is_seen_however_little_it_is() -> None:
    chart = _chart(("allow", [100_000]), ("deny", [1]))

    (_, top, height) = _rectangles(chart.lines[0].path)[0]
    assert (top, height) == (HEIGHT - LEAST, LEAST)
    # What stands on it begins above it.
    (_, top, height) = _rectangles(chart.lines[1].path)[0]
    assert top + height == HEIGHT - LEAST


def test_nothing_is_drawn_of_nothing() -> None:
    chart = _chart()

    assert (chart.lines, chart.total, len(chart.bars), chart.top) == ((), 0, 4, 2)
    assert chart.summary == "No requests in this time."


def test_looks_are_not_told_apart_by_their_colour_alone() -> None:
    series = [(f"r{number}", [9 - number]) for number in range(6)]
    lines = _chart(*series, by="rule").lines

    assert [one.look for one in lines] == [f"series-{number}" for number in range(1, 7)]
    assert {one.stripes for one in lines} == {"", "coarse", "fine"}
    verdicts = _chart(("allow", [1]), ("deny", [1])).lines
    assert [(one.look, one.stripes) for one in verdicts] == [("blocked", "coarse"), ("allowed", "")]


def test_many_series_are_fewer_and_all_others() -> None:
    series = [(f"r{number}", [20 - number]) for number in range(9)]
    lines = _chart(*series, (OTHERS, [100]), by="rule").lines

    assert len(lines) == 7
    assert (lines[-1].label, lines[-1].look, lines[-1].is_rest) == ("All others", "rest", True)
    assert lines[-1].total == 14 + 13 + 12 + 100
    assert not lines[0].is_rest


def test_one_more_series_than_there_is_room_for_is_shown() -> None:
    series = [(f"r{number}", [9 - number]) for number in range(7)]

    assert [one.name for one in _chart(*series, by="rule").lines] == [name for name, _ in series]


def test_rules_are_called_what_people_call_them() -> None:
    over = _over(("protect", [1]), ("", [1]))

    lines = chart_of(over, by="rule", titles={"protect": "Protect /admin"}.__getitem__).lines

    assert [one.label for one in lines] == ["Protect /admin", "No rule"]


@pytest.mark.parametrize(
    ("since", "step", "label"),
    [
        (DAY, 1800, "2026-11-27 00:00 to 00:30"),
        (DAY + 84_600, 1800, "2026-11-27 23:30 to 24:00"),
        (DAY + 82_800, 14_400, "2026-11-27 23:00 to 2026-11-28 03:00"),
        (DAY, 86_400, "2026-11-27"),
        (DAY, 604_800, "2026-11-27 to 2026-12-03"),
    ],
)
def test_a_bar_says_when_it_is(since: int, step: int, label: str) -> None:
    assert _chart(("deny", [1]), since=since, step=step).bars[0].label == label


@pytest.mark.parametrize(
    ("steps", "step", "times"),
    [
        (48, 1800, ("00:00", "06:00", "12:00", "18:00")),
        (8, 21_600, ("Nov 27 00:00", "Nov 27 12:00", "Nov 28 00:00", "Nov 28 12:00")),
        (60, 43_200, ("Nov 27", "Dec 4", "Dec 12", "Dec 19")),
        (3, 60, ("00:00", "00:01", "00:02", "00:02")),
    ],
)
def test_times_are_at_the_beginnings_of_four_parts(
    steps: int, step: int, times: tuple[str, ...]
) -> None:
    assert _chart(("deny", [1] * steps), step=step).times == times


def test_the_summary_says_how_much_and_when_most_of_it() -> None:
    summary = _chart(("allow", [1000, 2000]), ("deny", [1, 2])).summary

    assert summary == (
        "Blocked: 3, Allowed: 3,000. Most of them, 2,002, at 2026-11-27 00:30 to 01:00 UTC."
    )


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (5, 6), (7, 8), (9, 10), (10, 10), (11, 20), (399, 400)],
)
def test_the_highest_line_is_a_round_number(largest: int, top: int) -> None:
    assert nice_top(largest) == top


@pytest.mark.parametrize("largest", [*range(1, 3000, 7), 10**9 + 1])
def test_half_of_the_highest_line_is_whole_and_nothing_is_above_it(largest: int) -> None:
    top = nice_top(largest)

    assert top >= largest
    assert top % 2 == 0


def test_labels_have_room() -> None:
    assert [compact(one) for one in (0, 1, 300, 1500, 20_000, 3_000_000, 4e9)] == [
        "0",
        "1",
        "300",
        "1.5k",
        "20k",
        "3M",
        "4G",
    ]
    assert [duration(one) for one in (60, 1800, 3600, 86_400, 604_800, 90)] == [
        "1 minute",
        "30 minutes",
        "1 hour",
        "1 day",
        "7 days",
        "90 seconds",
    ]


def test_shares() -> None:
    assert [share(*one) for one in ((0, 5), (1, 0), (1, 1000), (5, 5), (1, 3))] == [
        0,
        0,
        1,
        100,
        33,
    ]
