# SPDX-License-Identifier: Apache-2.0
"""`authz ca`: revocation, CRLs, and the secret of the keys. Joined to `ca.app`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Final, Optional

import typer

from authz.cli import messages
from authz.cli.ca import tell
from authz.cli.ca_changes import app
from authz.cli.files import check_absent, check_directory, make_directory, write_output
from authz.cli.options import ConfigOption, JsonOption  # noqa: TC001 - typer evaluates them
from authz.cli.stores import (
    AuthorityArgument,
    DatabaseOption,
    DataDirOption,
    actor,
    encryption_for,
    one_of,
    opened_store,
    store_settings,
    table,
)

__all__ = ["app"]

#: Of a line that is read as a passphrase.
_MOST_BYTES: Final = 65536


@app.command("mode")
def mode(
    authority: AuthorityArgument,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="strict|soft|off",
            help="strict: a missing or stale CRL leaves certificates unverified; soft: it is used "
            "as it is; off: nothing is looked up.",
            autocompletion=one_of(lambda: ("strict", "soft", "off")),
        ),
    ],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """How strictly revocation is looked at."""
    from authz.services.authorities import set_revocation

    with opened_store(store_settings(config, database, data_dir)) as store:
        known = set_revocation(store, authority, wanted, actor=actor(), at=time.time())
    tell(known, json=json)


@app.command("sources")
def sources(
    authority: AuthorityArgument,
    crl: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--crl",
            metavar="URL|certificate",
            help="Where its CRL is, or that certificates name it; several: several times.",
        ),
    ] = None,
    no_crl: Annotated[bool, typer.Option("--no-crl", help="Fetch no CRL any more.")] = False,
    ocsp: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--ocsp", metavar="off|certificate|URL", help="Whether and where OCSP is asked."
        ),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Where an authority's revocations come from, beside its own list; alone, shows it."""
    from authz.errors import InvalidInputError
    from authz.services.authorities import get_authority, set_sources

    if crl and no_crl:
        raise InvalidInputError("--crl and --no-crl exclude each other", hint="keep one of them")
    with opened_store(store_settings(config, database, data_dir)) as store:
        if crl or no_crl or ocsp is not None:
            known = set_sources(
                store,
                authority,
                crl_urls=() if no_crl else crl or None,
                ocsp=ocsp,
                actor=actor(),
                at=time.time(),
            )
        else:
            known = get_authority(store, authority)
    tell(known, json=json)


@app.command("revoked")
def revoked(
    authority: AuthorityArgument,
    after: Annotated[
        str, typer.Option("--after", metavar="S", help="Serial numbers behind this one.")
    ] = "",
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=1, max=100_000, help="So many at most.")
    ] = 1000,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List the serial numbers on an authority's own list."""
    from authz.services.representation import revocation_object
    from authz.services.revocation import list_revoked

    with opened_store(store_settings(config, database, data_dir)) as store:
        found = list_revoked(store, authority, after=after.upper().lstrip("0"), most=most)
    shown = [revocation_object(one) for one in found]
    if json:
        messages.result_json(shown)
        return
    table(
        ("SERIAL NUMBER", "REVOKED", "REASON"),
        [(one["serial_number"], one["revoked_on"], one["reason"]) for one in shown],
    )


@app.command("crl")
def crl(
    authority: AuthorityArgument,
    delta: Annotated[
        bool, typer.Option("--delta", help="What changed since the last complete one.")
    ] = False,
    certificate: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--certificate",
            metavar="ID",
            help="By one of before a rotation, or the root above (see ca show).",
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--out", metavar="F", help="Write it there, in DER, not as PEM to stdout."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over F.")] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Sign a CRL of an embedded CA."""
    from authz.certs.pem import write_pem
    from authz.services.crls import sign_crl
    from authz.services.times import rfc3339_seconds

    settings = store_settings(config, database, data_dir)
    if out is not None:
        check_absent([out], force=force)
        check_directory(out.parent)
    with opened_store(settings) as store:
        signed = sign_crl(
            store,
            authority,
            certificate_id=certificate,
            delta=delta,
            hours=settings.publication.crl_hours,
            publication_url=settings.publication.url,
            encryption=encryption_for(settings, store),
            actor=actor(),
            at=time.time(),
        )
    pem = write_pem(signed.body, "X509 CRL")
    if out is not None:
        make_directory(out.parent)
        write_output(out, signed.body)
    if json:
        messages.result_json(
            {
                "kind": signed.kind,
                "number": signed.number,
                "certificate_id": signed.certificate_id,
                "this_update": rfc3339_seconds(signed.this_update),
                "next_update": rfc3339_seconds(signed.next_update),
                "crl": pem,
            }
        )
    elif out is None:
        messages.result(pem.rstrip("\n"))
    else:
        until = rfc3339_seconds(signed.next_update)
        messages.result(f"{out}: {signed.kind} CRL number {signed.number}, until {until}")


@app.command("rekey")
def rekey(
    key_file: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--key-file", metavar="F", help="The new secret: 32 random bytes or more."),
    ] = None,
    passphrase_file: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--passphrase-file",
            metavar="F",
            help="The new secret: its first line; -: that of standard input.",
        ),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Encrypt all private keys by another secret; name it in the settings then (keys)."""
    from authz.errors import InvalidInputError
    from authz.services.keys import encryption_of
    from authz.services.keys import rekey as encrypt_all
    from authz.sources.key_secret import key_file_secret, passphrase_secret, piped_passphrase

    if (key_file is None) == (passphrase_file is None):
        raise InvalidInputError(
            "the new secret is missing, or there are two",
            hint="--key-file F or --passphrase-file F",
        )
    settings = store_settings(config, database, data_dir)
    if key_file is not None:
        secret = key_file_secret(key_file, where="--key-file")
    elif passphrase_file == Path("-"):
        if sys.stdin.isatty():
            # It would be shown while it is typed, and stay on the screen.
            raise InvalidInputError(
                "a passphrase is not read from a terminal",
                where="--passphrase-file",
                hint="--passphrase-file - < F",
            )
        # Into a container, where no file of ours is.
        secret = piped_passphrase(sys.stdin.buffer.readline(_MOST_BYTES), where="--passphrase-file")
    else:
        assert passphrase_file is not None
        secret = passphrase_secret(passphrase_file, where="--passphrase-file")
    with opened_store(settings) as store:
        count = encrypt_all(
            store,
            encryption_for(settings, store),
            encryption_of(secret),
            actor=actor(),
            at=time.time(),
        )
    if json:
        messages.result_json({"keys": count})
    else:
        messages.result(f"{count} key{'' if count == 1 else 's'} encrypted by the new secret")
    if passphrase_file == Path("-"):
        messages.hint("put it where keys.passphrase_file reads it, and restart every node")
        return
    name = "keys.key_file" if key_file is not None else "keys.passphrase_file"
    messages.hint(f"set {name}: {key_file or passphrase_file} in the settings, and restart serve")
