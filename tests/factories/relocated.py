# SPDX-License-Identifier: Apache-2.0
"""This interpreter and this working copy for users who may not look where they are.

Both are often in somebody's home, which other users and sandboxed services do not see. Bound to
directories of another place, in a mount namespace of one's own, they are.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Final

from tests.factories.accepted import ROOT

#: What is bound, by the name of its directory in the other place.
PARTS: Final = {
    "python": Path(sys.base_prefix),
    "packages": Path(sysconfig.get_path("purelib")),
    "source": ROOT,
}


def bind_commands(place: str) -> str:
    """Lines of a shell that bind everything below `place`; only in a mount namespace of one's own.

    What is bound cannot be written to there.
    """
    return "".join(
        f"mkdir -p {place}/{name}\n"
        f"mount --bind {part} {place}/{name}\n"
        f"mount -o remount,bind,ro {place}/{name}\n"
        for name, part in PARTS.items()
    )


def python(place: str) -> list[str]:
    """The interpreter there, with what it needs to find this working copy and its dependencies."""
    return [
        *("env", f"PYTHONPATH={place}/source:{place}/packages"),
        *(f"LD_LIBRARY_PATH={place}/python/lib", f"{place}/python/bin/python3"),
    ]
