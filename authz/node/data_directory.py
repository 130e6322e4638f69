# SPDX-License-Identifier: Apache-2.0
"""Where a node keeps its snapshots and what it fetched."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import PolicyError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from contextlib import ExitStack

#: Where snapshots are in it.
SNAPSHOTS: Final = "snapshots"


def own_directory(data_dir: Path, stack: ExitStack) -> Path:
    """Where snapshots go: the data directory, or on a read-only disk a temporary one.

    The temporary one begins with the snapshots of the data directory, so that the last good one is
    known, and generations go on.

    Raises:
        PolicyError: neither can be written to.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(data_dir, os.W_OK | os.X_OK):
            return data_dir
        reason = "it may not be written to"
    except OSError as error:
        reason = error.strerror or str(error)
    try:
        temporary = Path(tempfile.mkdtemp(prefix="authz-"))
    except OSError as error:
        raise PolicyError(
            f"there is nowhere to keep a snapshot: {reason}; {error.strerror or error}",
            where=str(data_dir),
            hint="give the user that runs authz a data_dir with space where it may write",
        ) from error
    stack.callback(shutil.rmtree, temporary, ignore_errors=True)
    get_logger().warning(
        "the data directory cannot be written to; a temporary one is used instead",
        data_dir=str(data_dir),
        reason=reason,
        temporary=str(temporary),
        snapshots=_taken_over(data_dir / SNAPSHOTS, temporary / SNAPSHOTS),
    )
    return temporary


def _taken_over(there: Path, here: Path) -> int:
    """Name the snapshots of a directory that cannot be written to in another; how many."""
    snapshots = 0
    with suppress(OSError):
        for path in sorted(there.rglob("*")):
            if path.is_file():
                link = here / path.relative_to(there)
                link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # Not copied: the temporary directory may be memory, and sections are large.
                link.symlink_to(path.resolve())
                snapshots += path.suffix == ".snapshot"
    return snapshots
