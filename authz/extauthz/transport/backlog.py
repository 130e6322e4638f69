# SPDX-License-Identifier: Apache-2.0
"""Which of the checks that wait are answered, and which are told at once that it is too much.

A queue that is served in order collapses when more comes than can be answered: each check then
waits until just before, or just after, its caller gives up. So a check whose turn would come too
late is shed while its caller still listens (reason `overloaded`, ADR-0038), and the others are
answered in time. Pure: knows neither gRPC nor clocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    Waiting = TypeVar("Waiting")

#: A check may wait for this share of the time that its caller has left: while those that are here
#: are answered, others arrive and wait in turn.
SHARE: Final = 0.5
#: Seconds that a check may wait, however long its caller would (Istio's default for an extension
#: provider is 600 s: MeshConfig, `timeout`).
LONGEST_WAIT: Final = 1.0
#: What an answer is taken to need before anything was measured.
FIRST_GUESS: Final = 0.0001
#: So many answers in a row replace the mean; fewer move it in proportion.
_ANSWERS: Final = 64
#: A measurement counts as so many times the mean at most: one answer that was held up (a
#: certificate seen for the first time, a pause of the machine) is no reason to shed others.
_JUMP: Final = 2.0


class Backlog:
    """Keeps the mean time of an answer, and divides what waits by it.

    Attributes:
        seconds_each: how long an answer takes, on average.
    """

    def __init__(self, seconds_each: float = FIRST_GUESS) -> None:
        self.seconds_each = seconds_each

    def measured(self, answers: int, seconds: float) -> None:
        """Note that so many answers took so many seconds together."""
        if answers:
            each = min(seconds / answers, self.seconds_each * _JUMP)
            weight = min(1.0, answers / _ANSWERS)
            self.seconds_each += weight * (each - self.seconds_each)

    def divide(
        self, waiting: Iterable[tuple[Waiting, float | None]]
    ) -> tuple[list[Waiting], list[Waiting]]:
        """`(those to answer, those to shed)`, each in the order of their arrival.

        Args:
            waiting: checks, each with the seconds until its caller gives up (None: not said).
        """
        answered: list[Waiting] = []
        shed: list[Waiting] = []
        turn = 0.0
        for one, remaining in waiting:
            patience = LONGEST_WAIT if remaining is None else min(LONGEST_WAIT, remaining * SHARE)
            if turn > patience:
                shed.append(one)
            else:
                answered.append(one)
                turn += self.seconds_each
        return answered, shed
