# SPDX-License-Identifier: Apache-2.0
"""What a group found: rows of rounds, and figures made of them.

A ratio is taken round by round and the median of those is what counts: both sides of a round ran
within seconds of each other, so a machine that is slow for a while slows both.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: A saturated server that got less of its core than this was held up by something else.
QUIET_SHARE: Final = 0.85


class BenchError(Exception):
    """A measurement that cannot be made, or that measured the wrong thing."""


class BenchTimeoutError(BenchError):
    """A measurement that did not end in time: a machine that stood still is one reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one round.

    `cpu` is the server's processor time in microseconds a check, `share` the part of its core it
    got; both are 0 where they were not measured.
    """

    value: float
    cpu: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured, once a round. `note` stands in for samples that could not be had."""

    label: str
    unit: str
    samples: tuple[Sample, ...] = ()
    note: str = ""

    @property
    def values(self) -> tuple[float, ...]:
        """What was measured in each round."""
        return tuple(sample.value for sample in self.samples)

    @property
    def cpu(self) -> float:
        """Processor time of a check, 0 when it was not measured."""
        return statistics.median(sample.cpu for sample in self.samples) if self.samples else 0.0

    @property
    def disturbed(self) -> bool:
        """Whether the server shared its core, or had to wait for the client, most of the time."""
        return bool(self.cpu) and statistics.median(one.share for one in self.samples) < QUIET_SHARE

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        more: dict[str, Any] = {"cpu_microseconds": rounded(self.cpu)} if self.cpu else {}
        if self.disturbed:
            more["disturbed"] = True
        return _summary(self.unit, self.values, self.note, "median") | {"label": self.label} | more


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
        return _summary(self.unit, self.values, self.note, "value")


@dataclass(slots=True, kw_only=True)
class Result:
    """What one group found, in the order of its tables."""

    title: str
    rows: dict[str, Row] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ratio(self, key: str, over: str, under: str) -> None:
        """Add the ratio of two rows, round by round; missing when a row is.

        On a machine that was busy with other things, of the checks that a second of processor time
        is enough for: waiting for the core is then not taken for work.
        """
        a, b = self.rows[over], self.rows[under]
        missing = [row.note for row in (a, b) if not row.samples]
        if missing:
            self.figures.append(Figure(key=key, note="; ".join(missing)))
            return
        pairs = list(zip(a.samples, b.samples, strict=True))
        if a.cpu and b.cpu and (a.disturbed or b.disturbed):
            rounds = tuple(y.cpu / x.cpu for x, y in pairs)
            note = "the machine was busy: by processor time"
        else:
            rounds, note = tuple(x.value / y.value for x, y in pairs), ""
        self.figures.append(Figure(key=key, values=rounds, note=note))

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "title": self.title,
            "rows": {key: row.as_json() for key, row in self.rows.items()},
            "figures": {figure.key: figure.as_json() for figure in self.figures},
            "notes": self.notes,
        }


def _summary(unit: str, values: Sequence[float], note: str, middle: str) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": unit}
    if values:
        found[middle] = rounded(statistics.median(values))
        found |= {"low": rounded(min(values)), "high": rounded(max(values))}
    return found | ({"note": note} if note else {})


def rounded(value: float) -> float:
    """Four significant digits: more is noise, and the committed file should stay readable."""
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() else short


def interleaved(
    measures: Mapping[str, Callable[[], Sample]], rounds: int
) -> dict[str, tuple[Sample, ...]]:
    """Each measure once a round, beginning with another one each time."""
    names: Sequence[str] = list(measures)
    found: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            found[name].append(measures[name]())
    return {name: tuple(values) for name, values in found.items()}
