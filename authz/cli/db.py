# SPDX-License-Identifier: Apache-2.0
"""`authz db`: the tables, copies of everything, and whether all is well."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer

from authz.cli import messages
from authz.cli.confirm import YesOption, confirmed
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    actor,
    opened_store,
    store_settings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.keys import KeyEncryption
    from authz.services.restoring import Restored
    from authz.settings import Settings

app = group("The store's database.")

#: What the service keeps in its data directory, beside the database (store.backup knows that).
_OWN_FILES: Final = ("ca.key", "addresses.json", "certificates")
_OWN_DIRECTORIES: Final = ("snapshots", "fetched", "geoip")

#: So many serial numbers, or hosts, are named in a message; --json has all of them.
_SOME: Final = 10

BackupFile = Annotated[
    Path, typer.Argument(metavar="F", help="The file of the backup; -: to standard output.")
]
RestoredFile = Annotated[
    Path, typer.Argument(metavar="F", help="The file of the backup; -: from standard input.")
]


@app.command("migrate")
def migrate(
    accept_later: Annotated[
        bool,
        typer.Option(
            "--accept-later",
            help="End with 0 when the tables are of a later release that this one works with, as "
            "after a rollback.",
        ),
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Bring the tables to what this release needs; an empty database gets them.

    Programs of the release before may go on using the database meanwhile.
    """
    from authz.store.engine import migrate_store
    from authz.store.schema import SCHEMA

    settings = store_settings(config, database, data_dir)
    before, after = migrate_store(settings.database, settings.data_dir, accept_later=accept_later)
    if json:
        messages.result_json({"before": before or None, "after": after})
    elif int(after) > SCHEMA:
        messages.result(
            f"ok: the tables are of a later release ({after}), which this one works with"
        )
    elif before == after:
        messages.result(f"ok: the tables are those of this release ({after})")
    else:
        messages.result(f"ok: from {before or 'no tables'} to {after}")


