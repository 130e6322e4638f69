# SPDX-License-Identifier: Apache-2.0
"""Signs of life: how often they are asked for, and how long their lack is borne (ADR-0039).

Lives here: the times, and waiting in a process that does it all while a service manager watches.
Not here: who asks workers and ends them (node.supervisor), what a sign is worth (a transport's
`beats`), the processes beside the workers (node.keeper).
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Final, TypeVar

from authz.node import notify

if TYPE_CHECKING:
    from collections.abc import Callable

_Event = TypeVar("_Event")

#: Each worker that serves is asked for a sign of life this often.
PULSE_SECONDS: Final = 2.0

#: How long a worker may give none before it is ended, unless the settings say otherwise. What is
#: counted are questions without an answer: when the supervisor stood still, nobody is to blame.
SILENCE_SECONDS: Final = 15.0

#: From then on: time to drain for one that still can. It answers nobody, so it is no long time.
SILENT_STOP_SECONDS: Final = 5.0


def next_event(arrived: queue.SimpleQueue[_Event], beats: Callable[[], int]) -> _Event:
    """Wait for it; a manager that watches is told meanwhile that checks are answered, while so."""
    if not notify.is_watched():
        return arrived.get()
    before = -1
    while True:
        try:
            return arrived.get(timeout=PULSE_SECONDS)
        except queue.Empty:
            now = beats()
            if now != before:
                before = now
                notify.alive()
