# SPDX-License-Identifier: Apache-2.0
"""`authz audit`: who changed what in the store, and when."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption  # noqa: TC001 - typer evaluates them
from authz.cli.stores import DatabaseOption, DataDirOption, opened_store, store_settings, table


def audit(
    of: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Argument(
            metavar="[ID]", help="Only what was done to this object: its identifier, a hostname."
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=1, max=10_000, help="How many at most.")
    ] = 50,
    before: Annotated[
        Optional[int],  # noqa: UP045 - typer evaluates it
        typer.Option("--before", metavar="NUMBER", help="Only entries before this one."),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List changes of the store, the latest first; --json has each object before and after."""
    from authz.services.audit_log import entry_object, latest_entries

    with opened_store(store_settings(config, database, data_dir)) as store:
        entries = latest_entries(store, of=of, before=before, most=most)
    found = [entry_object(one) for one in entries]
    if json:
        messages.result_json(found)
        return
    table(
        ("NUMBER", "AT", "ACTOR", "ACTION", "OBJECT"),
        [
            (
                str(one["number"]),
                f"{one['at'][:19]}Z",
                one["actor"],
                one["action"],
                f"{one['object']['type']} {one['object']['id']}",
            )
            for one in found
        ],
    )
