# SPDX-License-Identifier: Apache-2.0
"""Revoking and restoring: serial numbers on their authority's own list.

A certificate that was issued here and its serial number go together, whichever of the two is named.
What is asked for and is so already changes nothing. Cloudflare: what is revoked can be restored at
any time, also when it has expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.ca.reasons import RevocationReason, parse_reason
from authz.errors import InvalidInputError, NotFoundError, PolicyError
from authz.services.certificates import certificate_named
from authz.services.context import audit, authority_of
from authz.services.issuance import issued_facts
from authz.sources.lines import parse_serial
from authz.store.records import (
    Authority,
    CertificateStatus,
    ClientCertificate,
    Revocation,
    serial_text,
)

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.session import Session

UNSPECIFIED = RevocationReason.UNSPECIFIED.text


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialRevocation:
    """A serial number of an authority, and the certificate when it was issued here.

    Args:
        changed: False when it was so already.
    """

    authority: Authority
    serial: str
    certificate: ClientCertificate | None
    changed: bool


def revoke_certificate(
    store: Store, named: str, *, reason: str = UNSPECIFIED, actor: str, at: float
) -> ClientCertificate:
    """Revoke a certificate that was issued here; one that is revoked keeps its reason.

    Args:
        reason: as RFC 5280 §5.3.1 names it: `keyCompromise`, `superseded`, …

    Raises:
        NotFoundError, InvalidInputError: as `certificates.get_certificate`.
        InvalidRequestError: there is no such reason.
    """
    why = parse_reason(reason).text
    with store.write() as session:
        found = certificate_named(session, named)
        authority = authority_of(session, found.authority_id)
        done = _revoke(session, authority, found.serial, found, why, actor=actor, at=at)
    assert done.certificate is not None, "it was found"
    return done.certificate


def restore_certificate(store: Store, named: str, *, actor: str, at: float) -> ClientCertificate:
    """Restore a certificate; raises NotFoundError, InvalidInputError as `revoke_certificate`."""
    with store.write() as session:
        found = certificate_named(session, named)
        authority = authority_of(session, found.authority_id)
        done = _restore(session, authority, found.serial, found, actor=actor, at=at)
    assert done.certificate is not None, "it was found"
    return done.certificate


def revoke_serial(
    store: Store,
    authority: str,
    serial: str,
    *,
    reason: str = UNSPECIFIED,
    actor: str,
    at: float,
) -> SerialRevocation:
    """Revoke a serial number of any authority, also one that issued it elsewhere.

    Args:
        serial: hexadecimal, in either case, colons allowed.

    Raises:
        NotFoundError: there is no such authority.
        InvalidInputError: it is no serial number.
        InvalidRequestError: there is no such reason.
    """
    why, number = parse_reason(reason).text, _serial(serial)
    with store.write() as session:
        found = authority_of(session, authority)
        return put_revoked(session, found, number, reason=why, actor=actor, at=at)


def put_revoked(
    session: Session, authority: Authority, serial: str, *, reason: str, actor: str, at: float
) -> SerialRevocation:
    """The same in a transaction of the caller's: `serial` as the store has it."""
    certificate = session.certificates.by_serial(authority.id, serial)
    return _revoke(session, authority, serial, certificate, reason, actor=actor, at=at)


def restore_serial(
    store: Store, authority: str, serial: str, *, actor: str, at: float
) -> SerialRevocation:
    """Take a serial number off an authority's list.

    Raises:
        NotFoundError: there is no such authority, or the serial number is not on its list.
        InvalidInputError: it is no serial number.
    """
    number = _serial(serial)
    with store.write() as session:
        found = authority_of(session, authority)
        certificate = session.certificates.by_serial(found.id, number)
        if certificate is None and session.revocations.get(found.id, number) is None:
            raise NotFoundError(
                f"{number} is not on the list of {found.name}",
                hint=f"authz ca revoked {found.name} shows the list",
            )
        return _restore(session, found, number, certificate, actor=actor, at=at)


def list_revoked(
    store: Store, authority: str, *, after: str = "", most: int = 1000
) -> list[Revocation]:
    """An authority's list by serial number, those behind `after`.

    Raises:
        NotFoundError: there is no such authority.
    """
    with store.read() as session:
        return session.revocations.all(authority_of(session, authority).id, after=after, most=most)


def _revoke(
    session: Session,
    authority: Authority,
    serial: str,
    certificate: ClientCertificate | None,
    reason: str,
    *,
    actor: str,
    at: float,
) -> SerialRevocation:
    added = session.revocations.add(
        Revocation(authority_id=authority.id, serial=serial, revoked_at=at, reason=reason)
    )
    active = certificate is not None and certificate.status is CertificateStatus.ACTIVE
    if active and certificate is not None:
        session.certificates.set_status(
            certificate, CertificateStatus.REVOKED, revoked_at=at, reason=reason
        )
    return _done(
        session,
        "revoke",
        authority,
        serial,
        certificate,
        changed=added or active,
        after={"reason": reason, "status": str(CertificateStatus.REVOKED)},
        actor=actor,
        at=at,
    )


def _restore(
    session: Session,
    authority: Authority,
    serial: str,
    certificate: ClientCertificate | None,
    *,
    actor: str,
    at: float,
) -> SerialRevocation:
    removed = session.revocations.remove(authority.id, serial, at)
    revoked = certificate is not None and certificate.status is CertificateStatus.REVOKED
    if revoked and certificate is not None:
        session.certificates.set_status(
            certificate, CertificateStatus.ACTIVE, revoked_at=None, reason=None
        )
    return _done(
        session,
        "restore",
        authority,
        serial,
        certificate,
        changed=removed or revoked,
        after={"reason": None, "status": str(CertificateStatus.ACTIVE)},
        actor=actor,
        at=at,
    )


def _done(
    session: Session,
    verb: str,
    authority: Authority,
    serial: str,
    certificate: ClientCertificate | None,
    *,
    changed: bool,
    after: dict[str, str | None],
    actor: str,
    at: float,
) -> SerialRevocation:
    """The audit row of a change, and what is so now."""
    kind = "serial" if certificate is None else "certificate"
    if changed:
        audit(
            session,
            f"{kind}.{verb}",
            actor=actor,
            at=at,
            of=(kind, serial if certificate is None else certificate.id),
            zone_id=authority.zone_id if certificate is None else certificate.zone_id,
            before=None if certificate is None else issued_facts(certificate),
            after={"authority_id": authority.id, "serial": serial, **after},
        )
    now = None if certificate is None else session.certificates.get(certificate.id)
    return SerialRevocation(authority=authority, serial=serial, certificate=now, changed=changed)


def _serial(text: str) -> str:
    try:
        return serial_text(parse_serial(text))
    except PolicyError as error:
        raise InvalidInputError(error.message, hint=error.hint) from None
