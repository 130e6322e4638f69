# SPDX-License-Identifier: Apache-2.0
"""The first token, for whoever installs the service: in a file that only its user reads.

It is made when the store has never had a token, and once: of two nodes that start on one database,
one makes it. The file appears whole and is never written over. When there is one already although
the store has no token, the store is not the one that the file was made for; whoever has that token
must not come to the new store with it, so nothing is made and a person has to look.

Or whoever installs brings it, in a file (a mounted secret): then none is written. It is the first
token and no more: once the store has had one, the file is not looked at.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError
from authz.services.permissions import EVERYTHING
from authz.services.tokens import add_token
from authz.sources.key_secret import first_line

if TYPE_CHECKING:
    from authz.store.engine import Store

#: The file's name in the data directory.
FILE_NAME: Final = "admin-token"

#: As random as those that are made here, and what fits into a header as it is.
_GIVEN: Final = re.compile(r"[A-Za-z0-9_-]{43,128}")

#: As the audit log names who makes it.
_ACTOR: Final = "first start"


def first_token(
    store: Store, data_dir: Path, *, at: float, given: Path | None = None
) -> Path | None:
    """Make the first token; where it is, or None when the store has, or had, tokens already.

    Call it before the API takes calls, and log the path; the token itself is only in the file.

    Args:
        given: a file that has it, instead of one that is made.

    Raises:
        SettingsError: the file is there already, or cannot be written, or the given one has no
            token; none was made, and `authz token create` makes one.
        StoreUnavailableError: the store cannot be read or written to.
    """
    with store.read() as session:
        if session.tokens.all():
            return None
    secret = None if given is None else _given(given)
    file = data_dir / FILE_NAME if given is None else given
    written = False
    try:
        # A transaction that takes a revision: another node that does so waits for this one.
        with store.write() as session:
            if session.tokens.all():
                return None
            made = add_token(session, "admin", EVERYTHING, secret=secret, actor=_ACTOR, at=at)
            if given is None:
                _write_new(file, f"{made.secret}\n")
                written = True
    except BaseException:
        # A token that is not in the store would only be taken for one that is.
        if written:
            file.unlink(missing_ok=True)
        raise
    return file


def _given(file: Path) -> str:
    """The token that somebody brings; never repeated in what is raised."""
    where = "admin.first_token_file"
    secret = first_line(file, what="a token", where=where)
    if not _GIVEN.fullmatch(secret):
        raise SettingsError(
            f'the first line of "{file}" is no token',
            hint="write 43 to 128 random characters of A-Za-z0-9_- there: "
            "openssl rand -base64 33 | tr +/ -_",
            where=where,
        )
    return secret


def _write_new(file: Path, text: str) -> None:
    """Write a file that appears whole, for its user alone, and only where there is none.

    Raises:
        SettingsError: there is one, or it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        whole = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as temporary:
                temporary.write(text)
                temporary.flush()
                os.fsync(descriptor)
            # Unlike a rename, this fails where there is a file of that name.
            file.hardlink_to(whole)
        finally:
            whole.unlink()
        _sync(file.parent)
    except FileExistsError:
        raise SettingsError(
            "the file of a first token is there already, and the store has no token",
            hint="it is of another store, and no token of this one; remove it and restart, or make "
            "a token with authz token create",
            where=str(file),
        ) from None
    except OSError as error:
        raise SettingsError(
            f"the first token cannot be written: {str(error.strerror).lower()}",
            hint="make data_dir writable, or make a token with authz token create",
            where=str(file),
        ) from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
