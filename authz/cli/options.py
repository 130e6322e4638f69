# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and turning them into settings.

Everything here is light: what a command needs beyond it, the command imports when it runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from authz.policy.geo import GeoLookup
    from authz.policy.model import PolicyModel
    from authz.policy.snapshot import Snapshot
    from authz.services.model import StoreModel
    from authz.settings import Override, Settings

# Optional[…] instead of `… | None`: typer evaluates these at run time, and reads both.
ConfigOption = Annotated[
    Optional[Path],  # noqa: UP045 - see above
    typer.Option("--config", metavar="F", help="Settings file; authz.yaml here if there is one."),
]
PolicyOption = Annotated[
    Optional[Path],  # noqa: UP045 - see above
    typer.Option("--policy", metavar="F", help="Policy file, instead of the settings' one."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

# Hidden: it is there to say where it belongs.
MisplacedConfigOption = Annotated[
    Optional[str],  # noqa: UP045 - see above
    typer.Option("--config", metavar="F", hidden=True),
]


def check_place(context: typer.Context, config: str | None) -> None:
    """Refuse --config in front of a command: each command has its own.

    Raises:
        InvalidInputError: it is there.
    """
    if config is not None:
        from authz.errors import InvalidInputError

        command = f"{context.command_path} {context.invoked_subcommand or 'COMMAND'}"
        raise InvalidInputError(
            "--config stands in front of the command",
            hint=f"put it behind: {command} … --config {config}",
        )


def group(help: str) -> typer.Typer:
    """A command that consists of others; alone, it prints its help."""
    app = typer.Typer(
        help=help,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
    )

    @app.callback()
    def alone(context: typer.Context, config: MisplacedConfigOption = None) -> None:
        check_place(context, config)
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())
            raise typer.Exit(0)

    return app


def settings_of(
    config: Path | None, policy: Path | None = None, overrides: Sequence[Override] = ()
) -> Settings:
    """The settings a command works with.

    Raises:
        SettingsError: as load_settings.
    """
    from authz.settings import Override, load_settings

    given = list(overrides)
    if policy is not None:
        given.append(Override(option="--policy", path=("policy",), value=str(policy), is_path=True))
    return load_settings(config, given)


def snapshot_of(settings: Settings, at: float) -> Snapshot:
    """What serve would answer by, compiled.

    Raises:
        AuthzError: there is nothing, or it cannot be used.
    """
    from authz.policy.snapshot import compile_snapshot

    return compile_snapshot(model_of(settings), generation=1, at=at, geo=geo_of(settings))


def model_of(settings: Settings) -> PolicyModel:
    """What serve would answer by: the policy file, the store as it is now, or both.

    Raises:
        AuthzError: there is nothing, or it cannot be used.
    """
    from authz.errors import SettingsError
    from authz.policy.model import PolicyModel
    from authz.sources.policy_file import load_policy

    file = PolicyModel(sites=())
    if settings.policy is not None:
        file = load_policy(settings.policy, fetched=fetched_of(settings)).model
    if has_store(settings):
        from authz.services.beside import beside
        from authz.services.same_key import BesideKeys

        both = BesideKeys()
        built = store_model(settings, both.keys(file))
        return beside(both.add(file, built.by_key), built.model).model
    if settings.policy is None:
        raise SettingsError(
            "there is no policy to decide by, and no store",
            hint="name one: --policy F, or policy: F in the file",
        )
    return file


def has_store(settings: Settings) -> bool:
    """Whether checks are answered by a store, and there is one already: reading makes none."""
    return settings.store_active and (
        settings.database != "sqlite" or (settings.data_dir / "authz.db").exists()
    )


def store_model(settings: Settings, keys: Collection[str] = ()) -> StoreModel:
    """The store as it is now.

    Args:
        keys: those that its lists are wanted for as well (`StoreModel.by_key`).

    Raises:
        StoreUnavailableError: it cannot be read.
        PolicyError, CertificateError: what is there cannot be enforced.
    """
    from authz.services.model import StoreModels
    from authz.sources.fetched import FetchedFiles
    from authz.store.engine import open_store

    store = open_store(settings.database, settings.data_dir, create=False)
    try:
        with store.read() as session:
            return StoreModels(fetched=FetchedFiles(fetched_of(settings))).build(session, keys)
    finally:
        store.close()


def fetched_of(settings: Settings) -> Path:
    """Where serve keeps what it fetched."""
    from authz.sources.fetched import DIRECTORY

    return settings.data_dir / DIRECTORY


def geo_of(settings: Settings) -> GeoLookup | None:
    """The GeoIP databases of the settings, opened where they are; None when there are none.

    Raises:
        SettingsError: one cannot be used.
    """
    if settings.geoip.city is None and settings.geoip.asn is None:
        return None
    from authz.geo.database import open_databases

    return open_databases(settings.geoip.city, settings.geoip.asn)
