# SPDX-License-Identifier: Apache-2.0
"""Reading authz.yaml and the options of the command line into `Settings`.

The command line wins over the file, the file over the defaults; the environment is not read here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from authz.errors import SettingsError
from authz.settings.database_file import with_database
from authz.settings.model import Settings
from authz.settings.problems import Problem, problems_of
from authz.settings.yaml_document import YamlDocument, YamlError, format_path

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Read from the working directory when no file is named.
DEFAULT_FILE = Path("authz.yaml")

#: No settings file is longer; whoever names a device or a database by mistake hears it at once.
MAX_FILE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One option of the command line: its name, the key it sets and the value.

    `is_path` marks values that are files or directories, taken from the working directory.
    """

    option: str
    path: tuple[str, ...]
    value: str | int | bool
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where values came from, for error messages."""

    name: str = ""
    document: YamlDocument | None = None
    options: dict[tuple[str, ...], str] = field(default_factory=dict)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`; everything stands on line 0 when there is no file."""
        return 0 if self.document is None else self.document.line(path)

    def where(self, path: Sequence[str | int]) -> str:
        """`authz.yaml:3: grpc.workers`, or the option that set it."""
        for length in range(len(path), 0, -1):
            option = self.options.get(tuple(str(part) for part in path[:length]))
            if option is not None:
                return option
        key = format_path(path)
        if self.document is None or not self.document.has(path):
            # What an option made of a section is found wrong at the section.
            near = [name for at, name in self.options.items() if at[: len(path)] == tuple(path)]
            if near:
                return near[-1]
        if self.document is None:
            return key
        place = f"{self.name}:{self.line(path)}"
        return f"{place}: {key}" if key else place


def load_settings(path: Path | None = None, overrides: Sequence[Override] = ()) -> Settings:
    """The settings of `path` with the command line's `overrides`.

    Args:
        path: the file that was named; None reads `authz.yaml` here when there is one.

    Raises:
        SettingsError: with file, line and key; further problems of the file are in `others`.
    """
    if path is None and DEFAULT_FILE.is_file():
        path = DEFAULT_FILE
    values: Any = {}
    origin = _Origin()
    if path is not None:
        document = _read(path)
        origin = _Origin(name=str(path), document=document)
        values = document.value if document.value is not None else {}
        if not isinstance(values, dict):
            raise SettingsError(
                "the settings are not a mapping",
                where=f"{path}:1",
                hint="write keys and values, one a line: grpc: {workers: 2}",
            )
    for override in overrides:
        values = _overridden(values, override.path, _value_of(override))
        origin.options[override.path] = override.option
        if override.path == ("database",) and isinstance(values, dict):
            # The option wins over either way to say it in the file.
            values = {key: value for key, value in values.items() if key != "database_file"}
    # A default directory resolves like a written one: as if the file spelt it out.
    values = {"data_dir": str(Settings.model_fields["data_dir"].default), **values}
    base = path.parent if path is not None else Path()
    values = with_database(values, base, origin.where)
    try:
        settings = Settings.model_validate(values, context={"base": base})
    except ValidationError as error:
        raise _settings_error(problems_of(error, Settings), origin) from None
    settings.set_from(origin.where)
    return settings


def _read(path: Path) -> YamlDocument:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise SettingsError(
                f"the file is larger than {MAX_FILE_BYTES} bytes",
                where=str(path),
                hint="is it the settings file?",
            )
        return YamlDocument(data.decode("utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            hint="name the settings file with --config",
        ) from None
    except UnicodeDecodeError:
        raise SettingsError("is not UTF-8 text", where=str(path)) from None
    except YamlError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise SettingsError(error.message, where=where, hint=error.hint) from None


def _value_of(override: Override) -> str | int | bool | Path:
    # A Path is taken as it is, from the working directory; text starts at the file.
    return Path(str(override.value)) if override.is_path and override.value else override.value


def _overridden(values: Any, path: tuple[str, ...], value: str | int | bool | Path) -> Any:
    """`values` with the value at `path` replaced; anything in the way that is no mapping stays.

    What stays is then reported as what it is: a wrong value of the file.
    """
    if not isinstance(values, dict):
        return values
    key, *rest = path
    if not rest:
        return {**values, key: value}
    return {**values, key: _overridden(values.get(key, {}), tuple(rest), value)}


def _settings_error(problems: Sequence[Problem], origin: _Origin) -> SettingsError:
    errors = [
        SettingsError(problem.message, where=origin.where(problem.path), hint=problem.hint)
        for problem in sorted(problems, key=lambda problem: origin.line(problem.path))
    ]
    errors[0].others = tuple(errors[1:])
    return errors[0]
