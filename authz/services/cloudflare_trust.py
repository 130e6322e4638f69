# SPDX-License-Identifier: Apache-2.0
"""Whom hosts trust at Cloudflare, here: uploaded CAs, the managed CA, and what is revoked.

A CA of Cloudflare's is the authority here that has the same certificates, and is uploaded when
there is none. The managed CA signs at Cloudflare, and its key never leaves it. The API does not
have its certificate either: client certificates say its name, and the key identifier of whoever
signed them. With that certificate from elsewhere (`managed_ca`) they keep working here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.ca.uploaded import check_uploaded
from authz.certs.certificate import Certificate
from authz.certs.pem import split_pem
from authz.errors import CertificateError, InvalidInputError, PolicyError
from authz.services.authorities import change
from authz.services.authority_creation import add_uploaded, common_name
from authz.services.cloudflare_report import Item, Note, item_of
from authz.services.context import account_of, checked_name
from authz.services.model import through_of
from authz.services.namespace import check_owner, normalise_hostname
from authz.services.revocation import UNSPECIFIED, put_revoked
from authz.sources.lines import parse_serial
from authz.store.records import Sources, serial_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.sources.cloudflare_document import (
        ClientCertificateObject,
        MtlsCertificateObject,
    )
    from authz.store.records import Authority, AuthorityCertificate, Zone
    from authz.store.session import Session

#: The CA that associations without an identifier mean.
MANAGED: Final = ""

#: Certificates that other products use, by `type`.
_OF_OTHERS: Final = {
    "gateway_managed": "Gateway's own",
    "access_managed": "Access's own",
}
_REVOKED: Final = frozenset({"revoked", "pending_revocation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A CA whose certificates can be trusted here; `text` as in ca.uploaded."""

    name: str
    certificates: tuple[Certificate, ...]
    text: str | None = None


def wanted_of(one: MtlsCertificateObject, at: float) -> tuple[Wanted | None, Item]:
    """An uploaded CA as an authority of ours, None when it cannot be."""
    name = one.name or one.id
    if one.type in _OF_OTHERS or not one.ca:
        text = (
            f"{_OF_OTHERS[one.type]} certificate: not for hosts that ask for client certificates"
            if one.type in _OF_OTHERS
            else "a certificate with a key, for Workers that present it: no CA"
        )
        return None, item_of("authority", name, [Note(code="no_ca", text=text)], cannot=True)
    try:
        wanted = _read(one.certificates, one.name, at)
    except CertificateError as error:
        return None, item_of("authority", name, cannot=error)
    return wanted, item_of("authority", wanted.name)


def managed_of(
    pem: bytes | None, certificates: Sequence[ClientCertificateObject], at: float
) -> Wanted | None:
    """The managed CA as its certificate was given, with the name that Cloudflare calls it by.

    Raises:
        CertificateError: it is none to trust.
        InvalidInputError: it issued none of the client certificates.
    """
    if pem is None:
        return None
    named = [one.certificate_authority.name for one in certificates if one.certificate_authority]
    wanted = _read(pem, named[0] if named else None, at)
    leaves = _leaves(certificates)
    subjects = {one.subject_raw for one in wanted.certificates}
    if leaves and not any(leaf.issuer_raw in subjects for leaf in leaves):
        raise InvalidInputError(
            f"none of {len(leaves)} client certificates names the managed CA that was given as its "
            "issuer",
            hint=f"they name {leaves[0].issuer_dn}",
        )
    return wanted


def clients_item(
    clients: Sequence[ClientCertificateObject], wanted: Wanted | None, *, managed: bool
) -> Item:
    """What becomes of the client certificates of one CA, `wanted` being who it is here.

    Args:
        managed: whether it is Cloudflare's own.
    """
    revoked = sum(is_revoked(one) for one in clients)
    name = f"{len(clients) - revoked} active, {revoked} revoked"
    if not managed:
        return item_of("client certificates", name)
    if wanted is not None:
        text = "they stay valid; new ones have to come from a CA here"
        return item_of("client certificates", name, [Note(code="managed_ca", text=text)])
    leaves = _leaves(clients)
    known = ""
    if leaves:
        skis = sorted({leaf.authority_key_id for leaf in leaves if leaf.authority_key_id})
        known = f" ({leaves[0].issuer_dn}; key identifier {', '.join(skis) or 'not named'})"
    text = (
        f"issued by Cloudflare's managed CA{known}, whose key never leaves Cloudflare and whose "
        "certificate the API does not have: give it (--managed-ca), or issue new ones here"
    )
    return item_of("client certificates", name, [Note(code="managed_ca", text=text)], cannot=True)


def is_revoked(one: ClientCertificateObject) -> bool:
    """Whether a client certificate is revoked at Cloudflare, or about to be."""
    return one.status in _REVOKED


