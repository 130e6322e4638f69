# SPDX-License-Identifier: Apache-2.0
"""Database files that cannot be read, and what the file system says, told by where it was."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from authz.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator


def last_revision_in(file: Path) -> int:
    """The revision of a damaged database; 0 when not even that can be read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as damaged:
            (revision,) = damaged.execute("SELECT revision FROM state").fetchone()
            return int(revision)
    except (sqlite3.Error, TypeError, ValueError):
        return 0


def set_aside(file: Path) -> Path:
    """Give a damaged database another name, with its log; that name."""
    number = next(n for n in count(1) if not Path(f"{file}.damaged-{n}").exists())
    aside = Path(f"{file}.damaged-{number}")
    with file_errors(file):
        # The log first: one that stays behind would be taken for the new file's.
        for end in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                Path(f"{file}{end}").rename(f"{aside}{end}")
    return aside


def is_cut_short(file: Path) -> bool:
    """Whether a database file is shorter than it says, as a stream that broke leaves it.

    What is missing of the last page would be read as zeros, which `quick_check` lets pass.
    https://www.sqlite.org/fileformat.html §1.3

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as opened:
        header = opened.read(100)
        size = opened.seek(0, os.SEEK_END)
    page_size = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    return size < (65536 if page_size == 1 else page_size) * pages


@contextmanager
def file_errors(file: Path) -> Iterator[None]:
    """Raise what goes wrong with a file as StoreUnavailableError."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"the file cannot be used: {(error.strerror or str(error)).lower()}",
            where=str(file),
            hint="name a file in a directory that exists, where there is room",
        ) from error
    except sqlite3.Error as error:
        raise StoreUnavailableError(
            f"the file cannot be used: {str(error).lower()}", where=str(file)
        ) from error
