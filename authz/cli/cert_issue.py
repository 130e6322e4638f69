# SPDX-License-Identifier: Apache-2.0
"""`authz cert issue`: a certificate into files. Joined to `cert.app`.

The certificate is in the store before anything is written: what cannot be written is not lost,
except for a private key, which is kept nowhere.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.cert import app, tell
from authz.cli.files import (
    check_absent,
    check_directory,
    located,
    make_directory,
    read_input,
    write_output,
)
from authz.cli.options import ConfigOption, JsonOption  # noqa: TC001 - typer evaluates them
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    actor,
    complete_authority,
    complete_key_kind,
    complete_zone,
    encryption_for,
    opened_store,
    store_settings,
)

if TYPE_CHECKING:
    from authz.services.issuance import Issued
    from authz.services.issuance_requests import NewKey
    from authz.store.engine import Store

__all__ = ["app"]

IssuingZoneOption = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Option(
        "--zone",
        metavar="Z",
        help="The zone; that of --ca, or default, when left out.",
        autocompletion=complete_zone,
    ),
]
_HANDED_OUT = "the private key was handed out with the first answer, and is not kept here"
_Texts = Optional[list[str]]  # noqa: UP045 - typer evaluates it


@app.command("issue")
def issue(
    label: Annotated[str, typer.Option("--label", metavar="L", help="What people know it by.")],
    days: Annotated[
        Optional[int],  # noqa: UP045 - typer evaluates it
        typer.Option("--days", metavar="N", help="Validity, 1 to 5475; 365 when left out."),
    ] = None,
    authority: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--ca",
            metavar="N",
            help="The zone's only one that issues, when left out.",
            autocompletion=complete_authority,
        ),
    ] = None,
    csr: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--csr",
            metavar="F",
            help="A signing request; -: standard input; without, a key is made.",
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--out", metavar="DIR", help="For client.pem and client.key; here, when left out."
        ),
    ] = None,
    common_name: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option("--cn", metavar="NAME", help="Common name, without a CSR; the label."),
    ] = None,
    organization: Annotated[
        str, typer.Option("--organization", metavar="O", help="In the subject, without a CSR.")
    ] = "",
    dns: Annotated[_Texts, typer.Option("--dns", metavar="NAME", help="DNS name.")] = None,
    uri: Annotated[_Texts, typer.Option("--uri", metavar="URI", help="URI (SPIFFE ID).")] = None,
    email: Annotated[_Texts, typer.Option("--email", metavar="A", help="Mail address.")] = None,
    key: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--key",
            metavar="KIND",
            help="ecdsa-p256 when left out; ecdsa-p384, rsa-2048, rsa-3072, rsa-4096.",
            autocompletion=complete_key_kind,
        ),
    ] = None,
    pkcs12: Annotated[
        bool, typer.Option("--pkcs12", help="client.p12 as well, for browsers.")
    ] = False,
    password_file: Annotated[
        Optional[Path],  # noqa: UP045 - typer evaluates it
        typer.Option("--password-file", metavar="F", help="The password of client.p12."),
    ] = None,
    request_key: Annotated[
        Optional[str],  # noqa: UP045 - typer evaluates it
        typer.Option(
            "--request-key",
            metavar="K",
            help="A repeated request with the same key gets the same certificate.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files.")] = False,
    zone: IssuingZoneOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Issue a client certificate, from a CSR or with a new key.

    Writes DIR/client.pem (with its chain) and, without a CSR, DIR/client.key (mode 0600), which is
    kept nowhere else: a repeated request gets the certificate without it, and ends with 1.
    """
    from authz.errors import NotFoundError
    from authz.services.issuance import issue_certificate

    settings = store_settings(config, database, data_dir)
    directory = out or Path()
    names = ["client.pem"]
    if csr is None:
        names += ["client.key"] + (["client.p12"] if pkcs12 else [])
        request: bytes | NewKey = _new_key(
            common_name or label.strip(),
            organization,
            (dns or [], uri or [], email or []),
            key or "ecdsa-p256",
            _password(pkcs12, password_file),
        )
    else:
        _check_csr_alone(common_name, organization, dns, uri, email, key, pkcs12, password_file)
        request = _request(csr)
    check_absent([directory / name for name in names], force=force)
    check_directory(directory)
    with opened_store(settings) as store:
        try:
            issued = issue_certificate(
                store,
                request,
                zone=zone,
                authority=authority,
                label=label,
                days=days,
                request_key=request_key,
                encryption=encryption_for(settings, store),
                publication_url=settings.publication.url,
                actor=actor(),
                at=time.time(),
            )
        except NotFoundError as error:
            if zone is None and authority is None:
                error.hint = _of_other_zones(store, error.hint)
            raise
        _write(issued, directory)
        tell(store, issued.certificate, json=json)
    if issued.ignored:
        messages.note(f"not taken over from the CSR: {', '.join(issued.ignored)}")
    if not issued.is_new and csr is None:
        messages.warning(f"{directory / 'client.key'} was not written: {_HANDED_OUT}")
        messages.hint("without it, revoke this certificate and issue another with a new key")
        raise typer.Exit(1)


