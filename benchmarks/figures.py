# SPDX-License-Identifier: Apache-2.0
"""What a group found: rows of rounds, and figures made of them.

A ratio is taken round by round and the median of those is what counts: both sides of a round ran
within seconds of each other, so a machine that is slow for a while slows both.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class BenchError(Exception):
    """A measurement that cannot be made, or that measured the wrong thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured, one value a round. `note` stands in for values that could not be had.

    `cpu` is the server's processor time in microseconds a check, where that was measured too.
    """

    label: str
    unit: str
    values: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    note: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        if not self.values:
            return {"label": self.label, "unit": self.unit, "note": self.note}
        return {
            "label": self.label,
            "unit": self.unit,
            "median": rounded(self.median),
            "low": rounded(min(self.values)),
            "high": rounded(max(self.values)),
            **({"cpu_microseconds": rounded(statistics.median(self.cpu))} if self.cpu else {}),
            **({"note": self.note} if self.note else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that has a limit, or that people compare. No values: it was not measured."""

    key: str
    unit: str = ""
    values: tuple[float, ...] = ()
    note: str = ""

    @property
    def value(self) -> float | None:
        """The median of the rounds; None when it was not measured."""
        return statistics.median(self.values) if self.values else None

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        if not self.values:
            return {"unit": self.unit, "note": self.note}
        return {
            "unit": self.unit,
            "value": rounded(statistics.median(self.values)),
            "low": rounded(min(self.values)),
            "high": rounded(max(self.values)),
            **({"note": self.note} if self.note else {}),
        }


@dataclass(slots=True, kw_only=True)
class Result:
    """What one group found, in the order of its tables."""

    title: str
    rows: dict[str, Row] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ratio(self, key: str, over: str, under: str) -> None:
        """Add the ratio of two rows, round by round; missing when a row is."""
        a, b = self.rows.get(over), self.rows.get(under)
        missing = [row.note for row in (a, b) if row is not None and not row.values]
        if a is None or b is None or missing:
            note = "; ".join(missing) or "not measured"
            self.figures.append(Figure(key=key, unit="", note=note))
            return
        rounds = tuple(x / y for x, y in zip(a.values, b.values, strict=True))
        self.figures.append(Figure(key=key, unit="", values=rounds))

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "title": self.title,
            "rows": {key: row.as_json() for key, row in self.rows.items()},
            "figures": {figure.key: figure.as_json() for figure in self.figures},
            "notes": self.notes,
        }


def rounded(value: float) -> float:
    """Four significant digits: more is noise, and the committed file should stay readable."""
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def interleaved(
    measures: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, tuple[float, ...]]:
    """Each measure once a round, beginning with another one each time."""
    names: Sequence[str] = list(measures)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            found[name].append(measures[name]())
    return {name: tuple(values) for name, values in found.items()}
