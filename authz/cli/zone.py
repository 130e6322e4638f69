# SPDX-License-Identifier: Apache-2.0
"""`authz zone`: some hosts that share their rules."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from authz.cli import messages
from authz.cli.confirm import YesOption, confirmed
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    actor,
    begun_store,
    complete_zone,
    opened_store,
    store_settings,
    table,
)

app = group("Zones: hosts that share their rules.")


@app.command("create")
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A DNS name; the zone has all below it.")
    ],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Although its names are protected until then.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a zone. Until then, the zone default has every host.

    A new zone has no rules. Where a wildcard host covers its names, or the zone that has them has
    rules that block, blocks what no rule decides or has stricter settings, that counts for them no
    more: this is refused without --force.
    """
    from authz.services.representation import zone_object
    from authz.services.zones import create_zone

    with begun_store(store_settings(config, database, data_dir)) as store:
        made = create_zone(store, name, force=force, actor=actor(), at=time.time())
    zone = made.zone
    for loss in made.losses:
        messages.note(f"no more for {zone.name} and what is below it: {loss}")
    if json:
        messages.result_json(zone_object(zone))
    else:
        messages.result(f"{zone.id} {zone.name}")


@app.command("rename")
def rename(
    zone: Annotated[
        str,
        typer.Argument(metavar="OLD", help="Name or identifier.", autocompletion=complete_zone),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NEW", help="A DNS name; the zone has all below it.")
    ],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Although names change their zone that are protected until then."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Give a zone another name, which says what hosts it has.

    Its rules, CAs, certificates and hosts stay its own, and tokens go on. It is refused when hosts
    with mTLS would be in another zone than they are.
    """
    from authz.services.representation import zone_object
    from authz.services.zone_names import rename_zone

    with opened_store(store_settings(config, database, data_dir)) as store:
        done = rename_zone(store, zone, name, force=force, actor=actor(), at=time.time())
    for loss in done.losses:
        messages.note(f"no more {loss}")
    for ref in done.naming:
        messages.note(f"the rule {ref} has the old name in its expression: see what it is about")
    if json:
        messages.result_json(zone_object(done.zone))
    else:
        messages.result(f"{done.zone.id} {done.zone.name}")


@app.command("remove")
def remove(
    zone: Annotated[
        str,
        typer.Argument(metavar="ZONE", help="Name or identifier.", autocompletion=complete_zone),
    ],
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a zone that has no hosts, CAs, rules or tokens of its own.

    Another zone has its names then, and has to be as strict with them. What was done in it stays in
    the audit log.
    """
    from authz.services.representation import zone_object
    from authz.services.zone_removal import check_removable, remove_zone

    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        # What is refused anyway is refused before anybody is asked.
        found = check_removable(store, zone)
    confirmed(f"remove the zone {found.name} and the versions of its rules", yes)
    with opened_store(settings) as store:
        gone = remove_zone(store, found.id, actor=actor(), at=time.time())
    messages.note(f"{gone.zone.name} and what is below it are in the zone {gone.heir.name} now")
    if json:
        messages.result_json(zone_object(gone.zone))
    else:
        messages.result(f"removed {gone.zone.name} ({gone.zone.id})")


@app.command("list")
def list_all(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List the zones."""
    from authz.services.representation import zone_object
    from authz.services.zones import list_zones

    with opened_store(store_settings(config, database, data_dir)) as store:
        zones = list_zones(store)
    if json:
        messages.result_json([zone_object(one) for one in zones])
        return
    table(
        ("NAME", "DEFAULT ACTION", "PATHS", "ID"),
        [(one.name, one.default_action, one.paths, one.id) for one in zones],
    )