def _of_other_zones(store: Store, hint: str | None) -> str | None:
    """A hint for whoever has no CA in the zone default: those that other zones have, first."""
    from authz.services.authorities import list_authorities
    from authz.store.records import AuthorityKind

    issuing = [
        f"{one.authority.name} of the zone {one.zone.name}"
        for one in list_authorities(store)
        if one.zone is not None and one.authority.kind is AuthorityKind.MANAGED and one.issues
    ]
    if not issuing:
        return hint
    others = f"name one of another zone (--ca): {', '.join(issuing)}"
    return f"{others}; or {hint}" if hint else others


def _request(file: Path) -> bytes:
    """A signing request that can be read, or the error names its file."""
    from authz.ca.csr import MAX_CSR_BYTES, read_csr

    request = read_input(file, MAX_CSR_BYTES)
    with located(file):
        read_csr(request)
    return request


def _write(issued: Issued, directory: Path) -> None:
    from authz.errors import InvalidInputError

    has_key = issued.key_pem is None
    try:
        make_directory(directory)
        if issued.key_pem is not None:
            write_output(directory / "client.key", issued.key_pem, private=True)
            has_key = True
        if issued.pkcs12 is not None:
            write_output(directory / "client.p12", issued.pkcs12, private=True)
        write_output(directory / "client.pem", issued.bundle.encode())
    except InvalidInputError as error:
        one = issued.certificate.id
        error.message = f"the certificate {one} was issued, but {error.message}"
        error.hint = f"authz cert show {one} --pem prints it with its chain"
        if not has_key:
            error.hint = (
                f"its private key is lost: revoke it (authz cert revoke {one}) and issue another"
            )
        raise
    if not issued.is_new:
        messages.note("the same request was answered before: this is that certificate")


def _new_key(
    common_name: str,
    organization: str,
    names: tuple[list[str], list[str], list[str]],
    kind: str,
    password: str | None,
) -> NewKey:
    from authz.ca.key_kinds import parse_key_kind
    from authz.ca.names import AlternativeNames, Subject
    from authz.services.issuance_requests import NewKey

    dns, uri, email = map(tuple, names)
    return NewKey(
        subject=Subject.of(common_name, organization=organization),
        names=AlternativeNames(dns=dns, uri=uri, email=email),
        kind=parse_key_kind(kind),
        pkcs12_password=password,
    )


def _password(pkcs12: bool, file: Path | None) -> str | None:
    from authz.errors import InvalidInputError
    from authz.sources.key_secret import first_line

    if pkcs12 != (file is not None):
        raise InvalidInputError(
            "--pkcs12 and --password-file go together",
            hint="write the password into the first line of a file that only you can read",
        )
    return None if file is None else first_line(file, where="--password-file")


def _check_csr_alone(*given: object) -> None:
    from authz.errors import InvalidInputError

    if any(given):
        raise InvalidInputError(
            "with a CSR there is nothing to say about subject, names and key",
            hint="leave out --cn, --organization, --dns, --uri, --email, --key, --pkcs12",
        )
