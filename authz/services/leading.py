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
from authz.services.model import through_of
from authz.store.records import Revocation, serial_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from authz.store.records import Authority, AuthorityCertificate
    from authz.store.session import Session

#: What its signer's list says of a CA that was distrusted (RFC 5280 section 5.3.1).
DISTRUSTED_FOR = RevocationReason.CA_COMPROMISE.text


class Leading:
    """The authorities of a store and what stands between them and a certificate.

    Args:
        sent: certificates that are of no authority here, but known to stand between: the chain in
            somebody's file.
    """

    def __init__(self, session: Session, sent: Iterable[Certificate] = ()) -> None:
        self._authorities = session.authorities.all()
        self._own: dict[str, list[AuthorityCertificate]] = {}
        self._named: dict[bytes, dict[bytes, Certificate]] = {}
        for one in session.authorities.certificates():
            self._own.setdefault(one.authority_id, []).append(one)
            self._know(Certificate.from_der(one.der, allow_zero_serial=True))
        for each in sent:
            self._know(each)

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


def revoke_below(
    session: Session,
    certificates: Sequence[AuthorityCertificate],
    at: float,
    *,
    reason: str,
    only: str | None = None,
) -> list[tuple[Authority, str]]:
    """Revoke certificates of CAs on their own authority's list and on that of every other one that
    they lead to; what was put there, for the audit log.

    A root is on nobody's list: nothing stands above it.

    Args:
        only: the one authority whose list is added to.
    """
    done: list[tuple[Authority, str]] = []
    leading: Leading | None = None
    for one in certificates:
        certificate = Certificate.from_der(one.der, allow_zero_serial=True)
        if certificate.is_self_issued or at > one.not_after:
            continue
        leading = leading or Leading(session)
        serial = serial_text(certificate.serial_number)
        own = session.authorities.get(one.authority_id)
        under = {each.id: each for each in (own, *leading.of(certificate)) if each is not None}
        done += [
            (each, serial)
            for each in under.values()
            if only in (None, each.id)
            and session.revocations.add(
                Revocation(authority_id=each.id, serial=serial, revoked_at=at, reason=reason)
            )
        ]
    return done


def restore_below(
    session: Session, certificates: Sequence[AuthorityCertificate], at: float
) -> list[tuple[Authority, str]]:
    """Take off the lists what a distrust put there; what somebody revoked otherwise stays."""
    done: list[tuple[Authority, str]] = []
    for one in certificates:
        serial = serial_text(Certificate.from_der(one.der, allow_zero_serial=True).serial_number)
        for authority in session.authorities.all():
            listed = session.revocations.get(authority.id, serial)
            if listed is not None and listed.reason == DISTRUSTED_FOR:
                session.revocations.remove(authority.id, serial, at)
                done.append((authority, serial))
    return done


def told(what: str, done: Iterable[tuple[Authority, str]]) -> dict[str, Any]:
    """What was revoked or restored, for the audit log; nothing where nothing was."""
    found = [{"authority_id": one.id, "serial": serial} for one, serial in done]
    return {what: found} if found else {}
