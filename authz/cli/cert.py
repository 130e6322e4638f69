# SPDX-License-Identifier: Apache-2.0
"""`authz cert`: client certificates that are issued here, from their CSR to their revocation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from authz.cli import messages
from authz.cli.options import ConfigOption, JsonOption, group
from authz.cli.stores import (
    DatabaseOption,
    DataDirOption,
    ZoneOption,
    actor,
    complete_authority,
    complete_reason,
    completed,
    day,
    facts,
    one_of,
    opened_store,
    store_settings,
    table,
)

if TYPE_CHECKING:
    from authz.services.certificates import CertificatePage
    from authz.services.revocation import SerialRevocation
    from authz.store.engine import Store
    from authz.store.records import ClientCertificate

app = group("Client certificates.")

#: So many of the latest are offered by tab completion.
_OFFERED = 50


def _latest(store: Store) -> list[str]:
    from authz.services.certificates import list_certificates

    return [one.id for one in list_certificates(store, "default", per_page=_OFFERED).certificates]


CertificateArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="Identifier, serial number or SHA-256 fingerprint; 6 digits of one, if only one has "
        "them.",
        autocompletion=completed(_latest),
    ),
]
OptionalCertificateArgument = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Argument(
        metavar="[ID]",
        help="Identifier, serial number or SHA-256 fingerprint, or 6 digits of one.",
        autocompletion=completed(_latest),
    ),
]
SerialOption = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Option("--serial", metavar="S", help="Instead of ID: a serial number of --ca."),
]
SerialAuthorityOption = Annotated[
    Optional[str],  # noqa: UP045 - typer evaluates it
    typer.Option(
        "--ca",
        metavar="N",
        help="Any authority, also an uploaded one, with --serial.",
        autocompletion=complete_authority,
    ),
]


@app.command("list")
def list_all(
    zone: ZoneOption = "default",
    status: Annotated[
        str,
        typer.Option(
            "--status",
            metavar="S",
            help="active, revoked or all.",
            autocompletion=one_of(lambda: ("active", "revoked", "all")),
        ),
    ] = "all",
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="WORDS",
            help="Beginnings of words of label, names, serial number or fingerprint.",
        ),
    ] = "",
    expiring: Annotated[
        bool, typer.Option("--expiring", help="Those that expire in the next 30 days.")
    ] = False,
    page: Annotated[int, typer.Option("--page", metavar="N", min=1, help="From 1.")] = 1,
    per_page: Annotated[
        int, typer.Option("--per-page", metavar="N", min=1, max=1000, help="On a page.")
    ] = 50,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """List certificates, the latest first."""
    from authz.errors import InvalidInputError
    from authz.services.certificates import (
        expiring_certificates,
        list_certificates,
        zones_with_some,
    )
    from authz.services.representation import certificate_object

    with opened_store(store_settings(config, database, data_dir)) as store:
        now = time.time()
        if expiring:
            if status != "all" or search or page != 1:
                raise InvalidInputError(
                    "--expiring goes with none of --search, --status and --page",
                    hint="it lists all that are active and expire soon, the first ones first",
                )
            found = expiring_certificates(store, zone, at=now)
        else:
            found = list_certificates(
                store, zone, status=status, search=search, page=page, per_page=per_page
            )
        elsewhere: tuple[str, ...] = ()
        if not found.total:
            elsewhere = zones_with_some(
                store, status=status, search=search, expiring_at=now if expiring else None
            )
    if json:
        messages.result_json(
            [
                certificate_object(one, found.authorities[one.authority_id])
                for one in found.certificates
            ]
        )
        return
    if not found.total:
        messages.note(f"there are none in the zone {zone}")
        if elsewhere:
            messages.hint(f"there are some in {', '.join(elsewhere)}: --zone {elsewhere[0]}")
        return
    _table(found)


@app.command("show")
def show(
    certificate: CertificateArgument,
    pem: Annotated[
        bool, typer.Option("--pem", help="Print the certificate with its chain as PEM.")
    ] = False,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Show a certificate."""
    from authz.services.certificates import get_certificate
    from authz.services.issuance import bundle_of

    with opened_store(store_settings(config, database, data_dir)) as store:
        found = get_certificate(store, certificate)
        if pem and not json:
            messages.result(bundle_of(store, found).rstrip("\n"))
            return
        tell(store, found, json=json)


