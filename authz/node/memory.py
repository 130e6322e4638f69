# SPDX-License-Identifier: Apache-2.0
"""Giving memory back to the system.

Loading a million items needs some hundred megabytes for a moment. glibc keeps much of that for the
next time, which may be never.
"""

from __future__ import annotations

import contextlib


def release_memory() -> None:
    """Give back what is free, where the C library can."""
    # Not at start-up: most processes never need it.
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
