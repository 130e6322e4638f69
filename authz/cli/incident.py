# SPDX-License-Identifier: Apache-2.0
"""`authz incident`: what to do at once when a secret leaked; each is one command.

docs/how-to/a-key-leaked.md says which, and what it does not undo.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from authz.cli import messages
from authz.cli.confirm import YesOption, confirmed
from authz.cli.enforcement import NodeOption, nodes_of, wait_until_enforced
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    AuthorityArgument,
    DatabaseOption,
    DataDirOption,
    actor,
    complete_reason,
    encryption_for,
    opened_store,
    store_settings,
)

if TYPE_CHECKING:
    from authz.cli.enforcement import Enforced
    from authz.services.incident import Leaked

app = group("A secret leaked: shut out who has it, at once, and see that it is so.")

WaitOption = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait", help="Until every worker of every node answers by it (30 s at most)."
    ),
]


@app.command("revoke")
def revoke(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A file (the certificate, or its private key), a fingerprint, a serial number, an "
            "identifier, that of an event, or the common name.",
        ),
    ],
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="R", help="As RFC 5280 has it.", autocompletion=complete_reason
        ),
    ] = "keyCompromise",
    wait: WaitOption = True,
    node: NodeOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke every certificate whose key leaked, and see that it is in force.

    Every certificate with the same key goes, also those that were issued anew for it.
    """
    from authz.ca.reasons import parse_reason
    from authz.services.incident import find_leaked, revoke_leaked
    from authz.sources.files import read_file

    settings = store_settings(config, database, data_dir)
    parse_reason(reason)
    file = Path(what)
    content = read_file(file) if file.is_file() else None
    with opened_store(settings) as store:
        leaked = find_leaked(store, what, content)
        named = _named(leaked)
        if not json:
            messages.note(f"found by {leaked.found_by}: {named}")
        count = len(leaked.certificates) + len(leaked.elsewhere)
        confirmed(f"revoke {count} certificate{'s' if count > 1 else ''}: {named}", yes)
        nodes = nodes_of(settings, node) if wait else []
        done, revision = revoke_leaked(store, leaked, reason=reason, actor=actor(), at=time.time())
    revoked = [(one.authority.name, one.serial, one.changed) for one in done]
    _tell(
        {
            "found_by": leaked.found_by,
            "certificates": [one.id for one in leaked.certificates],
            "revoked": [
                {"certificate_authority": name, "serial_number": serial.lower(), "changed": changed}
                for name, serial, changed in revoked
            ],
        },
        [
            f"revoked{'' if changed else ' already'}: {serial.lower()} of {name}"
            for name, serial, changed in revoked
        ],
        revision,
        nodes,
        json=json,
    )


@app.command("distrust")
def distrust(
    authority: AuthorityArgument,
    wait: WaitOption = True,
    node: NodeOption = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """The key of a CA leaked: trust nothing any more that it signed.

    An embedded CA gets a new key and certificate, and the old one is trusted by nobody: issue new
    certificates. An uploaded one is asked for by no host any more.
    """
    from authz.services.distrust import distrust_authority, what_stops

    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        stops = what_stops(store, authority, at=time.time())
        messages.note(
            f"{stops.clients} client certificates that have not expired stop working"
            + (f"; hosts: {', '.join(stops.hosts)}" if stops.hosts else "")
        )
        if not stops.is_embedded:
            messages.note("it issued elsewhere: how many certificates that are is not known here")
        confirmed(f"trust nothing any more that {stops.name} signed", yes)
        nodes = nodes_of(settings, node) if wait else []
        done = distrust_authority(
            store,
            authority,
            encryption=encryption_for(settings, store) if stops.is_embedded else None,
            publication_url=settings.publication.url,
            actor=actor(),
            at=time.time(),
        )
    lines = [f"trusted no more: {name} ({fingerprint})" for name, fingerprint in done.gone]
    if done.successor is not None:
        lines.append(f"issues from now on: {stops.name} ({done.successor})")
    _tell(
        {
            "certificate_authority": stops.name,
            "clients": stops.clients,
            "hosts": list(stops.hosts),
            "distrusted": [fingerprint for _, fingerprint in done.gone],
            "successor": done.successor,
        },
        lines,
        done.revision,
        nodes,
        json=json,
    )
    if done.hosts_without:
        messages.warning(
            f"no authority is left for {', '.join(done.hosts_without)}: nobody is verified there, "
            "and only rules keep people out"
        )
        messages.hint("authz host add HOST --ca ANOTHER")


@app.command("tokens")
def tokens(
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """An API token leaked: end every token and every session, and print one new token.

    Where only one token is meant: authz token roll, or authz token revoke.
    """
    from authz.services.lock_out import end_everything

    settings = store_settings(config, database, data_dir)
    confirmed("end every API token and sign everybody out of the dashboard", yes)
    with opened_store(settings) as store:
        done = end_everything(store, actor=actor(), at=time.time())
    if json:
        messages.result_json(
            {
                "tokens_ended": done.tokens,
                "sessions_ended": done.sessions,
                "id": done.made.token.id,
                "token": done.made.secret,
            }
        )
        return
    messages.note(f"ended: {done.tokens} tokens, {done.sessions} sessions")
    messages.note("this token may do everything; programs need new ones of their own")
    messages.result(done.made.secret)


def _named(leaked: Leaked) -> str:
    here = [f"{one.serial.lower()} ({one.label})" for one in leaked.certificates]
    return ", ".join([*here, *(f"{serial} of {one.name}" for one, serial in leaked.elsewhere)])


def _tell(
    shown: dict[str, Any], lines: list[str], revision: int, nodes: list[str], *, json: bool
) -> None:
    """Print what was done, wait for it, and print that it is in force."""
    if not json:
        for line in lines:
            messages.result(messages.printable(line))
    enforced = wait_until_enforced(nodes, revision) if nodes else []
    if json:
        in_force = [_enforced_json(one) for one in enforced]
        messages.result_json({**shown, "revision": revision, "in_force": in_force})
    for one in () if json else enforced:
        messages.result(
            f"in force on {one.node}: revision {one.revision}, snapshot {one.generation}, "
            f"{one.workers} worker{'s' if one.workers > 1 else ''}, {one.seconds:.2f} s after the "
            "commit"
        )
    if not enforced:
        messages.note(f"revision {revision}; whether it is in force was not asked")


def _enforced_json(one: Enforced) -> dict[str, Any]:
    return {
        "node": one.node,
        "revision": one.revision,
        "generation": one.generation,
        "workers": one.workers,
        "seconds": round(one.seconds, 3),
    }
