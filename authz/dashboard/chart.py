# SPDX-License-Identifier: Apache-2.0
"""Stacked bars over time: where each is drawn, what it is called, and the same as a table.

    chart = chart_of(over, by="verdict", query=query, now=now)

Numbers only: `charts.html` draws them. The drawing is stretched to its place, so that it has no
text in it: labels stand beside and below it. Every bar is a row of the table, which has its link;
the script that shows what is under the pointer, or chosen by keys, reads it there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from authz.dashboard.event_words import series_word
from authz.dashboard.shown import counted, grouped
from authz.services.check_counts import OTHERS, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.services.check_counts import DecisionsOverTime

#: Units of the drawing: of one bar with the space to the next, and of the whole height.
PITCH: Final = 10
BAR: Final = 8
HEIGHT: Final = 200
#: Height of what is there, however little it is: some pixels, as drawings are shown.
LEAST: Final = 4

#: Series that are told apart, with the rest as one more.
MAX_SERIES: Final = 6

#: Looks of what means the same everywhere; others get those of `series-1` and so on in their order.
_LOOKS: Final = {
    ("verdict", "deny"): "blocked",
    ("verdict", "allow"): "allowed",
    ("action", "block"): "blocked",
    ("action", "allow"): "allowed",
    ("action", "skip"): "skipped",
    ("action", ""): "refused",
}
#: Looks that are not told apart by their colour alone: what is drawn over it.
_STRIPES: Final = {
    "blocked": "coarse",
    "refused": "fine",
    "series-2": "coarse",
    "series-3": "fine",
    "series-5": "coarse",
    "series-6": "fine",
}
#: What stands at the bottom of each bar, whatever there is more of.
_FIRST: Final = ("deny", "block")

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A step of time.

    Args:
        label: when that is, for people.
        values: of each series, in their order.
    """

    label: str
    values: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is told apart.

    Args:
        name: as it is counted; `label` for people.
        look: how its parts of the bars look.
        path: all of them, as the `d` of an SVG path.
    """

    name: str
    label: str
    look: str
    total: int
    path: str

    @property
    def stripes(self) -> str:
        """What is drawn over its colour: `coarse`, `fine` or none."""
        return _STRIPES.get(self.look, "")

    @property
    def is_rest(self) -> bool:
        """Whether it is all others together, which nothing can be filtered by."""
        return self.name == OTHERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing of stacked bars.

    Args:
        top: what the highest line stands for.
        marks: labels of the lines, from the top.
        times: labels below, each at the beginning of an equal part.
        summary: one sentence for whoever cannot see it.
    """

    width: int
    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]
    top: int
    marks: tuple[str, ...]
    times: tuple[str, ...]
    summary: str
    total: int
    step: str


def chart_of(
    over: DecisionsOverTime,
    *,
    by: str,
    most: int = MAX_SERIES,
    titles: Callable[[str], str] | None = None,
) -> Chart:
    """Draw what was counted.

    Args:
        by: what its series have in common.
        most: so many series are told apart.
        titles: what people call rules.
    """
    series = _fewer(over.series, most)
    steps = (over.until - over.since) // over.step
    columns = list(zip(*(one.checks for one in series), strict=True)) or [()] * steps
    top = nice_top(max((sum(column) for column in columns), default=0))
    lines = tuple(
        Line(
            name=one.name,
            label=_label(by, one.name, titles),
            look=_look(by, one.name, number),
            total=one.total,
            path=path,
        )
        for number, (one, path) in enumerate(
            zip(series, _paths(columns, len(series), top), strict=True), start=1
        )
    )
    bars = tuple(
        Bar(label=_when(over.since + number * over.step, over.step), values=values)
        for number, values in enumerate(columns)
    )
    return Chart(
        width=steps * PITCH,
        lines=lines,
        bars=bars,
        top=top,
        marks=(compact(top), compact(top / 2), "0"),
        times=_times(over.since, over.until),
        summary=_summary(lines, bars),
        total=sum(one.total for one in lines),
        step=duration(over.step),
    )