def put_authority(
    session: Session, wanted: Wanted, zone: Zone | None = None, *, actor: str, at: float
) -> tuple[Authority, str]:
    """The authority with these certificates, uploaded when there is none; what changed.

    Args:
        zone: whose hosts ask for it.

    Raises:
        InvalidInputError: its name cannot be one.
    """
    there = find_authority(session, wanted, zone)
    if there is not None:
        return there, ""
    base = checked_name("name", wanted.name)
    name, number = base, 1
    while session.authorities.named(account_of(session).id, name) is not None:
        number += 1
        name = f"{base} ({number})"
    made = add_uploaded(session, name, wanted.certificates, text=wanted.text, actor=actor, at=at)
    return made.authority, f"authority {name}: uploaded"


def find_authority(session: Session, wanted: Wanted, zone: Zone | None = None) -> Authority | None:
    """The authority that has these certificates and no others; the oldest one.

    An embedded CA serves its own zone.
    """
    fingerprints = {one.fingerprint_sha256 for one in wanted.certificates}
    having: dict[str, list[AuthorityCertificate]] = {}
    for one in session.authorities.certificates():
        having.setdefault(one.authority_id, []).append(one)
    for authority in session.authorities.all():
        trusted = trusted_certificates(having.get(authority.id, []))
        fits = zone is None or authority.zone_id in (None, zone.id)
        if fits and {one.fingerprint_sha256 for one in trusted} == fingerprints:
            return authority
    return None


def trusted_certificates(
    certificates: Sequence[AuthorityCertificate],
) -> Sequence[AuthorityCertificate]:
    """What an authority is trusted by where its key is not: its certificates; only those that sign
    here, below a root that signs for others as well."""
    through = through_of(certificates)
    return [one for one in certificates if one.der in through] if through else certificates


def put_settings(
    session: Session, authority: Authority, one: MtlsCertificateObject, *, actor: str, at: float
) -> tuple[Authority, str]:
    """How an authority's revocation is looked at, where an export of this service says it."""
    sources = Sources(
        crl_urls=authority.sources.crl_urls if one.crl_urls is None else tuple(one.crl_urls),
        ocsp=one.ocsp or authority.sources.ocsp,
    )
    mode = one.revocation or authority.revocation
    if (sources, mode) == (authority.sources, authority.revocation):
        return authority, ""
    changed = change(
        session,
        authority,
        "authority.import",
        actor=actor,
        at=at,
        sources=sources,
        revocation=mode,
    )
    return changed.authority, f"authority {authority.name}: revocation {mode}"


def revoked_serials(clients: Sequence[ClientCertificateObject]) -> dict[str, str]:
    """The serial numbers of those that are revoked, as the store has them, with the reason.

    Raises:
        InvalidInputError: one is none.
    """
    return {
        serial_of(one.serial_number): one.reason or UNSPECIFIED
        for one in clients
        if one.serial_number and is_revoked(one)
    }


def serial_of(text: str) -> str:
    """A serial number of Cloudflare's (hexadecimal) as the store has it.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        return serial_text(parse_serial(text))
    except PolicyError as error:
        raise InvalidInputError(error.message, hint=error.hint) from None


def put_serials(
    session: Session, authority: Authority, serials: dict[str, str], *, actor: str, at: float
) -> str:
    """Put serial numbers on an authority's list; what changed."""
    done = [
        put_revoked(session, authority, serial, reason=reason, actor=actor, at=at).changed
        for serial, reason in serials.items()
    ]
    return f"authority {authority.name}: {sum(done)} serial numbers revoked" if any(done) else ""


def hostnames_of(
    session: Session, zone: Zone, hostnames: Sequence[str]
) -> tuple[tuple[str, ...], list[Item]]:
    """Hostnames as the store has them, and those that cannot be the zone's."""
    names: dict[str, None] = {}
    refused: list[Item] = []
    zones = session.zones.all()
    for hostname in hostnames:
        try:
            name = normalise_hostname(hostname)
            check_owner(name, zone, zones)
        except InvalidInputError as error:
            refused.append(item_of("host", hostname, cannot=error))
        else:
            names[name] = None
    return tuple(names), refused


def revoked_only_here(
    session: Session, authority: Authority, clients: Sequence[ClientCertificateObject]
) -> int:
    """How many client certificates are active at Cloudflare and revoked here."""
    return sum(
        session.revocations.get(authority.id, serial_of(one.serial_number)) is not None
        for one in clients
        if one.serial_number and not is_revoked(one)
    )


def _read(pem: str | bytes, name: str | None, at: float) -> Wanted:
    uploaded = check_uploaded(pem, at=at)
    read = tuple(Certificate.from_der(der, allow_zero_serial=True) for der in uploaded.certificates)
    return Wanted(name=name or common_name(read[0]), certificates=read, text=uploaded.text)


def _leaves(certificates: Sequence[ClientCertificateObject]) -> list[Certificate]:
    """The client certificates that can be read."""
    found: list[Certificate] = []
    for one in certificates:
        try:
            ders = split_pem((one.certificate or "").encode())
            found += [Certificate.from_der(der) for der in ders[:1]]
        except CertificateError:
            continue
    return found