@app.command("backup")
def backup(
    file: BackupFile,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Write everything of the store into one file, while the service goes on.

    The private keys of CAs are in it as they are in the store: encrypted, with a secret that is
    not in it.
    """
    from authz.cli.db_streams import STREAM, to_output
    from authz.errors import SettingsError, StoreError
    from authz.services.backups import note_backup
    from authz.store.backup import backup as write

    settings = store_settings(config, database, data_dir)
    is_stream = file == STREAM
    if is_stream and json:
        raise SettingsError(
            "standard output is the backup itself", where="--json", hint="leave it out"
        )
    _check_not_own(file, settings)
    with opened_store(settings) as store:
        # Noted when whoever reads the stream has all of it: half of one is no backup.
        with to_output(settings.data_dir) if is_stream else nullcontext(file) as target:
            revision = write(store, target, force=force)
            size = target.stat().st_size
        try:
            note_backup(store, file, revision, actor=actor(), at=time.time())
        except StoreError:
            # A disk that cannot be written to is a reason to make one.
            messages.note("the audit log does not say that there is a backup: it is read-only")
    if json:
        messages.result_json({"file": str(file), "revision": revision, "bytes": size})
    elif is_stream:
        messages.note(f"revision {revision}, {size:,} bytes")
    else:
        messages.result(f"{file}: revision {revision}, {size:,} bytes")


@app.command("restore")
def restore(
    file: RestoredFile,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace everything that is in the database.")
    ] = False,
    later: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--later",
            metavar="F",
            help="A later SQLite database that was put aside, of any release: what is revoked in "
            "it stays revoked, beside what the last snapshot refuses.",
        ),
    ] = None,
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Put a backup into an empty database, or in the place of everything that is in one.

    A backup of either database can be put into the other. A service that runs from the store
    notices, and enforces what was restored. What was revoked since the backup stays revoked, as
    far as the database or the snapshots in the data directory still know of it.
    """
    from authz.cli.db_streams import STREAM, from_input
    from authz.node.control.enforced import enforced_in
    from authz.services.representation import serial_hex
    from authz.services.restoring import Enforced, restore_backup
    from authz.store.since_backup import revoked_in

    settings = store_settings(config, database, data_dir)
    refused = enforced_in(settings.data_dir)
    enforced = [] if refused is None else [refused]
    if later is not None:
        moment, serials = revoked_in(later)
        enforced.append(Enforced(moment=moment, serials=serials))
    if replace:
        confirmed(f"replace everything in {_name(settings)} by {file}", yes)

    def moved(aside: Path) -> None:
        messages.note(f"the database was damaged; what is left of it is now {aside}")

    with from_input(settings.data_dir) if file == STREAM else nullcontext(file) as source:
        done = restore_backup(
            settings.database,
            settings.data_dir,
            source,
            replace=replace,
            moved=moved,
            enforced=enforced,
            actor=actor(),
            at=time.time(),
        )
    _warn(done)
    if json:
        messages.result_json(
            {
                "file": str(file),
                "revision": done.revision,
                "backup_revision": done.backup_revision,
                "compared": done.is_compared,
                "database_compared": done.is_database_compared,
                "other_store": done.is_other,
                "revoked_since": [
                    {"certificate_authority": name, "serial_number": serial_hex(serial)}
                    for name, serial in done.revoked
                ],
                "tokens_kept": done.tokens,
                "trusted_again": [
                    {"certificate_authority": name, "fingerprint_sha256": fingerprint}
                    for name, fingerprint in done.trusted_again
                ],
                "asked_again": [
                    {"hostname": host, "certificate_authority": name}
                    for host, name in done.asked_again
                ],
            }
        )
    else:
        messages.result(f"ok: {file} is in force as revision {done.revision}")


def _warn(done: Restored) -> None:
    """Say what is stricter, and what is laxer, than people may think."""
    from authz.services.representation import serial_hex

    if done.is_other:
        messages.warning(
            "what was replaced is of another store, or came from another backup: what it revoked "
            "of the same CAs and tokens stays revoked, and more it does not tell"
        )
    if not done.is_compared:
        messages.warning(
            f"nothing here knows what was revoked after the backup (revision "
            f"{done.backup_revision}): such a certificate is accepted again"
        )
        messages.hint("look for later revocations in logs and CRLs of before: authz cert revoke")
    if not done.is_database_compared:
        messages.warning(
            "nothing here knows which tokens ended, which CAs or certificates of CAs were removed, "
            "and which hosts were taken from a CA after the backup: all of them count again"
        )
        messages.hint(
            "look through authz token list, authz ca list and authz host list; if one leaked, shut "
            "it out again: authz incident tokens, authz incident distrust CA"
        )
    if done.revoked:
        some = _some([f"{serial_hex(serial)} of {name}" for name, serial in done.revoked])
        messages.note(f"revoked since the backup, and revoked again: {some}")
    if done.tokens:
        messages.note(
            f"tokens that were revoked or changed since the backup stay so: "
            f"{', '.join(done.tokens)}"
        )
    for name, fingerprint in done.trusted_again:
        messages.warning(
            f"the CA {name} trusts a certificate again that was removed since the backup: SHA-256 "
            f"{fingerprint}"
        )
        messages.hint(
            f"authz ca show {name} says what it is; authz ca rotate and authz ca retire (--root "
            f"for a root) end it, authz ca delete all of the CA; if its key leaked: authz incident "
            f"distrust {name}"
        )
    if done.asked_again:
        some = _some([f"{host} for {name}" for host, name in done.asked_again])
        messages.warning(
            f"hosts ask again for a CA that was taken from them since the backup: {some}"
        )
        messages.hint(
            "authz host remove HOST --ca NAME; if the CA's key leaked: authz incident distrust NAME"
        )


def _some(named: Sequence[str]) -> str:
    """The first ones, and how many more there are."""
    more = f" and {len(named) - _SOME} more" if len(named) > _SOME else ""
    return ", ".join(named[:_SOME]) + more


@app.command("check")
def check(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Read everything and tell what is wrong; ends with 0 when nothing is, else with 1."""
    from authz.services.store_check import check_store_at

    settings = store_settings(config, database, data_dir)
    findings = check_store_at(settings.database, settings.data_dir, lambda: _encryption(settings))
    if json:
        shown = [{"where": one.where, "message": one.message} for one in findings]
        messages.result_json({"ok": not findings, "findings": shown})
    else:
        for one in findings:
            messages.error(f"{one.where}: {one.message}")
        if not findings:
            messages.result("ok: nothing is wrong")
    raise typer.Exit(1 if findings else 0)


def _encryption(settings: Settings) -> KeyEncryption | None:
    """What opens private keys; None when it is not here, as beside a backup that is tried."""
    from authz.errors import KeyUnavailableError, SettingsError
    from authz.services.keys import encryption_of
    from authz.sources.key_secret import read_secret

    keys = settings.keys
    try:
        secret = read_secret(keys.key_file, keys.passphrase_file, settings.data_dir, create=False)
        return encryption_of(secret)
    except (SettingsError, KeyUnavailableError) as error:
        messages.note(f"whether private keys can be opened is not checked: {error.message}")
        return None


def _check_not_own(file: Path, settings: Settings) -> None:
    """Refuse what the service needs, and would not get back: secrets above all.

    Raises:
        InvalidInputError: the file is one of its own.
    """
    from authz.errors import InvalidInputError

    named, directory = file.resolve(), settings.data_dir.resolve()
    secrets = (settings.keys.key_file, settings.keys.passphrase_file)
    own = {
        *(directory / name for name in _OWN_FILES),
        *(one.resolve() for one in (*secrets, settings.policy) if one is not None),
    }
    if named in own or any(named.is_relative_to(directory / one) for one in _OWN_DIRECTORIES):
        raise InvalidInputError(
            "this file is one of the service's own", where=str(file), hint="name another file"
        )


def _name(settings: Settings) -> str:
    """Which database it is, for people; without its password."""
    from authz.store.engine import database_name

    return database_name(settings.database, settings.data_dir)
