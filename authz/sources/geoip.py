# SPDX-License-Identifier: Apache-2.0
"""GeoIP files on their way into use: copied, checked, watched; the last good copy stays.

What is looked up in is a copy in the data directory, named by its content. Whatever happens to the
operator's file (`cp` over it cuts a mapped file short, which kills who reads it), processes go on
with theirs, and all workers have the same one.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError
from authz.geo.database import open_asn, open_city, open_databases
from authz.sources.files import UnreadableFileError, digest_of, read_file
from authz.whole_files import remove_remains, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authz.geo.database import GeoDatabases

_OPEN: Final = {"city": open_city, "asn": open_asn}

#: Copies of a file that stay: the one in force, and the one before for a slow worker.
KEPT: Final = 2


class GeoFiles:
    """The files of the settings and the copies in force.

    Attributes:
        copies: the copy that counts, by the name of its setting (`city`, `asn`).
        seen: the content of each file when it was last looked at, None for one that could not be
            read. Both can be handed to the next `GeoFiles`, which then goes on from there.
    """

    def __init__(
        self,
        *,
        city: Path | None,
        asn: Path | None,
        directory: Path,
        copies: Mapping[str, Path] | None = None,
        seen: Mapping[str, str | None] | None = None,
    ) -> None:
        given = {"city": city, "asn": asn}
        self._files = {kind: path for kind, path in given.items() if path is not None}
        self._directory = directory
        self.copies = dict(copies or {})
        self.seen = dict(seen or {})

    @property
    def contents(self) -> dict[Path, str | None]:
        """What the last `refresh` saw, by file: for whoever watches them."""
        return {path: self.seen.get(kind) for kind, path in self._files.items()}

    def refresh(self) -> tuple[SettingsError, ...]:
        """Take over the files that changed; what is wrong with those that could not be.

        Raises:
            SettingsError: a file cannot be used, and there is no earlier copy of it.
        """
        errors: list[SettingsError] = []
        for kind, path in self._files.items():
            try:
                self._take_over(kind, path)
            except SettingsError as error:
                if kind not in self.copies:
                    raise
                errors.append(error)
        return tuple(errors)

    def open(self) -> GeoDatabases | None:
        """The copies in force, mapped; None without any.

        Raises:
            SettingsError: a copy was removed or damaged.
        """
        return open_databases(self.copies.get("city"), self.copies.get("asn"))

    def _take_over(self, kind: str, path: Path) -> None:
        before, self.seen[kind] = self.seen.get(kind), None
        try:
            data = read_file(path)
        except UnreadableFileError as error:
            raise SettingsError(
                f'the database "{path}" {error.reason}', where=f"geoip.{kind}", hint=error.hint
            ) from None
        digest = self.seen[kind] = digest_of(data)
        if digest == before:
            return
        copy = self._directory / f"{kind}-{digest}.mmdb"
        _write(copy, data)
        try:
            _OPEN[kind](copy)
        except SettingsError as error:
            copy.unlink(missing_ok=True)
            # The operator knows the file, not its copy.
            error.message = error.message.replace(str(copy), str(path))
            raise
        self.copies[kind] = copy
        self._prune(kind)

    def _prune(self, kind: str) -> None:
        # What is in the way later is written again; what cannot be removed does no harm.
        with contextlib.suppress(OSError):
            others = [
                path for path in self._directory.glob(f"{kind}-*.mmdb") if path != self.copies[kind]
            ]
            others.sort(key=lambda path: path.stat().st_mtime)
            for path in others[: len(others) - (KEPT - 1)]:
                path.unlink(missing_ok=True)


def _write(copy: Path, data: bytes) -> None:
    """Make `copy` have this content, whole or not at all; what is mapped already stays as it is."""
    try:
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_remains(copy.parent)
        write_whole(copy, [data])
    except OSError as error:
        raise SettingsError(
            f"a GeoIP database cannot be copied: {(error.strerror or str(error)).lower()}",
            where=str(copy.parent),
            hint="give the user that runs authz a data_dir with space where it may write",
        ) from None
