# SPDX-License-Identifier: Apache-2.0
"""How a process that answers checks is set up so that nothing else it does makes them wait.

Two things of the interpreter's: how long a thread keeps it while another wants it, and collecting
garbage, during which nobody has it.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long a thread keeps the interpreter while another wants it. Python's own choice is 5 ms,
#: which every check that comes while a snapshot is compiled would wait.
SWITCH_SECONDS: Final = 0.0005

#: Old objects that are looked through for garbage in one go, so that a check waits little.
MAX_TIDIED: Final = 20_000

#: So many collections of the middle generation make one of everything: never.
_NEVER: Final = 1_000_000


@contextmanager
def giving_way() -> Iterator[None]:
    """Other threads of this process give way to those that answer checks, while in this context.

    A collection of everything takes tens of milliseconds and finds nothing: neither checks nor
    snapshots make cycles. So there is none; young objects are still looked through, which takes a
    fraction of a millisecond, and what others leave (the metrics server) mostly ends there.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(*thresholds[:2], _NEVER)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def keep() -> None:
    """Never look through what is there now: for when something large was made that stays."""
    gc.freeze()


def tidy() -> None:
    """Collect the garbage that got old, if that takes no time to speak of; call it now and then.

    When so much is new that it would (clients that are remembered), nothing is collected: then
    what garbage there is among it stays.
    """
    if len(gc.get_objects(generation=2)) <= MAX_TIDIED:
        gc.collect()
    gc.freeze()