@app.command("revoke")
def revoke(
    certificate: OptionalCertificateArgument = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="R",
            help="unspecified, keyCompromise, superseded, cessationOfOperation, … (RFC 5280).",
            autocompletion=complete_reason,
        ),
    ] = "unspecified",
    authority: SerialAuthorityOption = None,
    serial: SerialOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke a certificate; rules that ask for it refuse it from its next request on."""
    from authz.services.revocation import revoke_certificate, revoke_serial

    named = _one(certificate, authority, serial)
    with opened_store(store_settings(config, database, data_dir)) as store:
        now = time.time()
        if named is not None:
            done = revoke_certificate(store, named, reason=reason, actor=actor(), at=now)
            tell(store, done, json=json)
            _tell_first(done.revoked_at, done.reason, now)
        else:
            listed = revoke_serial(
                store, authority or "", serial or "", reason=reason, actor=actor(), at=now
            )
            _tell_serial(store, listed, "revoked", json=json)
            if not listed.changed:
                with store.read() as session:
                    first = session.revocations.get(listed.authority.id, listed.serial)
                if first is not None:
                    _tell_first(first.revoked_at, first.reason, now)


@app.command("restore")
def restore(
    certificate: OptionalCertificateArgument = None,
    authority: SerialAuthorityOption = None,
    serial: SerialOption = None,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Undo a revocation."""
    from authz.services.revocation import restore_certificate, restore_serial

    named = _one(certificate, authority, serial)
    with opened_store(store_settings(config, database, data_dir)) as store:
        now = time.time()
        if named is not None:
            tell(store, restore_certificate(store, named, actor=actor(), at=now), json=json)
        else:
            listed = restore_serial(store, authority or "", serial or "", actor=actor(), at=now)
            _tell_serial(store, listed, "restored", json=json)


@app.command("label")
def label(
    certificate: CertificateArgument,
    text: Annotated[str, typer.Argument(metavar="LABEL", help="What people know it by.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
    data_dir: DataDirOption = None,
    json: JsonOption = False,
) -> None:
    """Give a certificate another label."""
    from authz.services.certificates import set_label

    with opened_store(store_settings(config, database, data_dir)) as store:
        tell(
            store,
            set_label(store, certificate, text, actor=actor(), at=time.time()),
            json=json,
        )


def tell(store: Store, one: ClientCertificate, *, json: bool) -> None:
    """Print a certificate."""
    from authz.services.authorities import get_authority
    from authz.services.representation import certificate_object

    authority = get_authority(store, one.authority_id).authority.name
    shown = certificate_object(one, authority)
    if json:
        messages.result_json(shown)
        return
    pairs = [
        ("id", one.id),
        ("label", one.label),
        ("status", one.status if one.reason is None else f"{one.status} ({one.reason})"),
        ("authority", authority),
        ("common name", one.common_name),
        *_subject(one),
        ("serial number", shown["serial_number"]),
        ("SHA-256", one.fingerprint_sha256),
        ("issued", shown["issued_on"]),
        ("expires", shown["expires_on"]),
        ("last seen", shown["last_seen_on"] or "never"),
    ]
    if one.revoked_at is not None:
        pairs.insert(3, ("revoked", shown["revoked_on"]))
    facts(pairs)


def _subject(one: ClientCertificate) -> list[tuple[str, str]]:
    """Everything that the certificate calls its holder, as it says it itself."""
    from authz.certs.certificate import Certificate

    certificate = Certificate.from_der(one.der)
    pairs = [("subject", certificate.subject_dn_rfc2253)]
    pairs += [("DNS name", name) for name in certificate.san_dns]
    pairs += [("URI", name) for name in certificate.san_uri]
    pairs += [("mail address", name) for name in certificate.san_email]
    pairs += [("IP address", str(name)) for name in certificate.san_ip]
    return pairs


def _tell_serial(store: Store, done: SerialRevocation, verb: str, *, json: bool) -> None:
    from authz.services.representation import serial_hex

    if done.certificate is not None:
        tell(store, done.certificate, json=json)
    elif json:
        messages.result_json(
            {
                "certificate_authority": {"id": done.authority.id, "name": done.authority.name},
                "serial_number": serial_hex(done.serial),
                "status": "revoked" if verb == "revoked" else "active",
                "changed": done.changed,
            }
        )
    else:
        already = "" if done.changed else " already"
        messages.result(f"{serial_hex(done.serial)} of {done.authority.name} is {verb}{already}")


def _tell_first(at: float | None, reason: str | None, now: float) -> None:
    """Say that a revocation of before stays as it was."""
    if at is not None and at != now:
        messages.note(f"it has been revoked since {day(at)}; its reason stays {reason}")


def _one(certificate: str | None, authority: str | None, serial: str | None) -> str | None:
    """The certificate that is named, None for a serial number of an authority."""
    from authz.errors import InvalidInputError

    if certificate is not None and authority is None and serial is None:
        return certificate
    if certificate is None and authority is not None and serial is not None:
        return None
    raise InvalidInputError(
        "it is not said which certificate", hint="name ID alone, or --ca N --serial S"
    )


def _table(found: CertificatePage) -> None:
    from authz.services.representation import serial_hex

    if not found.certificates and found.total:
        pages = -(-found.total // found.per_page)
        messages.note(f"page {found.page} is behind the last one, {pages}")
        return
    table(
        ("LABEL", "STATUS", "EXPIRES", "LAST SEEN", "AUTHORITY", "SERIAL NUMBER", "ID"),
        [
            (
                one.label,
                one.status,
                day(one.expires_at),
                "never" if one.last_seen_at is None else day(one.last_seen_at),
                found.authorities[one.authority_id],
                serial_hex(one.serial),
                one.id,
            )
            for one in found.certificates
        ],
    )
    shown = len(found.certificates)
    if shown < found.total:
        first = (found.page - 1) * found.per_page + 1
        messages.note(f"{first} to {first + shown - 1} of {found.total}: --page N shows others")
