# SPDX-License-Identifier: Apache-2.0
"""The secret that private keys are encrypted by: a key file, a passphrase, or a file made here.

What is done with it is in authz.services.keys. A secret that other users can read is refused: it is
all that stands between a copied database and its keys. One that belongs to root may be read by its
group, as PostgreSQL has it for its key: a process that is not root could not read it otherwise, and
that is how Kubernetes (`fsGroup`) and systemd (`LoadCredential`) hand secrets out.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError
from authz.sources.files import UnreadableFileError, read_file

if TYPE_CHECKING:
    from pathlib import Path

#: In `data_dir`, when the settings name no secret.
DEFAULT_FILE: Final = "ca.key"
_NEW_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySecret:
    """One of the two; never shown.

    Args:
        passphrase: what a person remembers.
        key_file: random bytes.
    """

    passphrase: str | None = field(default=None, repr=False)
    key_file: bytes = field(default=b"", repr=False)


def read_secret(
    key_file: Path | None, passphrase_file: Path | None, data_dir: Path, *, create: bool
) -> KeySecret:
    """The secret that the settings name, or the one in `data_dir`.

    Args:
        create: whether to make that one when it is not there.

    Raises:
        SettingsError: it cannot be read or made, or others can read it.
    """
    if passphrase_file is not None:
        return passphrase_secret(passphrase_file, where="keys.passphrase_file")
    if key_file is not None:
        return key_file_secret(key_file, where="keys.key_file")
    default = data_dir / DEFAULT_FILE
    if not default.exists():
        if not create:
            raise SettingsError(
                f'"{default}" is not there, and private keys are encrypted by it',
                where="keys.key_file",
                hint="put it back from a backup, or name the secret that the other nodes of this "
                "store have; a new one would not open them",
            )
        _make(default)
    return key_file_secret(default, where="keys.key_file")


def key_file_secret(path: Path, *, where: str) -> KeySecret:
    """The content of a key file; raises what `read_secret` does."""
    return KeySecret(key_file=_private(path, where))


def passphrase_secret(path: Path, *, where: str) -> KeySecret:
    """The first line of a file; raises what `read_secret` does."""
    return KeySecret(passphrase=first_line(path, where=where))


def piped_passphrase(data: bytes, *, where: str) -> KeySecret:
    """The first line of what came over standard input; raises what `read_secret` does.

    Without its line feed it may be a part of it: whoever sends it has hung up, or it is too long.
    """
    if data and not data.endswith(b"\n"):
        raise SettingsError(
            "the first line of standard input does not end: it may be a part of the passphrase",
            where=where,
            hint="send the whole line, with the line feed at its end",
        )
    return KeySecret(passphrase=_first_line(data, "-", where=where, what="a passphrase"))


def first_line(path: Path, *, where: str, what: str = "a passphrase") -> str:
    """The first line of a file that is a secret; raises what `read_secret` does."""
    return _first_line(_private(path, where), str(path), where=where, what=what)


def _first_line(data: bytes, name: str, *, where: str, what: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(
            f'"{name}" is not UTF-8 text',
            where=where,
            hint=f"write {what} into its first line",
        ) from None
    line = text.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise SettingsError(
            f'the first line of "{name}" is empty', where=where, hint=f"write {what} there"
        )
    return line


def _private(path: Path, where: str) -> bytes:
    try:
        status = path.stat()
        data = read_file(path)
    except FileNotFoundError:
        raise SettingsError(
            f'"{path}" does not exist', where=where, hint="create it or correct the path"
        ) from None
    except UnreadableFileError as error:
        raise SettingsError(f'"{path}" {error.reason}', where=where, hint=error.hint) from None
    except OSError as error:
        raise SettingsError(
            f'"{path}" cannot be read: {(error.strerror or str(error)).lower()}',
            where=where,
            hint="let the user that runs authz read it",
        ) from None
    if is_exposed(status, os.geteuid()):
        raise SettingsError(
            f'"{path}" can be read by other users (mode {stat.S_IMODE(status.st_mode):04o})',
            where=where,
            hint=f"it is a secret: chmod 600 {path}",
        )
    return data


def is_exposed(status: os.stat_result, user: int) -> bool:
    """Whether a secret file is open to more than `user`, the one that we run as.

    https://www.postgresql.org/docs/current/runtime-config-connection.html, ssl_key_file.
    """
    of_root = status.st_uid == 0 != user
    return bool(status.st_mode & (_OTHERS & ~stat.S_IRGRP if of_root else _OTHERS))


def _make(path: Path) -> None:
    """Make the file, complete or not at all; one that somebody else has just made stays."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_NEW_BYTES))
                file.flush()
                os.fsync(file.fileno())
            # A link and no renaming: it never takes the place of a secret that is in use.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        raise SettingsError(
            f'"{path}" cannot be made: {(error.strerror or str(error)).lower()}',
            where="keys.key_file",
            hint="give the user that runs authz a data_dir where it may write, or name a key file",
        ) from None


def _sync(directory: Path) -> None:
    # The name is on disk before anything is encrypted by what it names.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
