# SPDX-License-Identifier: Apache-2.0
"""`authz host`: which hosts ask for certificates of which authorities."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, geo_of, group
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    ZoneOrNoneOption,
    actor,
    complete_authority,
    complete_host,
    opened_store,
    store_settings,
    table,
)

if TYPE_CHECKING:
    from authz.services.hosts import AddedHost
    from authz.store.engine import Store

#: More paths than people write, all of them on this machine's disk, were written by a shell.
_EXPANDED = 4

app = group("Hosts that ask for client certificates.")


@app.command("add")
def add(
    hostname: Annotated[
        str, typer.Argument(metavar="H", help='A name, or "*.example.com" for all below it.')
    ],
    authority: Annotated[
        str,
        typer.Option(
            "--ca",
            metavar="N",
            help="Whose certificates it asks for.",
            autocompletion=complete_authority,
        ),
    ],
    further: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer evaluates it
        typer.Argument(metavar="[PATH]...", help="Further paths of --protect."),
    ] = None,
    protect: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--protect",
            metavar="PATH",
            help='Block requests without a valid certificate: "/admin" is that path alone, '
            '"/admin/*" all below it, "/*" everything.',
        ),
    ] = None,
    zone: ZoneOrNoneOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Turn mTLS on for a host.

    A certificate of the authority is verified there from then on. That alone keeps nobody out:
    prints the rule that would block requests without one, and with --protect adds it behind the
    zone's rules.
    """
    from authz.errors import InvalidInputError
    from authz.services.hosts import add_host
    from authz.services.protection import left_open

    if further and not protect:
        raise InvalidInputError(
            f'"{further[0]}" is one argument too many', hint="paths stand behind --protect"
        )
    paths = [*(protect or ()), *(further or ())]
    if len(paths) > _EXPANDED and all(Path(path).exists() for path in paths):
        raise InvalidInputError(
            "the paths to protect are all files or directories of this machine",
            hint="""did the shell expand "/*"? put it in quotes: --protect '/*'""",
        )
    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        added = add_host(
            store,
            hostname,
            authority=authority,
            zone=zone,
            protect=paths or None,
            geo=geo_of(settings),
            actor=actor(),
            at=time.time(),
        )
        about = () if added.rule is not None else _rules_about(store, added)
    # Not of what is refused.
    for what, missing in left_open(paths):
        messages.warning(f"{what} stays open")
        messages.hint(f'add "{missing}" behind --protect')
    if json:
        messages.result_json(
            {
                "hostname": added.hostname,
                "zone": {"id": added.zone.id, "name": added.zone.name},
                "authority": {"id": added.authority.id, "name": added.authority.name},
                "protection": added.protection,
                "rule": added.rule,
            }
        )
        return
    expression = str(added.protection["expression"])
    if added.rule is not None and not added.rule_is_new:
        messages.note(f"{added.hostname}: the zone {added.zone.name} has this rule already")
    elif added.rule is not None:
        messages.note(f"{added.hostname}: the zone {added.zone.name} has a new rule, its last one")
    elif about:
        messages.note(
            f"{added.hostname} asks for certificates of {added.authority.name}; rules that block "
            f"by the certificate are there already: {', '.join(about)}. This expression, with the "
            "action block, keeps everybody else out of the whole host (--protect)"
        )
    else:
        messages.note(
            f"{added.hostname} asks for certificates of {added.authority.name}; without a rule "
            "nobody is kept out. This expression, with the action block, does that (--protect)"
        )
    messages.result(expression)


def _rules_about(store: Store, added: AddedHost) -> tuple[str, ...]:
    """The rules that block by the client certificate and are for this host, by their text."""
    from authz.services.zone_state import zone_state

    state = zone_state(store, added.zone.id, at=time.time())
    return tuple(one.ref for one in state.protecting if one.is_about(added.hostname))


@app.command("remove")
def remove(
    hostname: Annotated[
        str,
        typer.Argument(metavar="H", help="As it was added.", autocompletion=complete_host),
    ],
    authority: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--ca",
            metavar="N",
            help="Only the certificates of this one.",
            autocompletion=complete_authority,
        ),
    ] = None,
    zone: ZoneOrNoneOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Turn mTLS off for a host: no certificate is verified there any more. Rules stay."""
    from authz.services.hosts import remove_host

    with opened_store(store_settings(config, database, data_dir)) as store:
        names = remove_host(
            store, hostname, authority=authority, zone=zone, actor=actor(), at=time.time()
        )
    if json:
        messages.result_json({"hostname": hostname, "authorities": list(names)})
    else:
        messages.result(f"{hostname} asks no more for certificates of {', '.join(names)}")
        messages.note("rules stay: authz policy export shows them, policy apply replaces them")


@app.command("list")
def list_all(
    zone: ZoneOrNoneOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List hosts with the authorities whose certificates they ask for."""
    from authz.services.hosts import list_hosts
    from authz.services.representation import host_object

    with opened_store(store_settings(config, database, data_dir)) as store:
        hosts = list_hosts(store, zone)
    if json:
        messages.result_json([host_object(one) for one in hosts])
        return
    table(
        ("HOST", "ZONE", "AUTHORITIES"),
        [
            (one.hostname, one.zone.name, ", ".join(each.name for each in one.authorities))
            for one in hosts
        ],
    )
