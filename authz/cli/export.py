# SPDX-License-Identifier: Apache-2.0
"""`authz export`: what the store has, as files that others read."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, group
from authz.cli.policy_export import export as export_policy
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    complete_zone,
    opened_store,
    store_settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

app = group("What the store has, as files.")

_ZonesOption = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer evaluates it
    typer.Option(
        "--zone",
        metavar="Z",
        help="Only this zone; several times for several.",
        autocompletion=complete_zone,
    ),
]

app.command("policy")(export_policy)


@app.command("terraform")
def terraform(
    zone: _ZonesOption = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--out", metavar="DIR", help="Write files there, instead of printing them."),
    ] = None,
    client_certificates: Annotated[
        bool,
        typer.Option(
            "--client-certificates",
            help="Active client certificates as well, where a signing request was sent.",
        ),
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Configuration of Cloudflare's Terraform provider (version 5) for this service.

    With import blocks: the first plan takes over what is there and changes nothing.
    """
    from authz.services.terraform_export import export_terraform

    with opened_store(store_settings(config, database, data_dir)) as store:
        files = export_terraform(store, zone or (), client_certificates=client_certificates)
    if out is None:
        messages.result("\n".join(files.values()).rstrip("\n"))
    else:
        _write(out, files)


@app.command("json")
def as_json(
    zone: _ZonesOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """A saved export: what `import cloudflare --file` reads, for another store.

    Private keys stay here; authorities come along as ones to trust.
    """
    from authz.services.cloudflare_export import export_store
    from authz.sources.cloudflare_document import write_export

    with opened_store(store_settings(config, database, data_dir)) as store:
        document = export_store(store, zone or (), source="authz export json")
    messages.result(messages.escaped_json(write_export(document).rstrip("\n")))


def _write(directory: Path, files: Mapping[str, str]) -> None:
    from authz.errors import SettingsError

    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f'"{error.filename}" cannot be written: {error.strerror}',
            where="--out",
            hint="name a directory that can be made",
        ) from None
    for name in files:
        messages.result(str(directory / name))
