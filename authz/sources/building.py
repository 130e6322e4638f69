# SPDX-License-Identifier: Apache-2.0
"""What the builders of a policy share: the document, the files, and the problems found so far.

A builder reports and goes on, so that one reading of a file finds everything that is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from authz.errors import AuthzError, CertificateError, PolicyError
from authz.settings.problems import MAX_PROBLEMS
from authz.settings.yaml_document import YamlDocument, format_path
from authz.sources.fetched import FetchedFiles
from authz.sources.fetched_trust import FetchedTrust
from authz.sources.files import FileReader, UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Where something stands in the document: keys and indices.
Place = tuple[str | int, ...]

#: What a problem is raised as: a CertificateError for PEM and CRL files.
Kind = type[PolicyError] | type[CertificateError]


class Problems(Protocol):
    """Where something stands, and what is wrong there: a file's, or another document's."""

    def where(self, place: Sequence[str | int]) -> str:
        """The place as an error names it."""

    def report(self, place: Sequence[str | int], message: str, hint: str | None = None) -> None:
        """Note a problem at `place`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFetched:
    """A URL of the policy of which nothing good is there yet; `where` names it."""

    where: str
    url: str


class Building:
    """One policy file being built.

    Attributes:
        file: the policy file, as it was named.
        reader: reads the files that the policy names and remembers them.
        fetched: what was fetched from the URLs that the policy names.
        not_fetched: the URLs that nothing is there of.
    """

    def __init__(
        self,
        file: Path,
        document: YamlDocument,
        reader: FileReader,
        fetched: Path | None = None,
    ) -> None:
        self.file = file
        self.reader = reader
        self.fetched = FetchedTrust(None if fetched is None else FetchedFiles(fetched, reader.read))
        self.not_fetched: list[NotFetched] = []
        self._document = document
        self._reported: set[tuple[tuple[int, int], str]] = set()
        self._errors: list[tuple[int, PolicyError | CertificateError]] = []

    def where(self, place: Sequence[str | int]) -> str:
        """`policy.yaml:12: sites[0].rules[1]`."""
        key = format_path(place)
        line = f"{self.file}:{self._document.line(place)}"
        return f"{line}: {key}" if key else line

    def report(
        self,
        place: Sequence[str | int],
        message: str,
        hint: str | None = None,
        *,
        kind: Kind = PolicyError,
    ) -> None:
        """Note a problem at `place`; `check` raises it later, as a `kind`."""
        text = self._document.text_at(place)
        if text is not None:
            # Behind an alias the same text is at several places: it is wrong once.
            if (text, message) in self._reported:
                return
            self._reported.add((text, message))
        error = kind(message, where=self.where(place), hint=hint)
        self._errors.append((self._document.line(place), error))

    def report_error(self, place: Sequence[str | int], name: str, error: AuthzError) -> None:
        """Note what is wrong with the contents of the file `name`, which `place` names.

        A CertificateError stays one: failed reloads are counted by whose content was wrong.
        """
        kind = type(error) if isinstance(error, CertificateError) else PolicyError
        self.report(place, f'"{name}": {error.message}', error.hint, kind=kind)

    def read(
        self, place: Sequence[str | int], name: str, *, kind: Kind = PolicyError
    ) -> bytes | None:
        """The bytes of a file that `place` names, relative to the policy; None is reported."""
        if "\0" in name:
            self.report(place, "the path has a NUL in it", "name a file", kind=kind)
            return None
        try:
            return self.reader.read(self.file.parent / name)
        except UnreadableFileError as error:
            self.report(place, f'"{name}" {error.reason}', error.hint, kind=kind)
            return None

    def check(self) -> None:
        """Raise what was reported.

        Raises:
            PolicyError, CertificateError: the first problem of the file, the others in `others`.
        """
        if self._errors:
            self._errors.sort(key=lambda found: found[0])
            first, *others = [error for _, error in self._errors[:MAX_PROBLEMS]]
            first.others = tuple(others)
            raise first