def nice_top(largest: int) -> int:
    """A round number that is not less: 2, 4, 10, 20, 40, 100 …; its half is a whole one."""
    if largest <= 2:
        return 2
    size = int(f"1{'0' * (len(str(largest)) - 1)}")
    return next(size * one for one in (1, 2, 4, 6, 8, 10) if size * one >= largest)


def compact(number: float) -> str:
    """A number as a label has room for: `1.5k`, `20M`."""
    for size, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{sign}"
    return f"{number:.3g}"


def duration(seconds: int) -> str:
    """How long a step is: `30 minutes`."""
    for size, name in ((_DAY, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return counted(seconds // size, name)
    return f"{seconds} seconds"


def _fewer(series: Sequence[Series], most: int) -> list[Series]:
    """At most so many series and the rest as one, that of what was blocked first."""
    ranked = sorted(series, key=lambda one: one.name == OTHERS)
    shown, rest = ranked[:most], ranked[most:]
    if len(rest) == 1:
        shown, rest = ranked, []
    if rest:
        checks = tuple(map(sum, zip(*(one.checks for one in rest), strict=True)))
        shown.append(Series(name=OTHERS, total=sum(checks), checks=checks))
    return sorted(shown, key=lambda one: one.name not in _FIRST)


def _label(by: str, name: str, titles: Callable[[str], str] | None) -> str:
    if by == "rule" and titles is not None and name not in ("", OTHERS):
        return titles(name)
    return series_word(by, name)


def _look(by: str, name: str, number: int) -> str:
    if name == OTHERS:
        return "rest"
    return _LOOKS.get((by, name)) or f"series-{number}"


def _paths(columns: Sequence[Sequence[int]], count: int, top: int) -> list[str]:
    """The parts of the bars of each of so many series."""
    found: list[list[str]] = [[] for _ in range(count)]
    for number, values in enumerate(columns):
        x, below = number * PITCH + (PITCH - BAR) // 2, 0.0
        for path, value in zip(found, values, strict=True):
            if value:
                # What is there is seen, however little it is.
                height = max(value / top * HEIGHT, LEAST)
                # On what is drawn below it, so that nothing hides that.
                y = max(HEIGHT - below - height, 0.0)
                height = max(HEIGHT - below - y, LEAST)
                path.append(f"M{x} {_short(y)}h{BAR}v{_short(height)}h-{BAR}z")
                below += height
    return ["".join(path) for path in found]


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _when(at: int, step: int) -> str:
    """`2026-11-27 09:30 to 10:00`, the second one with its day where it is another."""
    begin, end = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(at + step, UTC)
    if step % _DAY == 0 and at % _DAY == 0:
        last = datetime.fromtimestamp(at + step - _DAY, UTC)
        return f"{begin:%Y-%m-%d}" if last == begin else f"{begin:%Y-%m-%d} to {last:%Y-%m-%d}"
    if end.date() == begin.date():
        return f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M}"
    if end.time() == end.min.time():
        return f"{begin:%Y-%m-%d %H:%M} to 24:00"
    return f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def _times(since: int, until: int) -> tuple[str, ...]:
    """Labels of the beginnings of four equal parts."""
    length = until - since
    form = "%H:%M" if length <= _DAY else "%b %-d %H:%M" if length <= 3 * _DAY else "%b %-d"
    # Whole minutes: a part of an odd number of steps begins within one.
    parts = (round((since + length * part / 4) / 60) * 60 for part in range(4))
    return tuple(datetime.fromtimestamp(at, UTC).strftime(form) for at in parts)


def _summary(lines: Sequence[Line], bars: Sequence[Bar]) -> str:
    if not any(one.total for one in lines):
        return "No requests in this time."
    parts = ", ".join(f"{one.label}: {grouped(one.total)}" for one in lines)
    most = max(bars, key=lambda bar: bar.total)
    return f"{parts}. Most of them, {grouped(most.total)}, at {most.label} UTC."


def share(count: int, largest: int) -> int:
    """How long a bar is beside that of the largest, in percent; what is there is seen."""
    return 0 if count <= 0 or largest <= 0 else max(1, math.floor(count * 100 / largest))
