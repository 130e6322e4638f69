# SPDX-License-Identifier: Apache-2.0
"""Large sections in files of their own, `sections/<SHA-256>`, mapped by every process.

A snapshot file names them by their hash, so snapshots that share a section share its file: a
revocation beside a million serial numbers writes some kilobytes. A file appears complete and on
disk or not at all, is never written to, and goes when no snapshot that is kept names it, unless it
is new: sections are written before the snapshot that names them, maybe by another supervisor.
Whoever has mapped it keeps what it mapped.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import re
from typing import TYPE_CHECKING

from authz.packed import Section
from authz.whole_files import hold, remove_unheld, write_whole

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

DIRECTORY = "sections"

_NAME = re.compile(r"[0-9a-f]{64}")


def write_section(directory: Path, section: Section) -> None:
    """Make sure that `directory` has the section, and has it as a new one, which is not pruned; a
    file that was damaged is written anew.

    Raises:
        OSError: it cannot be written.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    target = directory / section.sha256.hex()
    with contextlib.suppress(OSError, ValueError):
        # First touched, then looked at: what is there after that stays.
        with hold(target) as held:
            os.utime(held.fileno())
        if map_section(target, section.sha256, len(section)) is not None:
            return
    write_whole(target, [section.data])
    sync_directory(directory)


def map_section(file: Path, sha256: bytes, length: int) -> Section | None:
    """The section in a file, mapped; None if it is not the one with this hash.

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_size != length:
            return None
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    # hashlib lets the other threads run meanwhile.
    if hashlib.sha256(mapped).digest() != sha256:
        return None
    return Section(mapped, sha256)


def prune_sections(directory: Path, used: Collection[bytes], before: float) -> None:
    """Remove the sections that no snapshot names, if they were written or touched at Unix time
    `before` or earlier.

    Raises:
        OSError: the directory cannot be read or changed.
    """
    names = {sha256.hex() for sha256 in used}
    if directory.is_dir():
        for path in list(directory.iterdir()):
            if path.name not in names and _NAME.fullmatch(path.name):
                remove_unheld(path, before=before, before_without_locks=before)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory last.

    Raises:
        OSError: the system cannot.
    """
    # Without it a power cut may forget the rename (fsync(2), notes).
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
