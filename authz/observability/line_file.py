# SPDX-License-Identifier: Apache-2.0
"""Whole lines appended to a file that several processes write and somebody else moves away.

A write is a number of whole lines, in one piece: with O_APPEND, Linux puts each write of a regular
file behind all others, and into a pipe in one piece when it is not longer than PIPE_BUF. Whoever
rotates the file moves it (or its directory) and tells nobody: before each write it is looked
whether the path still names the open file. Knows no lines' content, and no threads.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Standard output in the place of a path.
STDOUT: Final = "-"

#: Bytes of one write into a regular file, without the line that goes beyond it.
MAX_WRITE: Final = 65_536
#: Into anything else. PIPE_BUF is 4096 on Linux (pipe(7)); POSIX guarantees 512.
MAX_PIPE_WRITE: Final = 4096

#: A file that has not grown for so long is not just being written.
SETTLE_SECONDS: Final = 0.02

#: The group may read it, which is how whoever ships logs gets at it.
MODE: Final = 0o640

_STDOUT_DESCRIPTOR: Final = 1


class LineFile:
    """A file to append lines to; opened with the first."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._most = MAX_PIPE_WRITE
        # What a write left behind that ended in the middle of a line; None: nothing.
        self._torn: bytes | None = None

    def append(self, lines: Sequence[bytes]) -> int:
        """Write lines, each with its line feed; how many of them, from the first on, are there.

        Raises:
            OSError: not even one could be written.
        """
        done = 0
        try:
            self._open()
            while done < len(lines):
                done += self._write(lines[done:])
        except OSError:
            if not done:
                raise
        return done

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor not in (-1, _STDOUT_DESCRIPTOR):
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1
        self._torn = None

    def _open(self) -> None:
        """Have a descriptor of what the path names now."""
        if self._path == STDOUT:
            self._use(_STDOUT_DESCRIPTOR)
            return
        if self._descriptor >= 0:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self._path), os.fstat(self._descriptor)):  # noqa: PTH116
                    return
            self.close()
        # O_NONBLOCK: a named pipe that nobody reads is an error and not a wait without end.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._use(os.open(self._path, flags, MODE))
        if self._most == MAX_WRITE and _ends_within_a_line(self._path):
            # Somebody was killed, or the disk was full, in the middle of a line.
            self._torn = b""

    def _use(self, descriptor: int) -> None:
        if self._descriptor == descriptor:
            return
        self._descriptor = descriptor
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._most = MAX_WRITE if regular else MAX_PIPE_WRITE

    def _write(self, lines: Sequence[bytes]) -> int:
        """One write; how many of `lines` are there afterwards."""
        if self._torn is not None:
            # What is torn becomes a line by itself, which is no JSON; the whole one follows.
            whole = self._torn == lines[0][:-1]
            os.write(self._descriptor, b"\n")
            self._torn = None
            if whole:
                return 1
        count, size = 1, len(lines[0])
        while count < len(lines) and size + len(lines[count]) <= self._most:
            size += len(lines[count])
            count += 1
        data = b"".join(lines[:count])
        written = os.write(self._descriptor, data)
        if written == len(data):
            return count
        # The disk is full: lines that are there are there.
        begun = data[:written]
        there = begun.count(b"\n")
        rest = begun[begun.rfind(b"\n") + 1 :]
        self._torn = rest or None
        if not there:
            raise OSError("a line was written in part")
        return there


def _ends_within_a_line(path: str) -> bool:
    """Whether somebody left half a line behind, and is not just writing the other half."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - beside os.open of the same path
            size = -1
            while (now := file.seek(0, os.SEEK_END)) != size:
                if not now:
                    return False
                size = now
                file.seek(size - 1)
                if file.read(1) == b"\n":
                    return False
                # A file grows page by page while another process writes into it.
                time.sleep(SETTLE_SECONDS)
            return True
    except OSError:
        # It may be written and not read.
        return False
