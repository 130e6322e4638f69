# SPDX-License-Identifier: Apache-2.0
"""Which answer to a check is right at which moment, while what decides it is changed.

A case is one check that is asked again and again. A change of its answer begins when the call that
makes it is sent, and is done when that is acknowledged; until a while after, either answer is
right. A call that failed may have been done or not: either is right until the next change is done.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass


@dataclass(slots=True)
class _Period:
    """An answer, and from when until when it is right."""

    answer: int
    begin: float
    end: float = math.inf


class KnownAnswers:
    """What is known; several threads may use it.

    Args:
        grace: seconds after the end of a change in which the answer of before is still right.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._lock = threading.Lock()
        self._periods: dict[str, list[_Period]] = {}

    def begin(self, case: str, answer: int, at: float) -> None:
        """A change to this answer begins; of a new case, it is the only right one."""
        with self._lock:
            self._periods.setdefault(case, []).append(_Period(answer, at))

    def done(self, case: str, at: float) -> None:
        """The last change that began is done."""
        with self._lock:
            *before, last = self._periods[case]
            # What ended before this is over: nobody still waits for an answer of then.
            there = [one for one in before if one.end > at - self._grace]
            for one in there:
                one.end = min(one.end, at + self._grace)
            self._periods[case] = [*there, last]

    def forget(self, case: str) -> None:
        """Nobody is to ask for it any more."""
        with self._lock:
            self._periods.pop(case, None)

    def right(self, case: str, answer: int, asked: float, answered: float) -> bool:
        """Whether the answer was right at some moment from asking to answering.

        One to a case that was forgotten meanwhile is: nobody knows.
        """
        with self._lock:
            periods = self._periods.get(case)
            return periods is None or any(
                one.answer == answer and one.begin <= answered and asked <= one.end
                for one in periods
            )
