# SPDX-License-Identifier: Apache-2.0
"""Issuing client certificates, once for each request however often it is repeated.

The numbered steps of `issue_certificate`:
    (1) what was asked for is read and checked;
    (2) a request that was answered before gets the same answer;
    (3) the certificate is made: looked at, and signed by the key of the authority;
    (4) it is kept, if nothing has changed meanwhile, and only then handed out.
A private key that is made here is handed out once and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from authz.ca.authority import chain_above
from authz.ca.bundle import pem_bundle, pkcs12
from authz.ca.csr import read_csr
from authz.ca.description import signature_name
from authz.ca.issuance import DAY, CertificateRequest, check_content, issue, prepare
from authz.ca.keys import KeyEncryption, LocalSigner, generate_key
from authz.ca.names import AlternativeNames, Subject
from authz.ca.profiles import CLIENT, Profile
from authz.certs.certificate import Certificate
from authz.certs.keys import MAXIMUM_RSA_BITS
from authz.certs.signature import Signed, signed_by
from authz.errors import ConflictError, InvalidInputError, IssuerInactiveError, NotFoundError
from authz.services.authorities import KnownAuthority, embedded_in, known_authority
from authz.services.authority_lifecycle import certificate_of, issuing_of
from authz.services.context import audit, authority_of, checked_name, new_id, zone_of
from authz.services.distrusted import MAKE_ANOTHER, is_distrusted
from authz.services.issuance_requests import NewKey, RequestKey, check_request_key, digest_of
from authz.services.keys import key_of, opened
from authz.services.namespace import DEFAULT_ZONE
from authz.services.publication_urls import urls_for
from authz.store.records import (
    AuthorityStatus,
    CertificateRole,
    CertificateStatus,
    ClientCertificate,
    IssuanceRequest,
    serial_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from authz.store.engine import Store
    from authz.store.records import Authority, Zone
    from authz.store.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate that is kept.

    Args:
        bundle: it and the certificates between it and the root, PEM.
        key_pem: its private key, when it was made here and now.
        pkcs12: the same with certificate and chain, when a password was given.
        is_new: False when the same request was answered before.
        ignored: what the CSR asked for and the certificate does not have.
    """

    certificate: ClientCertificate
    authority: KnownAuthority
    bundle: str
    key_pem: bytes | None = None
    pkcs12: bytes | None = None
    is_new: bool = True
    ignored: tuple[str, ...] = ()


