# SPDX-License-Identifier: Apache-2.0
"""Reading files and remembering what was read: the one place of this package that opens them.

A `FileReader` is used for one loading of a policy. Its `contents` (digest by path, None for a file
that could not be read) is what `watch` compares with later, after a failed loading as well.

A file that is written in place is empty first and half there later, and half a policy may well be
valid. So a reader can keep the files open and say later whether what it read was whole: the names
still led to the same files when the last one was read, and a moment later those files, whatever
the names lead to by then, are as they were. A file that another one is renamed over was whole.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

#: A CRL of a million entries has about 40 MB, a list of a million lines about 30 MB.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024


class UnreadableFileError(Exception):
    """A file that cannot be read; callers say where it is named."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


#: Files kept open at most; the usual limit of a process is 1,024. More of them have to keep still
#: under their names.
MAX_OPEN: Final = 256

_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Open:
    """A file that was read, and which one it is (device and inode)."""

    file: io.FileIO
    identity: tuple[int, int]


class FileReader:
    """Reads every file at most once.

    Args:
        keep: whether to keep the files open, for `is_whole`; use the reader as a context manager
            then.

    Attributes:
        contents: SHA-256 of everything that was asked for, None where it could not be read.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self.contents: dict[Path, str | None] = {}
        self._data: dict[Path, bytes] = {}
        self._keep = keep
        self._open: dict[Path, _Open] = {}

    def __enter__(self) -> FileReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._open:
            self._open.popitem()[1].file.close()

    def read(self, path: Path) -> bytes:
        """The bytes of a regular file.

        Raises:
            UnreadableFileError: it is missing, not allowed, no file or too large.
        """
        known = self._data.get(path)
        if known is not None:
            return known
        self.contents[path] = None
        file = _open(path)
        try:
            data = _read(file)
            if self._keep and len(self._open) < MAX_OPEN:
                self._open[path] = _Open(file, _identity(os.fstat(file.fileno())))
        finally:
            if path not in self._open:
                file.close()
        self._data[path] = data
        self.contents[path] = digest_of(data)
        return data

    def is_one_moment(self) -> bool:
        """Whether every name still leads to what was read: nothing is mixed of old and new."""
        return all(self._leads_there(path, digest) for path, digest in self.contents.items())

    def is_whole(self) -> bool:
        """Whether the files that were read, under whatever name by now, are as they were read."""
        for path, digest in self.contents.items():
            kept = self._open.get(path)
            if digest != (digest_of_file(path) if kept is None else _digest(kept.file)):
                return False
        return True

    def _leads_there(self, path: Path, digest: str | None) -> bool:
        kept = self._open.get(path)
        if kept is None:
            return digest_of_file(path) == digest
        try:
            return _identity(path.stat()) == kept.identity
        except OSError:
            return False


def digest_of(data: bytes) -> str:
    """What tells one content of a file from another."""
    return hashlib.sha256(data).hexdigest()


def digest_of_file(path: Path) -> str | None:
    """The same for a file, which need not fit into memory; None for one that cannot be read."""
    try:
        with _open(path) as file:
            return _digest(file)
    except UnreadableFileError:
        return None


def read_file(path: Path) -> bytes:
    """The bytes of a regular file, symbolic links followed.

    Raises:
        UnreadableFileError: it is missing, not allowed, no file or too large.
    """
    with _open(path) as file:
        return _read(file)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _digest(file: io.FileIO) -> str | None:
    """The digest of an open file from its beginning; None when it cannot be read (any more)."""
    digest, size = hashlib.sha256(), 0
    try:
        file.seek(0)
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            if size > MAX_FILE_BYTES:
                return None
    except OSError:
        return None
    return digest.hexdigest()


def _open(path: Path) -> io.FileIO:
    with _explained():
        # Opening a FIFO or a device would block or never end; O_NONBLOCK opens either at once.
        file = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "r")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise UnreadableFileError("is no regular file", "name a file")
        return file


def _read(file: io.FileIO) -> bytes:
    with _explained():
        if os.fstat(file.fileno()).st_size <= MAX_FILE_BYTES:
            data = file.readall()
            if len(data) <= MAX_FILE_BYTES:
                return data
    raise UnreadableFileError(
        f"is larger than {MAX_FILE_BYTES} bytes", "split it or name another file"
    )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UnreadableFileError(
            "does not exist", "create it or correct the path; relative paths start at this file"
        ) from None
    except OSError as error:
        raise UnreadableFileError(
            f"cannot be read: {(error.strerror or str(error)).lower()}",
            "let the user that runs authz read it",
        ) from None
