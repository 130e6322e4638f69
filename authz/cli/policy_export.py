# SPDX-License-Identifier: Apache-2.0
"""`authz policy export`: what the store has of a zone, as a policy file."""

from __future__ import annotations

from typing import Annotated

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption  # noqa: TC001 - typer evaluates them
from authz.cli.policy import app
from authz.cli.stores import DatabaseOption, DataDirOption, opened_store, store_settings

__all__ = ["app", "export"]


@app.command("export")
def export(
    zone: Annotated[str, typer.Option("--zone", metavar="Z", help="Whose policy.")] = "default",
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Print a zone's rules, settings and lists as a policy file.

    `policy apply` of it changes nothing; change the file, and apply it.
    """
    from authz.services.policy_export import export_policy

    with opened_store(store_settings(config, database, data_dir)) as store:
        document = export_policy(store, zone)
    if json:
        messages.result_json(document)
    else:
        messages.result_yaml(document)