def issue_certificate(
    store: Store,
    request: str | bytes | NewKey,
    *,
    zone: str | None = None,
    authority: str | None = None,
    label: str = "",
    days: int | None = None,
    profile: Profile = CLIENT,
    request_key: str | RequestKey | None = None,
    max_rsa_bits: int = MAXIMUM_RSA_BITS,
    encryption: KeyEncryption,
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> Issued:
    """Issue a client certificate.

    Args:
        request: a CSR (PEM or DER), or what to make a key for. Text is kept as it is: whoever
            compares (Terraform does) gets back what they sent.
        zone: name or identifier; that of the authority, when left out, or `default`.
        authority: name or identifier; the zone's only embedded CA that is active, when left out.
        label: for people; the common name, when left out.
        days: of validity, 1 to 5475; the profile's default, when left out.
        request_key: whoever repeats a request with the same key gets the same certificate.
        max_rsa_bits: of the key in the CSR: the time that an RSA key takes grows with its cube.
        publication_url: where CRLs and OCSP are (`publication.url`); into the certificate.

    Raises:
        NotFoundError: there is no such zone or authority, or the zone has none that issues.
        InvalidInputError: label or request key are none; several authorities could be meant.
        ConflictError: the request key was used for another request; or the authority changed.
        IssuanceError: the request, the key, or the authority are such that nothing is issued.
    """
    # (1) What was asked for.
    facts = None if isinstance(request, NewKey) else read_csr(request, max_rsa_bits=max_rsa_bits)
    made = request if isinstance(request, NewKey) else None
    subject = facts.subject if facts is not None else made.subject if made else Subject()
    wanted = _label(label, subject)
    key = RequestKey(text=request_key) if isinstance(request_key, str) else request_key
    if key is not None:
        check_request_key(key.text)
    # (2) The answer that was given before.
    with store.read() as session:
        here = _zone(session, zone, authority)
        known = _issuer(session, here, authority)
        asked = digest_of(known, facts, made, wanted, days, profile)
        earlier = _answered(session, here, key, asked)
        if earlier is not None:
            return earlier
        issuing = issuing_of(known)
        own_key = key_of(session, issuing)
    # (3) The certificate.
    own = generate_key(made.kind) if made is not None else None
    names = facts.names if facts is not None else made.names if made else AlternativeNames()
    spki = facts.spki if facts is not None else own.spki if own else b""
    prepared = prepare(
        CertificateRequest(subject=subject, spki=spki, names=names, days=days),
        profile=profile,
        issuer=certificate_of(issuing),
        chain=chain_above(certificate_of(issuing), list(map(certificate_of, known.certificates))),
        at=at,
        urls=urls_for(publication_url, issuing.id),
    )
    certificate = issue(prepared, opened(own_key, encryption))
    csr = request if isinstance(request, str) else "" if facts is None else facts.pem
    record = _record(certificate, subject, known, here, csr, wanted, at)
    chain = chain_of(known, certificate)
    issued = Issued(
        certificate=record,
        authority=known,
        bundle=pem_bundle(certificate, chain),
        key_pem=None if own is None else own.to_pem(),
        pkcs12=_pkcs12(certificate, own, chain, made, wanted),
        ignored=() if facts is None else facts.ignored,
    )
    # (4) Kept.
    with store.write() as session:
        earlier = _answered(session, here, key, asked)
        if earlier is not None:
            return earlier
        now = known_authority(session, authority_of(session, known.authority.id))
        if now.issuing != issuing or now.status != known.status:
            raise ConflictError(
                f"the authority {known.authority.name} was rotated or retired meanwhile",
                hint="ask again",
            )
        session.certificates.add(record)
        if key is not None:
            answered = IssuanceRequest(
                zone_id=here.id,
                request_key=key.text,
                digest=asked,
                certificate_id=record.id,
                created_at=at,
            )
            if key.derived:
                session.certificates.replace_request(answered)
            else:
                session.certificates.add_request(answered)
        audit(
            session,
            "certificate.issue",
            actor=actor,
            at=at,
            of=("certificate", record.id),
            zone_id=here.id,
            after=issued_facts(record),
        )
        kept = session.certificates.get(record.id)
    return issued if kept is None else replace(issued, certificate=kept)


def check_request(
    csr: str, *, label: str, days: int | None, key: RequestKey | None, max_rsa_bits: int
) -> None:
    """Make sure that a request can be issued for, as far as no authority has to be asked.

    Raises:
        InvalidInputError, IssuanceError: as `issue_certificate`.
    """
    facts = read_csr(csr, max_rsa_bits=max_rsa_bits)
    _label(label, facts.subject)
    check_content(
        CertificateRequest(subject=facts.subject, spki=facts.spki, names=facts.names, days=days),
        CLIENT,
    )
    if key is not None:
        check_request_key(key.text)


def bundle_of(store: Store, certificate: ClientCertificate) -> str:
    """A certificate that was issued, and its chain, in PEM."""
    with store.read() as session:
        known = known_authority(session, authority_of(session, certificate.authority_id))
    return _bundle(certificate, known)


def chain_of(known: KnownAuthority, certificate: Certificate) -> tuple[Certificate, ...]:
    """What is above a certificate that an authority issued, now or before a rotation."""
    signing = (CertificateRole.ISSUING, CertificateRole.PREVIOUS)
    issuers = [certificate_of(one) for one in known.certificates if one.role in signing]
    above = [certificate_of(one) for one in known.certificates if one.role is CertificateRole.CHAIN]
    return (*(one for one in issuers if signed_by(certificate, one) is Signed.YES), *above)


def issued_facts(record: ClientCertificate) -> dict[str, Any]:
    """What the audit log keeps of a certificate."""
    return {
        "label": record.label,
        "common_name": record.common_name,
        "authority_id": record.authority_id,
        "serial": record.serial,
        "fingerprint_sha256": record.fingerprint_sha256,
        "validity_days": record.validity_days,
        "status": str(record.status),
        "reason": record.reason,
    }


def _label(label: str, subject: Subject) -> str:
    return checked_name("label", label or subject.common_name or "client certificate")


def _zone(session: Session, named: str | None, authority: str | None) -> Zone:
    """The zone that the certificate will be of."""
    if named is not None:
        return zone_of(session, named)
    found = None if authority is None else authority_of(session, authority)
    return zone_of(session, DEFAULT_ZONE if found is None else found.zone_id or DEFAULT_ZONE)


def _issuer(session: Session, zone: Zone, named: str | None) -> KnownAuthority:
    """The authority to issue by."""
    if named is not None:
        found = authority_of(session, named)
        if found.zone_id not in (None, zone.id):
            raise InvalidInputError(
                f"the authority {found.name} belongs to another zone than {zone.name}",
                hint="name its own zone, or leave the zone out",
            )
    else:
        issuing, others = embedded_in(session, zone.id)
        if not issuing:
            raise _nobody_issues(zone, others, session.audit.distrusted())
        if len(issuing) > 1:
            raise InvalidInputError(
                f"the zone {zone.name} has several authorities that issue: "
                + ", ".join(sorted(one.name for one in issuing)),
                hint="name one: --ca NAME",
            )
        found = issuing[0]
    known = known_authority(session, found)
    if known.distrusted_at is not None:
        raise IssuerInactiveError(
            is_distrusted(found, known.distrusted_at), hint=f"{MAKE_ANOTHER}, and issue by that"
        )
    if found.status is not AuthorityStatus.ACTIVE:
        raise IssuerInactiveError(
            f"the authority {found.name} is retired",
            hint=f"authz ca status {found.name} active lets it issue again",
        )
    return known


def _nobody_issues(
    zone: Zone, own: Sequence[Authority], distrusted: Mapping[str, float]
) -> NotFoundError:
    """Which CAs there are, and what to do: one whose key leaked is not to issue again."""
    retired = sorted(one.name for one in own if one.id not in distrusted)
    leaked = sorted(one.name for one in own if one.id in distrusted)
    said = [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {what}"
        for names, what in (
            (retired, "retired"),
            (leaked, "distrusted because of an incident"),
        )
        if names
    ]
    hint = "make one: authz ca create --name NAME"
    if retired:
        hint = (
            f"authz ca status {retired[0]} active lets it issue again; or make another: "
            "authz ca create --name NAME"
        )
    elif leaked:
        hint = MAKE_ANOTHER
    return NotFoundError(
        f"the zone {zone.name} has no embedded CA that issues"
        + (f": {'; '.join(said)}" if said else ""),
        hint=hint,
    )


def _answered(session: Session, zone: Zone, key: RequestKey | None, asked: str) -> Issued | None:
    """What the same request was answered with."""
    if key is None or key.anew:
        return None
    earlier = session.certificates.request(zone.id, key.text)
    if earlier is None:
        return None
    if key.since is not None:
        if earlier.created_at < key.since:
            return None
    elif earlier.digest != asked:
        raise ConflictError(
            f'the request key "{key.text}" was used for another request',
            hint="repeat a request exactly as it was, or take a new key",
        )
    certificate = session.certificates.get(earlier.certificate_id)
    assert certificate is not None, "a request that was answered has its certificate"
    known = known_authority(session, authority_of(session, certificate.authority_id))
    return Issued(
        certificate=certificate,
        authority=known,
        bundle=_bundle(certificate, known),
        is_new=False,
    )


def _bundle(certificate: ClientCertificate, known: KnownAuthority) -> str:
    read = Certificate.from_der(certificate.der)
    return pem_bundle(read, chain_of(known, read))


def _record(
    certificate: Certificate,
    subject: Subject,
    known: KnownAuthority,
    zone: Zone,
    csr: str,
    label: str,
    at: float,
) -> ClientCertificate:
    # Whole days, the last second included (RFC 5280 §4.1.2.5).
    seconds = certificate.not_after_at + 1 - certificate.not_before_at
    return ClientCertificate(
        id=new_id(),
        zone_id=zone.id,
        authority_id=known.authority.id,
        serial=serial_text(certificate.serial_number),
        fingerprint_sha256=certificate.fingerprint_sha256,
        ski=certificate.ski.lower(),
        der=certificate.der,
        csr=csr,
        label=label,
        common_name=subject.common_name,
        country=subject.value("country"),
        state=subject.value("state"),
        location=subject.value("location"),
        organization=subject.value("organization"),
        organizational_unit=subject.value("organizational_unit"),
        signature=signature_name(certificate),
        status=CertificateStatus.ACTIVE,
        validity_days=round(seconds / DAY),
        issued_at=at,
        expires_at=certificate.not_after_at,
    )


def _pkcs12(
    certificate: Certificate,
    own: LocalSigner | None,
    chain: tuple[Certificate, ...],
    made: NewKey | None,
    label: str,
) -> bytes | None:
    if own is None or made is None or made.pkcs12_password is None:
        return None
    return pkcs12(certificate, own, chain, password=made.pkcs12_password, name=label)
