# SPDX-License-Identifier: Apache-2.0
"""`authz ca`: making authorities, and what there are. How they go on: ca_changes."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.files import check_one_stream, located, read_input
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    AuthorityArgument,
    DatabaseOption,
    DataDirOption,
    ZoneOption,
    actor,
    begun_store,
    complete_key_kind,
    day,
    encryption_for,
    facts,
    opened_store,
    store_settings,
    table,
)

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority
    from authz.store.records import AuthorityCertificate

app = group("Certificate authorities: embedded ones, and your own.")

NameOption = Annotated[str, typer.Option("--name", metavar="N", help="Its name here, unique.")]
OptionalNameOption = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Option("--name", metavar="N", help="Its name here; its common name, when left out."),
]


@app.command("create")
def create(
    name: NameOption,
    zone: ZoneOption = "default",
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="KIND",
            help="ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096.",
            autocompletion=complete_key_kind,
        ),
    ] = "ecdsa-p256",
    years: Annotated[
        Optional[int],  # noqa: UP045 - typer evaluates it
        typer.Option("--years", metavar="N", min=1, max=100, help="Validity; 25 when left out."),
    ] = None,
    intermediate: Annotated[
        bool, typer.Option("--intermediate", help="A root, and an intermediate that issues.")
    ] = False,
    organization: Annotated[
        str, typer.Option("--organization", metavar="O", help="In the subject.")
    ] = "",
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Make an embedded CA, with a key that stays in the store, encrypted."""
    from authz.ca.key_kinds import parse_key_kind
    from authz.services.authority_creation import create_authority

    settings = store_settings(config, database, data_dir)
    with begun_store(settings) as store:
        known = create_authority(
            store,
            name,
            zone=zone,
            kind=parse_key_kind(key),
            days=None if years is None else round(years * 365.25),
            intermediate=intermediate,
            organization=organization,
            encryption=encryption_for(settings, store),
            publication_url=settings.publication.url,
            actor=actor(),
            at=time.time(),
        )
    tell(known, json=json)


@app.command("import")
def import_(
    certificates: Annotated[
        Path,
        typer.Option("--certificate", metavar="F", help="Its certificate and those above, PEM."),
    ],
    key: Annotated[Path, typer.Option("--key", metavar="F", help="Its private key, PEM.")],
    name: OptionalNameOption = None,
    zone: ZoneOption = "default",
    passphrase_file: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--passphrase-file", metavar="F", help="The passphrase of the key, first line."
        ),
    ] = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Take over a CA that was made elsewhere, with its key."""
    from authz.ca.keys import load_key
    from authz.services.authority_creation import import_authority
    from authz.sources.key_secret import first_line

    settings = store_settings(config, database, data_dir)
    check_one_stream(certificates, key)
    pem, private = read_input(certificates), read_input(key)
    passphrase = None
    if passphrase_file is not None:
        passphrase = first_line(passphrase_file, where="--passphrase-file")
    with located(key):
        load_key(private, passphrase)
    with begun_store(settings) as store:
        encryption = encryption_for(settings, store)
        with located(certificates):
            known = import_authority(
                store,
                pem,
                private,
                name=name,
                zone=zone,
                passphrase=passphrase,
                encryption=encryption,
                actor=actor(),
                at=time.time(),
            )
    tell(known, json=json)


@app.command("upload")
def upload(
    file: Annotated[
        Path, typer.Argument(metavar="F", help="CA certificates, PEM; -: standard input.")
    ],
    name: OptionalNameOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Trust a CA of your own: certificates without a key, for hosts of every zone."""
    from authz.services.authority_creation import upload_authority

    pem = read_input(file)
    settings = store_settings(config, database, data_dir)
    with begun_store(settings) as store, located(file):
        known = upload_authority(store, pem, name=name, actor=actor(), at=time.time())
    tell(known, json=json)


@app.command("list")
def list_all(
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List the authorities; warns of certificates that expire soon."""
    from authz.services.authorities import list_authorities
    from authz.services.representation import authority_object

    with opened_store(store_settings(config, database, data_dir)) as store:
        authorities = list_authorities(store)
    if json:
        messages.result_json([authority_object(one) for one in authorities])
        return
    table(
        ("NAME", "KIND", "ZONE", "STATUS", "EXPIRES", "REVOCATION", "ID"),
        [
            (
                one.authority.name,
                one.authority.kind,
                "" if one.zone is None else one.zone.name,
                one.status,
                day(_first(one).not_after),
                one.authority.revocation,
                one.authority.id,
            )
            for one in authorities
        ],
    )
    _warn(authorities)


@app.command("show")
def show(
    authority: AuthorityArgument,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    pem: Annotated[bool, typer.Option("--pem", help="Print its certificates as PEM.")] = False,
    json: JsonOption = False,
) -> None:
    """Show an authority and its certificates."""
    from authz.services.authorities import get_authority

    with opened_store(store_settings(config, database, data_dir)) as store:
        known = get_authority(store, authority)
    if pem and not json:
        from authz.services.representation import authority_object

        for one in authority_object(known)["certificates"]:
            messages.result(one["certificate"].rstrip("\n"))
        return
    tell(known, json=json)


def tell(known: KnownAuthority, *, json: bool) -> None:
    """Print an authority."""
    from authz.services.representation import authority_object

    shown = authority_object(known)
    if json:
        messages.result_json(shown)
        return
    one = known.authority
    pairs = [
        ("name", one.name),
        ("id", one.id),
        ("kind", f"{one.kind}, {known.status}"),
        ("zone", "every zone" if known.zone is None else known.zone.name),
        ("revocation", one.revocation),
    ]
    pairs += [("crl", url) for url in one.sources.crl_urls]
    if one.sources.ocsp != "off":
        pairs.append(("ocsp", one.sources.ocsp))
    for each in shown["certificates"]:
        pairs.append((each["role"], f"{each['subject']}, {each['key']}, {each['id']}"))
        pairs.append(("", f"until {each['expires_on']}, SHA-256 {each['fingerprint_sha256']}"))
    facts(pairs)


def _first(known: KnownAuthority) -> AuthorityCertificate:
    return known.issuing or known.certificates[0]


def _warn(authorities: list[KnownAuthority]) -> None:
    from authz.ca.expiry import expiry_warning

    now = time.time()
    for known in authorities:
        for one in known.certificates:
            level = expiry_warning(one.not_after, now)
            if level is not None:
                word = "has expired" if one.not_after < now else "expires"
                messages.warning(
                    f"{known.authority.name}: its certificate {one.id} ({one.role}) {word} on "
                    f"{day(one.not_after)}"
                )
