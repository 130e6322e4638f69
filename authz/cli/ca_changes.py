# SPDX-License-Identifier: Apache-2.0
"""`authz ca`: how authorities go on and how they end. Joined to `ca.app`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.ca import app, tell
from authz.cli.confirm import YesOption, confirmed
from authz.cli.file_trust import trusted_by_file
from authz.cli.options import ConfigOption, JsonOption  # noqa: TC001 - typer evaluates them
from authz.cli.stores import (
    AuthorityArgument,
    DatabaseOption,
    DataDirOption,
    actor,
    complete_key_kind,
    encryption_for,
    one_of,
    opened_store,
    store_settings,
)

if TYPE_CHECKING:
    from authz.settings import Settings
    from authz.store.engine import Store

__all__ = ["app"]


@app.command("rotate")
def rotate(
    authority: AuthorityArgument,
    key: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--key",
            metavar="KIND",
            help="Another kind of key; the same, if left out.",
            autocompletion=complete_key_kind,
        ),
    ] = None,
    years: Annotated[
        Optional[int],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--years", metavar="N", min=1, max=100, help="Validity of the new one, or new root."
        ),
    ] = None,
    root: Annotated[
        bool, typer.Option("--root", help="A new root, too, above the new one that issues.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Give an embedded CA a new key and certificate.

    New certificates are issued by it; those that were issued before stay good (see retire). With
    --root, an intermediate comes below a new root, and both roots are trusted.
    """
    from authz.ca.key_kinds import parse_key_kind
    from authz.services.authority_lifecycle import rotate_authority
    from authz.services.root_rotation import rotate_root

    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        known = (rotate_root if root else rotate_authority)(
            store,
            authority,
            kind=None if key is None else parse_key_kind(key),
            days=None if years is None else round(years * 365.25),
            encryption=encryption_for(settings, store),
            publication_url=settings.publication.url,
            actor=actor(),
            at=time.time(),
        )
    tell(known, json=json)


@app.command("retire")
def retire(
    authority: AuthorityArgument,
    force: Annotated[
        bool,
        typer.Option("--force", help="Though certificates that it issued have not expired."),
    ] = False,
    root: Annotated[
        bool, typer.Option("--root", help="The roots of before, and what stood below them.")
    ] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Trust what an authority was before its rotations no more, and forget those keys."""
    from authz.services.authority_lifecycle import check_retirable, retire_previous
    from authz.services.root_rotation import check_root_retirable, retire_previous_root

    check = check_root_retirable if root else check_retirable
    remove = retire_previous_root if root else retire_previous
    what = "roots that {}, with what stood below them" if root else "certificates and keys that {}"
    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        # What is refused anyway is refused before anybody is asked.
        check(store, authority, force=force, at=time.time())
    had = f"{authority} had before its rotations"
    confirmed(f"remove the {what.format(had)}", yes)
    with opened_store(settings) as store:
        gone = remove(store, authority, force=force, actor=actor(), at=time.time())
    if json:
        messages.result_json({"removed": [one.id for one in gone]})
    else:
        for one in gone:
            messages.result(f"removed {one.id} (SHA-256 {one.fingerprint_sha256})")


@app.command("status")
def status(
    authority: AuthorityArgument,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="active|retired",
            help="Whether it issues.",
            autocompletion=one_of(lambda: ("active", "retired")),
        ),
    ],
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Active though it was distrusted: nobody else has its key after all."
        ),
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Let an authority issue, or not; what it issued counts on.

    One that was distrusted (authz incident distrust) stays so: make another.
    """
    from authz.services.authority_lifecycle import set_status

    with opened_store(store_settings(config, database, data_dir)) as store:
        known = set_status(store, authority, wanted, force=force, actor=actor(), at=time.time())
    tell(known, json=json)


@app.command("delete")
def delete(
    authority: AuthorityArgument,
    yes: YesOption = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Remove an authority with its keys. Refused while hosts or certificates need it.

    One that was distrusted stays until its certificates expire. Others here with its key keep its
    list; a policy file that trusts the key has no use of it any more, and is warned of.
    """
    from authz.services.authority_lifecycle import delete_authority
    from authz.services.representation import authority_object

    settings = store_settings(config, database, data_dir)
    with opened_store(settings) as store:
        _warn_of_lost_list(settings, store, authority)
    confirmed(f"delete the authority {authority}, its keys and its list of revocations", yes)
    with opened_store(settings) as store:
        known = delete_authority(store, authority, actor=actor(), at=time.time())
    if json:
        messages.result_json(authority_object(known))
    else:
        messages.result(f"deleted {known.authority.name} ({known.authority.id})")


@app.command("rename")
def rename(
    authority: AuthorityArgument,
    name: Annotated[str, typer.Option("--name", metavar="N", help="The new name.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Give an authority another name here; its certificates keep theirs."""
    from authz.services.authorities import rename_authority

    with opened_store(store_settings(config, database, data_dir)) as store:
        known = rename_authority(store, authority, name, actor=actor(), at=time.time())
    tell(known, json=json)


def _warn_of_lost_list(settings: Settings, store: Store, named: str) -> None:
    """What is revoked under an authority counts for a policy file's CA with its key as well."""
    from authz.services.context import authority_of
    from authz.services.same_key_lists import lost_keys

    with store.read() as session:
        authority = authority_of(session, named)
        lost = lost_keys(session, authority.id)
    trusting = trusted_by_file(settings, lost)
    if trusting:
        messages.warning(
            f"the policy file {settings.policy} trusts the key of {authority.name} "
            f"({', '.join(trusting)}): what is revoked under {authority.name} alone is good there "
            "again when it is deleted"
        )
        messages.hint(
            f"put what authz ca revoked {authority.name} shows into revoked_serials there first"
        )
