# SPDX-License-Identifier: Apache-2.0
"""A program whose clock is wrong, and goes on: libfaketime (https://github.com/wolfcw/libfaketime).

Only what a wrong clock of a machine would show is wrong: the wall clock. The monotonic one is left
alone, so waiting takes as long as ever.
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
    found = sorted(Path("/usr/lib").glob(f"*/{_LIBRARY}"))
    if not found:
        absent("faketime", "no libfaketime; Debian has it: apt-get install libfaketime")
    paths = [str(Path(__file__).with_name("skewed")), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": f"{seconds:+.3f}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
