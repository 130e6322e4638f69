# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all and stay while held, and what is left of writes cut short.

A file is written under another name, `.XXXXXXXX.tmp`, and renamed. Whoever writes holds a lock
(flock(2)) on it, which the kernel takes away when the writer is gone, however it went. So a
temporary file that can be locked is nobody's any more, and one of another process that is still
being written is left alone: two supervisors may share a data directory during an upgrade.

Whoever needs a file that others may remove holds it: a shared lock on it, until it is closed.
Whoever lives as long as a file is to count holds it alone, and others ask whether somebody does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import tempfile
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable

#: What tempfile makes of the prefix and the suffix below.
_TEMPORARY = re.compile(r"\.[a-z0-9_]{8}\.tmp")


def write_whole(target: Path, parts: Iterable[bytes | mmap.mmap]) -> None:
    """Write a file that appears under its name complete and on disk, or not at all.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, temporary = _create_temporary(target.parent)
    # Closed, and so unlocked, when the file has its name or is gone.
    with os.fdopen(descriptor, "wb") as file:
        try:
            file.writelines(parts)
            file.flush()
            os.fsync(descriptor)
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def remove_remains(directory: Path) -> None:
    """Remove what writes to `directory` left that did not come to their end.

    Best effort: what cannot be looked at or removed stays. Only files with our names, of our own
    user, that nobody holds a lock on.
    """
    with contextlib.suppress(OSError):
        for path in list(directory.iterdir()):
            if _TEMPORARY.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    _remove_if_stale(path)


def hold(file: Path) -> FileIO:
    """Open a file that `remove_unheld` then leaves alone, in every process, until it is closed.

    Raises:
        FileNotFoundError: it is not there (any more).
        OSError: it cannot be read.
    """
    held = FileIO(file)
    try:
        # Whoever removes a file has it locked for a moment only. Where there are no locks, its age
        # has to do.
        with contextlib.suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_SH)
        if not os.fstat(held.fileno()).st_nlink:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    except BaseException:
        held.close()
        raise
    return held


def hold_alone(file: FileIO) -> None:
    """Let `held_alone` say yes of a new file, until it is closed or this process is gone.

    Nothing happens where the file system has no locks. Processes that are forked hold it, too.
    """
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held_alone(file: FileIO) -> bool:
    """Whether somebody holds an open file alone, in whatever container that shares it; yes where
    the file system has no locks to tell."""
    try:
        # Shared: those who ask at the same time do not take each other for it.
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def remove_unheld(file: Path, *, before: float, before_without_locks: float) -> bool:
    """Remove a file that nobody holds, if it was last changed or touched at `before` or earlier.

    Args:
        before: Unix time by the clock of the file system.
        before_without_locks: the same, where nobody can tell whether it is held.

    Returns:
        Whether it is gone; what cannot be opened stays.

    Raises:
        OSError: it cannot be removed.
    """
    try:
        # For writing, which network file systems want of whoever locks exclusively.
        descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            before = before_without_locks
        # Looked at and removed under the lock: whoever touches it holds it meanwhile.
        if os.fstat(descriptor).st_mtime > before:
            return False
        file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    return True


def _create_temporary(directory: Path) -> tuple[int, Path]:
    """A new temporary file, open and locked."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=directory)
        # Some network file systems have no locks. There, remains cannot be locked and so stay.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Somebody may have taken it for remains in the moment before it was locked.
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)


def _remove_if_stale(path: Path) -> None:
    # O_NONBLOCK: a FIFO of that name must not hold anybody.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        about = os.fstat(descriptor)
        if stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)
