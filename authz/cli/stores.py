# SPDX-License-Identifier: Apache-2.0
"""What commands that work with the store share: its options, opening it, who acts, and tables.

Light, like options.py: the database is imported when a command opens it.
"""

from __future__ import annotations

import os
import pwd
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from authz.cli import messages
from authz.cli.options import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from authz.ca.keys import KeyEncryption
    from authz.settings import Settings
    from authz.store.engine import Store

#: What to do where a service has a store already, and this is another one.
OF_A_SERVICE: Final = "where the service has its own: --config or --data-dir, or another directory"

#: Characters that the audit log keeps of it.
_MAX_ACTOR: Final = 255

DatabaseOption = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Option("--database", metavar="U", help="sqlite or postgresql://…, over the settings."),
]
DataDirOption = Annotated[
    Optional[Path],  # noqa: UP045 - typer evaluates it
    typer.Option("--data-dir", metavar="D", help="Data directory, over the settings."),
]


def store_settings(config: Path | None, database: str | None, data_dir: Path | None) -> Settings:
    """The settings of a command that works with the store.

    Raises:
        SettingsError: as load_settings.
    """
    from authz.settings import Override

    overrides = []
    if database is not None:
        overrides.append(Override(option="--database", path=("database",), value=database))
    if data_dir is not None:
        overrides.append(
            Override(option="--data-dir", path=("data_dir",), value=str(data_dir), is_path=True)
        )
    return settings_of(config, None, overrides)


@contextmanager
def opened_store(settings: Settings, *, create: bool = False) -> Iterator[Store]:
    """The store of the settings, closed at the end.

    Args:
        create: whether there may be none yet: for commands that begin one. Any other would make an
            empty one where --data-dir is mistyped.

    Raises:
        StoreUnavailableError: it is not there, or cannot be opened.
    """
    from authz.store.engine import open_store

    store = open_store(settings.database, settings.data_dir, create=create)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def begun_store(settings: Settings) -> Iterator[Store]:
    """The same for commands that begin a store: says so where there was none.

    In a wrong directory that is a second store, which no service looks at.

    Raises:
        StoreUnavailableError: as opened_store.
    """
    missing = missing_database(settings)
    with opened_store(settings, create=True) as store:
        if missing is not None:
            messages.note(f"{missing} is a new database")
            messages.hint(OF_A_SERVICE)
        yield store


def missing_database(settings: Settings) -> Path | None:
    """The database file that a command would begin; None where there is one, or a server."""
    file = settings.data_dir / "authz.db"
    return file if settings.database == "sqlite" and not file.exists() else None


def encryption_for(settings: Settings, store: Store) -> KeyEncryption:
    """What the private keys in the store are encrypted by; made when it is first needed.

    Raises:
        SettingsError, KeyUnavailableError: the secret cannot be used.
    """
    from authz.services.keys import encryption_of, has_keys
    from authz.sources.key_secret import read_secret

    secret = read_secret(
        settings.keys.key_file,
        settings.keys.passphrase_file,
        settings.data_dir,
        create=not has_keys(store),
    )
    return encryption_of(secret)


def actor() -> str:
    """Who runs the command, for the audit log: the system's user, whatever the environment says."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = ""
    if not name.isprintable():
        name = ""
    return f"cli:{name or user}"[:_MAX_ACTOR]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns on standard output; nothing for no rows but a note."""
    if not rows:
        messages.note("there are none")
        return
    shown = [headings, *([messages.printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[place]) for row in shown) for place in range(len(headings))]
    for row in shown:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        messages.result("  ".join(cells).rstrip())


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair a line."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        messages.result(f"{name.ljust(width)}  {messages.printable(value)}".rstrip())


def day(at: float) -> str:
    """The day of a moment, UTC."""
    from authz.services.times import rfc3339_seconds

    return rfc3339_seconds(at)[:10]


def completed(names: Callable[[Store], Sequence[str]]) -> Callable[[str], list[str]]:
    """For tab completion: what begins with the word, out of the store of the settings here.

    Completion must not fail, make a database, or wait: without a store, there is nothing.
    """

    def complete(incomplete: str) -> list[str]:
        from authz.errors import AuthzError

        try:
            settings = store_settings(None, None, None)
            if missing_database(settings) is not None:
                return []
            with opened_store(settings) as store:
                return [name for name in names(store) if name.startswith(incomplete)]
        except AuthzError:
            return []

    return complete


def one_of(values: Callable[[], Sequence[str]]) -> Callable[[str], list[str]]:
    """For tab completion: those of a few values that begin with the word."""
    return lambda incomplete: [value for value in values() if value.startswith(incomplete)]


def _key_kinds() -> list[str]:
    from authz.ca.key_kinds import KeyKind

    return list(KeyKind)


def _reasons() -> list[str]:
    from authz.ca.reasons import REASONS_TO_REVOKE

    return [one.text for one in REASONS_TO_REVOKE]


complete_key_kind = one_of(_key_kinds)
complete_reason = one_of(_reasons)


def _zones(store: Store) -> list[str]:
    with store.read() as session:
        return [one.name for one in session.zones.all()]


def _authorities(store: Store) -> list[str]:
    with store.read() as session:
        return [one.name for one in session.authorities.all()]


def _hosts(store: Store) -> list[str]:
    with store.read() as session:
        return list(dict.fromkeys(one.hostname for one in session.hosts.all()))


complete_zone = completed(_zones)
complete_authority = completed(_authorities)
complete_host = completed(_hosts)

ZoneOption = Annotated[
    str,
    typer.Option("--zone", metavar="Z", help="The zone.", autocompletion=complete_zone),
]
ZoneOrNoneOption = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Option(
        "--zone",
        metavar="Z",
        help="The zone; the one that has the hostname, when left out.",
        autocompletion=complete_zone,
    ),
]
AuthorityArgument = Annotated[
    str,
    typer.Argument(metavar="CA", help="Its name or identifier.", autocompletion=complete_authority),
]
