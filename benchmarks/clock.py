# SPDX-License-Identifier: Apache-2.0
"""Microseconds of a call in this process: interleaved repeats, each long enough for the clock.

Of processor time: what other programs take from the core meanwhile is not in it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.cores import SERVER, on_core
from benchmarks.figures import Row, Sample, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNIT: Final = "µs"


def timed(runs: Mapping[str, Callable[[], object]], repeats: int, seconds: float) -> dict[str, Row]:
    """A row for each of `runs`, by its label; every repeat fills about `seconds`."""
    with on_core(SERVER):
        calls = {label: _calls(run, seconds) for label, run in runs.items()}
        found = interleaved(
            {label: partial(_once, run, calls[label]) for label, run in runs.items()}, repeats
        )
    return {
        label: Row(label=label, unit=_UNIT, samples=samples) for label, samples in found.items()
    }


def _calls(run: Callable[[], object], seconds: float) -> int:
    calls = 1
    while (taken := _once(run, calls).value * calls / 1e6) < seconds:
        calls = max(calls + 1, int(calls * min(8.0, 1.2 * seconds / max(taken, 1e-9))))
    return calls


def _once(run: Callable[[], object], calls: int) -> Sample:
    started = time.thread_time()
    for _ in range(calls):
        run()
    return Sample(value=(time.thread_time() - started) / calls * 1e6)
