# SPDX-License-Identifier: Apache-2.0
"""Why a database cannot be used, and what to do about it, by what its driver says.

https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from authz.errors import StoreDamagedError, StoreUnavailableError

if TYPE_CHECKING:
    from sqlalchemy import exc

#: Primary result codes of SQLite that mean damage.
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_GOES_ON: Final = "; what answers checks goes on with what it has"
_HINTS: Final = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_BUSY: "another program is writing: try again",
    sqlite3.SQLITE_READONLY: "only reading is possible: give the user that runs authz a data_dir "
    "where it may write",
    sqlite3.SQLITE_CANTOPEN: "see that the file is there, and may be opened with the files of its "
    "log beside it",
    sqlite3.SQLITE_IOERR: "see what the system's log says of the disk, and whether there is room",
}


def is_damage(error: BaseException | None) -> bool:
    """Whether it is SQLite's word for a file whose content is wrong."""
    return isinstance(error, sqlite3.Error) and _primary(error) in _DAMAGED


def unavailable(error: exc.SQLAlchemyError, said: str, name: str) -> StoreUnavailableError:
    """The error of ours for one of a driver's.

    Args:
        said: what the driver said, in one line.
        name: which database it is.
    """
    cause = getattr(error, "orig", None)
    if is_damage(cause):
        return StoreDamagedError(
            f"the database is damaged: {said}",
            hint="authz db check names the damage; authz db restore FILE --replace puts a backup "
            "in its place",
            where=name,
        )
    hint = "see that the database server runs and can be reached"
    if isinstance(cause, sqlite3.Error):
        hint = _HINTS.get(_primary(cause), "authz db check says more")
    return StoreUnavailableError(
        f"the database cannot be used: {said}", hint=hint + _GOES_ON, where=name
    )


def _primary(error: sqlite3.Error) -> int:
    # The byte above says which of its kind it is. Errors of the module itself have none.
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
