# SPDX-License-Identifier: Apache-2.0
"""Which core runs what: the measured server has one to itself, the client the other.

A child inherits the affinity of the thread that starts it, so a program is pinned by starting it
inside `on_core(...)`. Where there is only one core, or no affinity to set, nothing is pinned and
the results say so.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALLOWED: Final = (
    sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]  # not on macOS
)
#: Whether servers and clients can be kept apart.
PINNED: Final = len(_ALLOWED) > 1
SERVER: Final = _ALLOWED[0]
CLIENT: Final = _ALLOWED[-1]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started in here runs on `core` alone."""
    if not PINNED:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def describe() -> str:
    """One sentence about it, for the page."""
    if PINNED:
        return f"servers pinned to core {SERVER}, clients to core {CLIENT}"
    return "nothing pinned: servers and clients share what there is"
