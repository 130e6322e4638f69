# SPDX-License-Identifier: Apache-2.0
"""How long to wait before a worker that died is started again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: The first wait. Short: one crash should cost a second of one worker's capacity at most.
FIRST_SECONDS = 0.1

#: The longest wait, so that a worker comes back soon after what killed it is mended.
LONGEST_SECONDS = 30.0

#: A worker that served this long was healthy: its next death starts from FIRST_SECONDS again.
FORGET_AFTER_SECONDS = 60.0


class Backoff:
    """Exponential, bounded, with jitter: workers that died together do not come back together."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._failures = 0

    def next_delay(self, served_seconds: float) -> float:
        """Seconds to wait after a death that followed `served_seconds` of service."""
        if served_seconds >= FORGET_AFTER_SECONDS:
            self._failures = 0
        # 2 ** 20 is far beyond LONGEST_SECONDS; the bound keeps the power from growing for ever.
        longest: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self._failures, 20))
        self._failures += 1
        return self._uniform(longest / 2, longest)
