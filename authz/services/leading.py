# SPDX-License-Identifier: Apache-2.0
"""Which authorities a certificate leads to, and revoking what leads to one that must not.

A client may send intermediates along, so an authority verifies also what stands further below it
than what it was given. Its list of revoked serial numbers counts on paths to it and no other, so
whoever must be kept out has to be on the list of every authority that a path leads to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authz.ca.reasons import RevocationReason
from authz.certs.certificate import Certificate
from authz.certs.signature import Signed, signed_by
from authz.errors import CertificateError
from authz.services.model import through_of
from authz.store.records import Revocation, serial_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.store.records import AuditEntry, Authority, AuthorityCertificate
    from authz.store.session import Session

#: What its signer's list says of a CA that was distrusted (RFC 5280 section 5.3.1).
DISTRUSTED_FOR = RevocationReason.CA_COMPROMISE.text


class Leading:
    """The authorities of a store and what stands between them and a certificate.

    A stored certificate that cannot be read verifies nobody, so nothing leads through it: one that
    is damaged does not keep anybody from being shut out by the others.

    Args:
        sent: certificates that are of no authority here, but known to stand between: the chain in
            somebody's file.
    """

    def __init__(self, session: Session, sent: Iterable[Certificate] = ()) -> None:
        self._authorities = session.authorities.all()
        self._own: dict[str, list[AuthorityCertificate]] = {}
        self._named: dict[bytes, dict[bytes, Certificate]] = {}
        unread: set[str] = set()
        for one in session.authorities.certificates():
            self._own.setdefault(one.authority_id, []).append(one)
            certificate = readable(one.der)
            if certificate is not None:
                self._know(certificate)
            else:
                unread.add(one.authority_id)
        for each in sent:
            self._know(each)
        #: Names of the authorities that have a certificate that cannot be read.
        self.unread = tuple(one.name for one in self._authorities if one.id in unread)

    def of(self, certificate: Certificate) -> tuple[Authority, ...]:
        """The authorities that something above a certificate is of, the oldest first."""
        above = self._above(certificate)
        return tuple(one for one in self._authorities if self._counts(one, above))

    def _know(self, certificate: Certificate) -> None:
        self._named.setdefault(certificate.subject_raw, {})[certificate.der] = certificate

    def _above(self, certificate: Certificate) -> set[bytes]:
        above: set[bytes] = set()
        waiting = [certificate]
        while waiting:
            child = waiting.pop()
            for der, issuer in self._named.get(child.issuer_raw, {}).items():
                if der not in above and signed_by(child, issuer) is Signed.YES:
                    above.add(der)
                    waiting.append(issuer)
        return above

    def _counts(self, authority: Authority, above: set[bytes]) -> bool:
        own = self._own.get(authority.id, [])
        through = through_of(own)
        return any(one.der in above for one in own) and (
            not through or any(der in above for der in through)
        )


def readable(der: bytes) -> Certificate | None:
    """A stored certificate; None when it cannot be read (`authz db check` says so, and where)."""
    try:
        return Certificate.from_der(der, allow_zero_serial=True)
    except CertificateError:
        return None


def revoke_below(
    session: Session, certificates: Sequence[AuthorityCertificate], at: float, *, reason: str
) -> list[tuple[Authority, str]]:
    """Revoke certificates of CAs on their own authority's list and on that of every other one that
    they lead to; what was put there, for the audit log.

    A root is on nobody's list: nothing stands above it. Nor is one that cannot be read: what its
    serial number was is not known.
    """
    done: list[tuple[Authority, str]] = []
    leading: Leading | None = None
    for one in certificates:
        certificate = readable(one.der)
        if certificate is None or certificate.is_self_issued or at > one.not_after:
            continue
        leading = leading or Leading(session)
        serial = serial_text(certificate.serial_number)
        own = session.authorities.get(one.authority_id)
        under = {each.id: each for each in (own, *leading.of(certificate)) if each is not None}
        done += [
            (each, serial)
            for each in under.values()
            if session.revocations.add(
                Revocation(authority_id=each.id, serial=serial, revoked_at=at, reason=reason)
            )
        ]
    return done


def restore_below(
    session: Session,
    certificates: Sequence[AuthorityCertificate],
    distrusted: Sequence[AuthorityCertificate],
    at: float,
) -> list[tuple[Authority, str]]:
    """Take off the lists what a distrust put there; what somebody revoked otherwise stays.

    Serial numbers are each issuer's own, so two CAs may have the same one.

    Args:
        distrusted: of others whose keys are believed no more: what keeps those out stays, too.
    """
    # Whoever distrusts, or brings an authority that leads to what was distrusted, does so at one
    # moment: what is on a list from another one, somebody put there by hand.
    rows = session.audit.distrusts()
    moments = {one.at for one in rows}
    moments |= {one.added_at for one in session.authorities.certificates()}
    leading = Leading(session)
    needed = {place for one in distrusted for place in _places(leading, rows, one)}
    done: list[tuple[Authority, str]] = []
    for one in certificates:
        for authority_id, serial in sorted(_places(leading, rows, one) - needed):
            listed = session.revocations.get(authority_id, serial)
            authority = session.authorities.get(authority_id)
            if listed is None or authority is None:
                continue
            if listed.reason == DISTRUSTED_FOR and listed.revoked_at in moments:
                session.revocations.remove(authority_id, serial, at)
                done.append((authority, serial))
    return done


def _places(
    leading: Leading, rows: Iterable[AuditEntry], one: AuthorityCertificate
) -> set[tuple[str, str]]:
    """On which lists a distrusted certificate belongs, or was put when it was distrusted; with its
    serial number."""
    certificate = readable(one.der)
    if certificate is None or certificate.is_self_issued:
        return set()
    serial = serial_text(certificate.serial_number)
    under = {one.authority_id, *(each.id for each in leading.of(certificate))}
    for row in rows:
        if row.object_id == one.authority_id:
            # What stood between then may be gone by now.
            revoked = (row.after or {}).get("revoked", ())
            under |= {each["authority_id"] for each in revoked if each["serial"] == serial}
    return {(authority_id, serial) for authority_id in under}


def told(what: str, done: Iterable[tuple[Authority, str]]) -> dict[str, Any]:
    """What was revoked or restored, for the audit log; nothing where nothing was."""
    found = [{"authority_id": one.id, "serial": serial} for one, serial in done]
    return {what: found} if found else {}
