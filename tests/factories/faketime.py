# SPDX-License-Identifier: Apache-2.0
"""A program whose clock is wrong, and goes on: libfaketime (https://github.com/wolfcw/libfaketime).

Only what a wrong clock of a machine would show is wrong: the wall clock. The monotonic one is left
alone, as the kernel leaves it when somebody sets the clock (clock_gettime(2)): waiting takes as
long as ever. Were it to jump as well, every wait would, and no machine does that.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tests.conftest import absent

#: Debian's package libfaketime; the one for programs with threads.
_LIBRARY: Final = "faketime/libfaketimeMT.so.1"


def clock_off_by(seconds: float) -> dict[str, str]:
    """The environment of a program whose clock is so far ahead, or behind when negative.

    The test is skipped without libfaketime, and fails where AUTHZ_REQUIRE names faketime.
    """
    return {**_preloaded(), "FAKETIME": f"{seconds:+.3f}"}


class JumpingClock:
    """The clock of the programs with this environment, set while they run.

    The file is read at every look at the clock (FAKETIME_NO_CACHE): all processes jump at one
    moment, so it is known of each answer what the time was. Times of files are the kernel's
    (NO_FAKE_STAT): those that are there do not jump with a clock.

    Attributes:
        off: how far ahead it is, in seconds.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.off = 0.0
        self.set(0.0)

    @property
    def environment(self) -> dict[str, str]:
        """Of a program; the test is skipped, or fails, as with `clock_off_by`."""
        environment = {
            **_preloaded(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
        }
        # It would be looked at instead of the file.
        environment.pop("FAKETIME", None)
        return environment

    def set(self, off: float) -> None:
        """Let it jump: from now on it is so far ahead."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{off:+.3f}\n", encoding="ascii")
        # Whole, or somebody reads half of it.
        new.replace(self._file)
        self.off = off


def _preloaded() -> dict[str, str]:
    found = sorted(Path("/usr/lib").glob(f"*/{_LIBRARY}"))
    if not found:
        absent("faketime", "no libfaketime; Debian has it: apt-get install libfaketime")
    paths = [str(Path(__file__).with_name("skewed")), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
