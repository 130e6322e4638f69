# SPDX-License-Identifier: Apache-2.0
"""`authz incident`: what to do at once when a secret leaked; each is one command.

docs/how-to/a-key-leaked.md says which, and what it does not undo.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from authz.cli import messages
from authz.cli.confirm import YesOption, confirmed
from authz.cli.enforcement import NodeOption, nodes_of, wait_until_enforced
from authz.cli.file_trust import trusted_by_file
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
from authz.errors import AuthzError, NotFoundError, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.ca.keys import KeyEncryption
    from authz.cli.enforcement import InForce
    from authz.services.incident import Leaked
    from authz.settings import Settings
    from authz.store.engine import Store

app = group("A secret leaked: shut out who has it, at once, and see that it is so.")

#: What files of certificates and keys are called.
_ENDINGS: Final = (".pem", ".key", ".crt", ".cer", ".der", ".csr")

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
    from authz.services.representation import serial_hex
    from authz.sources.files import read_file

    settings = store_settings(config, database, data_dir)
    parse_reason(reason)  # before anybody is asked
    file = Path(what)
    content = read_file(file) if file.is_file() else None
    with opened_store(settings) as store:
        try:
            leaked = find_leaked(store, what, content)
        except NotFoundError as error:
            # Names and base64 have slashes as well: only what nothing is known of is a wrong path.
            if content is not None or not _is_like_a_path(what):
                raise
            raise NotFoundError(
                f'there is no file "{what}", and nothing else here is called so',
                hint=error.hint,
            ) from error
        named = _named(leaked)
        if not json:
            messages.note(f"found by {leaked.found_by}: {named}")
        _warn_of_unread(leaked.unread)
        count = leaked.count
        confirmed(f"revoke {count} certificate{'s' if count > 1 else ''}: {named}", yes)
        done, revision = revoke_leaked(store, leaked, reason=reason, actor=actor(), at=time.time())
    revoked = [(one.authority.name, serial_hex(one.serial), one.changed) for one in done]
    _tell(
        {
            "found_by": leaked.found_by,
            "certificates": [one.id for one in leaked.certificates],
            "revoked": [
                {"certificate_authority": name, "serial_number": serial, "changed": changed}
                for name, serial, changed in revoked
            ],
        },
        [
            f"revoked{'' if changed else ' already'}: {serial} of {name}"
            for name, serial, changed in revoked
        ],
        revision,
        lambda: nodes_of(settings, node) if wait else [],
        json=json,
    )


@app.command("distrust")
def distrust(
    authority: AuthorityArgument,
    keep_root: Annotated[
        bool,
        typer.Option(
            "--keep-root",
            help="Of an intermediate below a root whose key is here as well: that key is safe, and "
            "makes the successor.",
        ),
    ] = False,
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
    certificates. Where that cannot be, or the key of its root is here as well, no host asks for it
    any more; an uploaded one, and others with the same key, likewise. Authorities above it have
    its serial number on their lists.
    """
    from authz.services.distrust import distrust_authority, what_stops
    from authz.services.representation import serial_hex

    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        stops = what_stops(store, authority, keep_root=keep_root, at=time.time())
        messages.note(
            f"{stops.clients} client certificates that have not expired stop working"
            + (f"; hosts: {', '.join(stops.hosts)}" if stops.hosts else "")
        )
        if not stops.is_embedded:
            messages.note("it issued elsewhere: how many certificates that are is not known here")
        if stops.same_key:
            messages.warning(f"of the same key, and distrusted too: {', '.join(stops.same_key)}")
        if stops.below:
            messages.warning(
                "it stands below these as well, which refuse what it signed from then on: "
                f"{', '.join(stops.below)}"
            )
        if stops.small_serials:
            messages.warning(
                f"its serial number ({', '.join(map(serial_hex, stops.small_serials))}) is put on "
                "their lists, and is so small that other certificates below them may have it, too: "
                "those are refused as well"
            )
            messages.hint("give clients with such a serial number, or below such a CA, new ones")
        _warn_of_unread(stops.unread)
        encryption = None if stops.taken else _encryption(settings, store)
        if stops.is_embedded and stops.taken:
            messages.warning(
                f"{stops.name} is taken from its hosts, and issues no more: {stops.taken}"
            )
        confirmed(f"trust nothing any more that {stops.name} signed", yes)
        done = distrust_authority(
            store,
            authority,
            encryption=encryption,
            keep_root=keep_root,
            publication_url=settings.publication.url,
            actor=actor(),
            at=time.time(),
        )
    if done.taken and not stops.taken:
        messages.warning(f"{stops.name} was taken from its hosts, and issues no more: {done.taken}")
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
            "same_key": list(stops.same_key),
            "below": list(stops.below),
            "small_serials": [serial_hex(one) for one in stops.small_serials],
            "unread": list(stops.unread),
            "taken_from_hosts": done.taken,
        },
        lines,
        done.revision,
        lambda: nodes_of(settings, node) if wait else [],
        json=json,
    )
    if done.hosts_without:
        messages.warning(
            f"no authority is left for {', '.join(done.hosts_without)}: nobody is verified there, "
            "and only rules keep people out"
        )
        messages.hint("authz ca create --name NEW, and authz host add HOST --ca NEW")
    _warn_of_policy_file(settings, stops.keys)


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


