# SPDX-License-Identifier: Apache-2.0
"""The address of the database out of a file of its own: a mounted secret, which has a password.

What a database address looks like is checked where every other one is (`model`). Nothing here
repeats what the file has.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from authz.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

#: No address is longer; whoever names another file by mistake hears it at once.
MAX_BYTES = 8192

_KEY = ("database_file",)


def with_database(
    values: Mapping[str, Any], base: Path, where: Callable[[Sequence[str | int]], str]
) -> dict[str, Any]:
    """`values` with `database` as the first line of `database_file` has it.

    Args:
        values: the keys of authz.yaml; without `database_file` they stay as they are.
        base: where a relative path starts.
        where: the place of a key, for errors.

    Raises:
        SettingsError: the file cannot be used, or `database` is given besides.
    """
    named = values.get("database_file")
    if not isinstance(named, str) or not named or "\0" in named:
        # Nothing, or no path: the model says so.
        return dict(values)
    if "database" in values:
        raise SettingsError(
            "both database and database_file are given",
            where=where(_KEY),
            hint="remove one of the two keys",
        )
    path = base / named
    try:
        # A FIFO or a device would block every command, or never end; this opens either at once.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(MAX_BYTES + 1) if regular else b""
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f'"{path}" cannot be read: {(error.strerror or str(error)).lower()}',
            where=where(_KEY),
            hint="write the address of the database into its first line",
        ) from None
    except UnicodeDecodeError:
        text = ""
    if not regular:
        raise SettingsError(
            f'"{path}" is no regular file',
            where=where(_KEY),
            hint="write the address of the database into the first line of a file",
        )
    line = text.split("\n", 1)[0].strip()
    if len(data) > MAX_BYTES or not line.startswith("postgresql://"):
        raise SettingsError(
            f'the first line of "{path}" is no postgresql:// address',
            where=where(_KEY),
            hint='write "postgresql://user:password@host/name" there',
        )
    return {**values, "database": line}
