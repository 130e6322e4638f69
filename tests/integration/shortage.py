# SPDX-License-Identifier: Apache-2.0
"""File descriptors of processes: taking them away for a while, and counting them."""

from __future__ import annotations

import itertools
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def without_descriptors(process: psutil.Process) -> Iterator[None]:
    """The process gets no descriptor in here, but in the place of those that it closes."""
    soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
    try:
        # Again when it has closed one meanwhile that it only had for a moment.
        while (free := _first_free(process)) < process.rlimit(psutil.RLIMIT_NOFILE)[0]:
            process.rlimit(psutil.RLIMIT_NOFILE, (free, hard))
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))


def _first_free(process: psutil.Process) -> int:
    used = {int(one.name) for one in Path(f"/proc/{process.pid}/fd").iterdir()}
    return next(number for number in itertools.count() if number not in used)