def _is_like_a_path(what: str) -> bool:
    return "/" in what or what.lower().endswith(_ENDINGS)


def _encryption(settings: Settings, store: Store) -> KeyEncryption | None:
    """What the successor's key is encrypted by; None where the secret cannot be used."""
    from authz.errors import KeyUnavailableError, SettingsError

    try:
        return encryption_for(settings, store)
    except (SettingsError, KeyUnavailableError) as error:
        messages.warning(f"no successor can be made, so it is taken from its hosts: {error}")
        return None


def _warn_of_unread(names: Sequence[str]) -> None:
    if names:
        messages.warning(
            f"a certificate of {', '.join(names)} cannot be read: what leads to other authorities "
            "through it is not put on their lists"
        )
        messages.hint("authz db check says which; upload that CA anew, and repeat this")


def _warn_of_policy_file(settings: Settings, keys: frozenset[str]) -> None:
    """A policy file beside the store is its authors': what it trusts, only they can change."""
    trusting = trusted_by_file(settings, keys)
    if trusting:
        messages.warning(
            f"the policy file {settings.policy} trusts this key, and does so still: "
            f"{', '.join(trusting)}"
        )
        messages.hint("take it from trust there: a running service notices")


def _named(leaked: Leaked) -> str:
    from authz.services.representation import serial_hex

    here = [f"{serial_hex(one.serial)} ({one.label})" for one in leaked.certificates]
    elsewhere = [f"{serial_hex(serial)} of {one.name}" for one, serial in leaked.elsewhere]
    return ", ".join([*here, *elsewhere])


def _tell(
    shown: dict[str, Any],
    lines: list[str],
    revision: int,
    nodes: Callable[[], list[str]],
    *,
    json: bool,
) -> None:
    """Print what was done, wait for it, and print that it is in force.

    Args:
        nodes: whom to ask. Called when all is committed: nobody waits for the change because it is
            not known who could confirm it.

    Raises:
        TransportError: it is committed, and not seen to be in force.
    """
    if not json:
        for line in lines:
            messages.result(messages.printable(line))
    in_force = _wait(nodes, revision)
    if json:
        told = [_in_force_object(one) for one in in_force]
        messages.result_json({**shown, "revision": revision, "in_force": told})
    else:
        for one in in_force:
            messages.result(
                f"in force on {one.node}: revision {one.revision}, snapshot {one.generation}, "
                f"{one.workers} worker{'s' if one.workers > 1 else ''}, {one.seconds:.2f} s after "
                "the commit"
            )
    if not in_force:
        messages.note(f"revision {revision}; whether it is in force was not asked")


def _wait(nodes: Callable[[], list[str]], revision: int) -> list[InForce]:
    try:
        named = nodes()
    except AuthzError as error:
        raise TransportError(
            f"the change is committed (revision {revision}) and not seen to be in force: "
            f"{error.message}",
            where=error.where,
            hint=f"{error.hint}; or ask nobody: --no-wait",
        ) from error
    return wait_until_enforced(named, revision) if named else []


def _in_force_object(one: InForce) -> dict[str, Any]:
    return {
        "node": one.node,
        "revision": one.revision,
        "generation": one.generation,
        "workers": one.workers,
        "seconds": round(one.seconds, 3),
    }
