# SPDX-License-Identifier: Apache-2.0
"""Answers to OCSP requests about what the embedded CA issued, out of the store. RFC 6960.

One delegated responder for each certificate with a key: its own key is made here, lives in memory
only and a week at most, and is followed by another one when half of that is over. So the CA's key
is opened for a moment every few days, and an answer costs no passphrase. How an answer is written
is in ca.ocsp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.ca.ocsp import (
    CertificateStatus,
    Responder,
    ResponseStatus,
    answer,
    issue_responder,
    refusal,
)
from authz.ca.reasons import parse_reason
from authz.certs.certificate import Certificate
from authz.certs.signature import Signed, signed_by
from authz.errors import AuthzError, StoreUnavailableError
from authz.services.authority_lifecycle import certificate_of
from authz.services.crls import issues_clients
from authz.services.publication import (
    SigningCertificate,
    Unsigned,
    signer_of,
    signing_certificates,
)
from authz.store.records import serial_text

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from authz.ca.keys import KeyEncryption
    from authz.store.engine import Store

#: From an answer to its nextUpdate. Whoever keeps answers learns of a revocation that much later.
VALIDITY_SECONDS: Final = 3600
#: What is counted of an answer that has one of a certificate.
GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
#: And of one that has none: the standard's words (RFC 6960 §4.2.1), as labels are written.
REFUSALS: Final = {
    ResponseStatus.MALFORMED_REQUEST: "malformed_request",
    ResponseStatus.TRY_LATER: "try_later",
    ResponseStatus.UNAUTHORIZED: "unauthorized",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspReply:
    """An answer in DER.

    Args:
        statuses: what it says: of each certificate, or why it says nothing.
        this_update, next_update: from and until when it holds, Unix seconds; until None when it
            says nothing.
    """

    body: bytes
    statuses: tuple[str, ...]
    this_update: float = 0.0
    next_update: float | None = None


def try_later() -> OcspReply:
    """The answer while there cannot be any."""
    return _refused(ResponseStatus.TRY_LATER)


class OcspResponders:
    """Who answers, for each issuing certificate. `renew` in one thread, `answer` in any."""

    def __init__(self) -> None:
        # By the identifier of the issuing certificate; replaced whole.
        self._held: dict[str, tuple[SigningCertificate, Responder]] = {}

    def renew(
        self,
        store: Store,
        encryption: Callable[[], KeyEncryption],
        *,
        without: Container[str] = (),
        at: float,
    ) -> list[Unsigned]:
        """Make those that are missing or soon too old, forget those whose issuer is gone.

        Args:
            encryption: what private keys are encrypted by; asked when one is made.
            without: identifiers of certificates for which none is made.

        Returns:
            Those that could not be made; an older one goes on answering as long as it is valid.

        Raises:
            StoreUnavailableError: the store cannot be used.
        """
        held: dict[str, tuple[SigningCertificate, Responder]] = {}
        unsigned: list[Unsigned] = []
        with store.read() as session:
            every = signing_certificates(session, at)
        for one in every:
            known = self._held.get(one.certificate.id)
            if known is not None:
                held[one.certificate.id] = (one, known[1])
                # One that is not valid yet was made before the clock was put back.
                if known[1].certificate.not_before_at <= at < _renewal(known[1]):
                    continue
            if one.certificate.id in without:
                continue
            try:
                signer = signer_of(store, one, encryption)
                made, _ = issue_responder(certificate_of(one.certificate), signer, at=at)
            except StoreUnavailableError:
                raise
            except AuthzError as error:
                unsigned.append(Unsigned(signing=one, error=error))
            else:
                held[one.certificate.id] = (one, made)
        self._held = held
        return unsigned

    def next_renewal(self) -> float:
        """When the first of them is to be renewed, Unix seconds; infinity when there is none."""
        return min((_renewal(one) for _, one in self._held.values()), default=float("inf"))

    def answer(self, store: Store | None, request: bytes, at: float) -> OcspReply:
        """The answer to a request in DER; while the store is down, that it has to wait."""
        held = self._held
        by_issuer = {one.issuer.fingerprint_sha256: (known, one) for known, one in held.values()}
        statuses: list[str] = []
        until = at + VALIDITY_SECONDS

        def find(issuer: Certificate, serial: int) -> CertificateStatus | None:
            nonlocal until
            if store is None:
                raise StoreUnavailableError("there is no store at the moment")
            owner, responder = by_issuer[issuer.fingerprint_sha256]
            # What an answer says itself: its responder's certificate may cut it short.
            until = min(until, responder.certificate.not_after_at)
            found = _status(store, owner, serial)
            statuses.append(
                UNKNOWN if found is None else GOOD if found.revoked_at is None else REVOKED
            )
            return found

        responders = [one for _, one in held.values()]
        try:
            body = answer(request, responders, find, at=at, validity_seconds=VALIDITY_SECONDS)
        except AuthzError:
            return try_later()
        if not statuses:
            # Not a SUCCESSFUL one: its only content is the number of the status.
            return OcspReply(body=body, statuses=(REFUSALS[ResponseStatus(body[-1])],))
        return OcspReply(body=body, statuses=tuple(statuses), this_update=at, next_update=until)


def _status(store: Store, owner: SigningCertificate, serial: int) -> CertificateStatus | None:
    """What the store says of a serial number of an authority: look-ups by index, two or three."""
    if serial <= 0:
        return None
    text = serial_text(serial)
    authority = owner.authority
    with store.read() as session:
        revoked = session.revocations.get(authority.id, text)
        issued = session.certificates.by_serial(authority.id, text)
        if issued is not None and not issues_clients(owner.certificate):
            # Below an intermediate, not below this root.
            return None
        if revoked is not None:
            return CertificateStatus(
                revoked_at=revoked.revoked_at, reason=parse_reason(revoked.reason)
            )
        # And what stands below a root of ours.
        others = session.authorities.certificates(authority.id)
    ders = [] if issued is None else [issued.der]
    ders += [one.der for one in others if one.id != owner.certificate.id]
    issuer = certificate_of(owner.certificate)
    # An authority has had several keys, and the question names one of them.
    for der in ders:
        certificate = Certificate.from_der(der, allow_zero_serial=True)
        if certificate.serial_number == serial and signed_by(certificate, issuer) is Signed.YES:
            return CertificateStatus()
    return None


def _renewal(responder: Responder) -> float:
    certificate = responder.certificate
    return (certificate.not_before_at + certificate.not_after_at) / 2


def _refused(status: ResponseStatus) -> OcspReply:
    return OcspReply(body=refusal(status), statuses=(REFUSALS[status],))
