# SPDX-License-Identifier: Apache-2.0
"""When to fetch a CRL or an OCSP answer again. Pure: numbers in, a moment out.

Ahead of nextUpdate, spread over a fleet by the URL, so that a CA is not asked by everybody at once;
sooner when it failed, so that there are several tries before what we have goes stale. Clocks are
wrong at times: whatever they say, nothing is asked for more than once a minute or less than daily.
"""

from __future__ import annotations

import hashlib
from typing import Final

#: The earliest and the latest part of the span from thisUpdate to nextUpdate at which to ask.
EARLIEST: Final = 0.5
LATEST: Final = 0.8
#: Seconds between two tries, at least and at most.
SHORTEST: Final = 60.0
LONGEST: Final = 86400.0
#: After failures, and past nextUpdate, in seconds.
LONGEST_RETRY: Final = 3600.0
#: What is left until nextUpdate is divided by this for another try: several fit in.
TRIES: Final = 4


def next_fetch(
    this_update: float | None,
    next_update: float | None,
    fetched_at: float | None,
    failures: int,
    at: float,
    key: str,
) -> float:
    """When (Unix seconds) to ask next; `at` or earlier means now.

    Args:
        this_update, next_update: of what we have, None without anything.
        fetched_at: when it was last asked for, with or without success; None for never.
        failures: tries since the last success.
        key: what spreads the moments, such as the URL: the same key, the same moments.
    """
    if fetched_at is None:
        return at
    # A clock that was set back must not keep anybody waiting.
    asked = min(fetched_at, at)
    spread = _spread(key)
    longest = LONGEST * (0.9 + 0.1 * spread)
    if this_update is None or next_update is None:
        wait = _backoff(max(failures, 1), spread)
    else:
        planned = this_update + (next_update - this_update) * (
            EARLIEST + (LATEST - EARLIEST) * spread
        )
        wait = planned - asked
        if failures or wait <= 0:
            # It failed, or what we were given is what we had: again, with time for more tries.
            wait = _again(next_update - asked, spread)
            if failures:
                wait = min(wait, _backoff(failures, spread))
    return asked + min(max(wait, SHORTEST), longest)


def _again(left: float, spread: float) -> float:
    """Seconds until another try, `left` being those until nextUpdate, negative past it."""
    if left > 0:
        return left / TRIES * (0.75 + 0.25 * spread)
    # Nobody issues it any more, or not yet: the longer, the less often.
    return min(-left / TRIES, LONGEST_RETRY)


def _backoff(failures: int, spread: float) -> float:
    longest: float = min(LONGEST_RETRY, SHORTEST * 2 ** min(failures - 1, 20))
    return longest * (0.75 + 0.25 * spread)


def _spread(key: str) -> float:
    """A number from 0 to 1 that belongs to the key."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4]) / 2**32
