# SPDX-License-Identifier: Apache-2.0
"""Whether a process stayed as large as it was: samples in, a verdict out.

The first fifth of the samples is warm-up and says nothing. The median of the second fifth is
compared with that of the last: what leaks has grown by then, and a sample that was taken at an
odd moment counts for nothing.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.figures import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Fewer cannot be cut into fifths.
FEWEST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """By how much something may change: by `share` of what it was, or by `least`, if that is more.

    `both_ways`: it may not shrink by more, either.
    """

    least: float
    share: float = 0.0
    both_ways: bool = False

    def keeps(self, before: float, after: float) -> bool:
        """Whether it is within."""
        change = after - before
        return (abs(change) if self.both_ways else change) <= max(self.least, self.share * before)


_COUNT: Final = Limit(least=2, both_ways=True)
#: By what is measured; what has none is shown and not judged.
LIMITS: Final[Mapping[str, Limit]] = {
    "resident bytes": Limit(least=4e6, share=0.05),
    "descriptors": _COUNT,
    "threads": _COUNT,
    "processes": _COUNT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured of a process: medians of the second and of the last fifth."""

    process: str
    what: str
    before: float
    after: float
    kept: bool


def judge(process: str, samples: Mapping[str, Sequence[float]]) -> list[Row]:
    """A row for each thing that was measured of a process, all at the same moments.

    Raises:
        BenchError: there are too few samples.
    """
    rows = []
    for what, values in samples.items():
        if len(values) < FEWEST:
            raise BenchError(f"{process}: {len(values)} samples of {what}, {FEWEST} are needed")
        before, after = (statistics.median(_fifth(values, number)) for number in (1, 4))
        limit = LIMITS.get(what)
        kept = limit is None or limit.keeps(before, after)
        rows.append(Row(process=process, what=what, before=before, after=after, kept=kept))
    return rows


def _fifth(values: Sequence[float], number: int) -> Sequence[float]:
    return values[len(values) * number // 5 : len(values) * (number + 1) // 5]
