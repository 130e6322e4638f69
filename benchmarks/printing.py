# SPDX-License-Identifier: Apache-2.0
"""Results for the terminal. The Markdown page is docs/generators/performance.py's."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.figures import rounded
from benchmarks.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Result


def number(value: float) -> str:
    """A number as people read it: thousands apart, no more digits than mean something."""
    short = rounded(value)
    return f"{short:,}" if short >= 1000 else f"{short:g}"


def table(result: Result) -> str:
    """A group's rows and figures: medians, and the range of the rounds."""
    lines = [result.title]
    for row in result.rows.values():
        label = row.label.replace("`", "")
        cpu = f"   {rounded(row.cpu):g} µs of CPU each" if row.cpu else ""
        cpu += ", machine busy" if row.disturbed else ""
        lines.append(f"  {label:52} {_values(row.values, row.unit, row.note)}{cpu}")
    for figure in result.figures:
        lines.append(f"  = {figure.key:50} {_values(figure.values, figure.unit, figure.note)}")
    lines += [f"  ({note})" for note in result.notes]
    return "\n".join(lines)


def limits(results: Mapping[str, Result]) -> str:
    """Each figure that has a limit: value, limit, and whether it is kept."""
    figures = {figure.key: figure for result in results.values() for figure in result.figures}
    lines = []
    for limit in LIMITS:
        if limit.group not in results:
            continue
        figure = figures.get(limit.key)
        value = None if figure is None else figure.value
        shown = "not measured" if value is None else f"{rounded(value):g} {limit.unit}".rstrip()
        mark = "pass" if limit.keeps(value) else "FAIL"
        lines.append(f"{mark}  {shown:>14}  {limit.bound:>10}  {limit.says}")
    return "\n".join(lines)


def _values(values: Sequence[float], unit: str, note: str) -> str:
    if not values:
        return note
    shown = f"{number(median(values)):>9} {unit}"
    if len(values) > 1:
        shown += f"   ({number(min(values))} to {number(max(values))})"
    return f"{shown}   {note}" if note else shown
