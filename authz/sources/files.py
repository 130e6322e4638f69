# SPDX-License-Identifier: Apache-2.0
"""Reading files and remembering what was read: the one place of this package that opens them.

A `FileReader` is used for one loading of a policy. Its `contents` (digest by path, None for a file
that could not be read) is what `watch` compares with later, after a failed loading as well.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: A CRL of a million entries has about 40 MB, a list of a million lines about 30 MB.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024


class UnreadableFileError(Exception):
    """A file that cannot be read; callers say where it is named."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class FileReader:
    """Reads every file at most once.

    Attributes:
        contents: SHA-256 of everything that was asked for, None where it could not be read.
    """

    def __init__(self) -> None:
        self.contents: dict[Path, str | None] = {}
        self._data: dict[Path, bytes] = {}

    def read(self, path: Path) -> bytes:
        """The bytes of a regular file.

        Raises:
            UnreadableFileError: it is missing, not allowed, no file or too large.
        """
        known = self._data.get(path)
        if known is not None:
            return known
        self.contents[path] = None
        data = read_file(path)
        self._data[path] = data
        self.contents[path] = digest_of(data)
        return data


def digest_of(data: bytes) -> str:
    """What tells one content of a file from another."""
    return hashlib.sha256(data).hexdigest()


def read_file(path: Path) -> bytes:
    """The bytes of a regular file, symbolic links followed.

    Raises:
        UnreadableFileError: it is missing, not allowed, no file or too large.
    """
    try:
        # Opening a FIFO or a device would block or never end; O_NONBLOCK opens either at once.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - takes the descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableFileError("is no regular file", "name a file")
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableFileError(
            "does not exist", "create it or correct the path; relative paths start at this file"
        ) from None
    except OSError as error:
        raise UnreadableFileError(
            f"cannot be read: {(error.strerror or str(error)).lower()}",
            "let the user that runs authz read it",
        ) from None
    if len(data) > MAX_FILE_BYTES:
        raise UnreadableFileError(
            f"is larger than {MAX_FILE_BYTES} bytes", "split it or name another file"
        )
    return data
