# SPDX-License-Identifier: Apache-2.0
"""Files that commands read and write for people: certificates, requests, keys."""

from __future__ import annotations

import errno
import os
import select
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: In the place of a file: standard input, which is how one gets into a container.
_STREAM: Final = Path("-")

_PRIVATE = 0o600
_PUBLIC = 0o644


def read_input(path: Path, most: int | None = None) -> bytes:
    """The content of a file that was named, or for `-` of standard input, to its end.

    A file of that name is `/its/directory/-`.

    Args:
        most: bytes that are read of standard input; without it as many as of a file.

    Raises:
        InvalidInputError: it cannot be read.
    """
    from authz.sources.files import MAX_FILE_BYTES, UnreadableFileError, read_file

    if path == _STREAM:
        return _standard_input(MAX_FILE_BYTES if most is None else most)
    try:
        return read_file(path)
    except UnreadableFileError as error:
        raise InvalidInputError(
            f"the file {error.reason}", where=str(path), hint="is the path right?"
        ) from None


def check_one_stream(*paths: Path) -> None:
    """Make sure that standard input is to be one file, and not two.

    Raises:
        InvalidInputError: it was named twice.
    """
    if paths.count(_STREAM) > 1:
        raise InvalidInputError(
            "standard input can take the place of one file only",
            where="-",
            hint="name the other file by its path",
        )


def _standard_input(most: int) -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise InvalidInputError(
            "there is no standard input", where="-", hint="send it the file: - < FILE"
        )
    if sys.stdin.isatty():
        # A private key would be shown while it is pasted, and stay on the screen.
        raise InvalidInputError(
            "a file is not read from a terminal", where="-", hint="send it the file: - < FILE"
        )
    data = bytearray()
    # A byte more than may be there: what is longer is not cut. Whoever started this may have made
    # the pipe one that does not wait: then a read gives what is there, or None, before the end.
    while len(data) <= most:
        part = sys.stdin.buffer.read(most + 1 - len(data))
        if part is None:
            select.select([sys.stdin], [], [])
        elif part:
            data += part
        else:
            return bytes(data)
    raise InvalidInputError(
        f"standard input is larger than {most} bytes",
        where="-",
        hint="is it the right file?",
    )


@contextmanager
def located(path: Path) -> Iterator[None]:
    """What is wrong with the content of a file names it; what is wrong with the store does not."""
    from authz.errors import AuthzError, StoreError

    try:
        yield
    except AuthzError as error:
        if not error.where and not isinstance(error, StoreError):
            error.where = str(path)
        raise


def check_absent(paths: Sequence[Path], *, force: bool) -> None:
    """Make sure that nothing would be written over.

    Raises:
        InvalidInputError: one of these is there.
    """
    for path in paths:
        if not force and (path.exists() or path.is_symlink()):
            raise InvalidInputError(
                "the file is there already",
                where=str(path),
                hint="name another directory, or write over it with --force",
            )


def check_directory(directory: Path) -> None:
    """Make sure that files can be written there, or that it can be made; it is not made yet.

    Raises:
        InvalidInputError: they cannot.
    """
    with _written_there(directory):
        there = next(one for one in (directory, *directory.absolute().parents) if one.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def make_directory(directory: Path) -> None:
    """Make a directory that is not there; raises what `check_directory` does."""
    with _written_there(directory):
        directory.mkdir(parents=True, exist_ok=True)


@contextmanager
def _written_there(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInputError(
            f"nothing can be written there: {(error.strerror or str(error)).lower()}",
            where=str(directory),
            hint="name a directory that can be written to",
        ) from None


def write_output(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file whole or not at all, readable for its owner alone when `private`.

    Raises:
        InvalidInputError: it cannot be written.
    """
    from authz.whole_files import write_whole

    try:
        # A temporary file is its owner's alone until it has its name.
        write_whole(path, [data])
        if not private:
            path.chmod(_PUBLIC & ~_umask())
    except OSError as error:
        raise InvalidInputError(
            f"the file cannot be written: {(error.strerror or str(error)).lower()}",
            where=str(path),
            hint="name a directory that can be written to",
        ) from None


def _umask() -> int:
    mask = os.umask(_PRIVATE)
    os.umask(mask)
    return mask
