# SPDX-License-Identifier: Apache-2.0
"""What a driver says becomes an error that says what to do."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import exc

from authz.errors import StoreDamagedError, StoreUnavailableError
from authz.store.causes import is_damage, unavailable


def _said(cause: BaseException, code: int | None = None) -> StoreUnavailableError:
    if code is not None:
        cause.sqlite_errorcode = code  # type: ignore[attr-defined]  # as the module sets it
    return unavailable(exc.OperationalError("SELECT 1", None, cause), "something", "it")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (sqlite3.SQLITE_FULL, "make room"),
        (sqlite3.SQLITE_BUSY, "try again"),
        (sqlite3.SQLITE_READONLY | 8 << 8, "only reading is possible"),
        (sqlite3.SQLITE_CANTOPEN, "see that the file is there"),
        (sqlite3.SQLITE_IOERR | 3 << 8, "whether there is room"),
        (sqlite3.SQLITE_ERROR, "authz db check"),
        (None, "authz db check"),
    ],
)
def test_what_to_do_with_a_file(code: int | None, hint: str) -> None:
    error = _said(sqlite3.OperationalError("something"), code)

    assert not isinstance(error, StoreDamagedError)
    assert hint in (error.hint or "")
    assert error.where == "it"


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CORRUPT | 1 << 8, sqlite3.SQLITE_NOTADB]
)
def test_damage(code: int) -> None:
    cause = sqlite3.DatabaseError("something")
    error = _said(cause, code)

    assert isinstance(error, StoreDamagedError)
    assert "authz db restore FILE --replace" in (error.hint or "")
    assert is_damage(cause)


def test_a_server() -> None:
    cause = OSError("connection refused")
    assert "can be reached" in (_said(cause).hint or "")
    assert not is_damage(cause)
    assert not is_damage(None)
