# SPDX-License-Identifier: Apache-2.0
"""Which CRLs of the embedded CA are due, and signing those that are. RFC 5280 §5.

For every certificate with a key that has not expired (the one that issues, those of before a
rotation, a root above):

    complete   at first; when half of its validity is over; after every change while few serial
               numbers are revoked, and else when too much changed for a delta
    delta      after every change, and when half of its validity is over
    both       when they are dated ahead: the clock was put back since, and nobody believes them

Deltas are to one complete CRL (the base) as long as that is in force, so that whoever has it, or a
later one, gets along with the delta alone; of a million revoked serial numbers, nothing but the
delta is signed for each further one. How one is signed is in `crls`.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from authz.errors import AuthzError, ConflictError, StoreUnavailableError
from authz.services.crls import BASE, COMPLETE, DELTA, CrlWanted, issues_clients, sign_crls
from authz.services.keys import key_of, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from authz.ca.keys import KeyEncryption, LocalSigner
    from authz.store.engine import Store
    from authz.store.records import Authority, AuthorityCertificate, PublishedCrl
    from authz.store.session import Session

#: So many revoked serial numbers are signed again after every change: 50 KB, some milliseconds.
FEW: Final = 1_000
#: More changes than this are no delta any more.
MOST_CHANGES: Final = 5_000
#: From a delta to its nextUpdate; less when a complete CRL lasts less.
DELTA_HOURS: Final = 24
#: A CRL that is dated ahead by more is signed again: clocks of nodes differ by less.
AHEAD_SECONDS: Final = 60.0
#: Who signs, in the audit log.
ACTOR: Final = "control"
#: A complete CRL, then a delta to it: no certificate needs more in one go.
_STEPS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningCertificate:
    """A certificate whose CRLs and OCSP answers we give, and whose it is."""

    authority: Authority
    certificate: AuthorityCertificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A certificate for which something could not be signed, and why."""

    signing: SigningCertificate
    error: AuthzError


def signing_certificates(session: Session, at: float) -> list[SigningCertificate]:
    """Those with a key that are valid: nobody needs to know what one that expired revoked."""
    authorities = {one.id: one for one in session.authorities.all()}
    return [
        SigningCertificate(authority=authorities[one.authority_id], certificate=one)
        for one in session.authorities.certificates()
        if one.key_id and one.not_before <= at < one.not_after + 1
    ]


def signer_of(
    store: Store, signing: SigningCertificate, encryption: Callable[[], KeyEncryption]
) -> LocalSigner:
    """The private key, to sign with and to forget.

    Raises:
        IssuanceError, SettingsError: it cannot be had.
    """
    with store.read() as session:
        key = key_of(session, signing.certificate)
    return opened(key, encryption())


def sign_due(
    store: Store,
    encryption: Callable[[], KeyEncryption],
    *,
    hours: int,
    publication_url: str | None = None,
    without: Container[str] = (),
    at: float,
) -> list[Unsigned]:
    """Sign every CRL that is due, and keep it; what could not be signed.

    Args:
        encryption: what private keys are encrypted by; asked when something is due.
        hours: from a complete CRL to its nextUpdate (`publication.crl_hours`).
        without: identifiers of certificates that are left out.

    Raises:
        StoreUnavailableError: the store cannot be used.
    """
    unsigned: list[Unsigned] = []
    with store.read() as session:
        every = signing_certificates(session, at)
    for one in every:
        if one.certificate.id in without:
            continue
        try:
            _sign_due_of(store, one, encryption, hours, publication_url, at)
        except StoreUnavailableError:
            raise
        except ConflictError:
            # Another node, or a command, signed: what that left due is found the next time.
            continue
        except AuthzError as error:
            unsigned.append(Unsigned(signing=one, error=error))
    return unsigned


def due(
    session: Session, signing: SigningCertificate, *, hours: int, at: float
) -> tuple[CrlWanted, ...]:
    """What is to be signed for a certificate now, all of it under one number."""
    heads = {one.kind: one for one in session.published.heads(signing.certificate.id)}
    complete, delta = heads.get(COMPLETE), heads.get(DELTA)
    changes = _Changes(session, signing.certificate)
    whole = CrlWanted(hours=hours)
    if complete is None:
        return (whole,)
    wanted = []
    changed = changes.after(complete.revision)
    if (
        _is_old(complete, at)
        or changed is None
        or changed > MOST_CHANGES
        or (changed and changes.few_on_list())
    ):
        wanted.append(whole)
    base = heads.get(BASE)
    if base is None or at >= base.next_update or not changes.few_after(base.revision):
        base = complete
    if not changes.few_after(base.revision):
        # Even for the last complete one it is too much: first there is a new one.
        return tuple(wanted)
    if (
        delta is None
        or _is_old(delta, at)
        # RFC 5280 §5.2.4: a delta counts for whoever has its base or a later one, up to its number.
        or delta.number <= base.number
        or changes.after(delta.revision) != 0
    ):
        wanted.append(CrlWanted(hours=min(DELTA_HOURS, hours), base=base))
    return tuple(wanted)


def next_due(session: Session, *, at: float) -> float:
    """When something is due that is not due by a change: half of a validity is over.

    Returns:
        Unix seconds; of nothing that was ever signed, infinity.
    """
    valid = {one.certificate.id for one in signing_certificates(session, at)}
    return min(
        (
            _half(one)
            for one in session.published.heads()
            if one.certificate_id in valid and one.kind != BASE
        ),
        default=float("inf"),
    )


class _Changes:
    """How much was revoked and restored of what the CRL of a certificate lists."""

    def __init__(self, session: Session, certificate: AuthorityCertificate) -> None:
        self._session = session
        self._authority_id = certificate.authority_id
        self._but_issued = not issues_clients(certificate)
        self._counted: dict[int, int | None] = {}

    def after(self, revision: int) -> int | None:
        """How many changes came after a revision, one more than the most at most; None when
        nobody knows any more."""
        if revision not in self._counted:
            found = self._session.revocations.changes_after(
                revision,
                authority_id=self._authority_id,
                but_issued=self._but_issued,
                most=MOST_CHANGES + 1,
            )
            self._counted[revision] = None if found is None else len(found)
        return self._counted[revision]

    def few_on_list(self) -> bool:
        """Whether the list is short enough to be signed again after every change."""
        revocations = self._session.revocations
        if not self._but_issued:
            return revocations.count(self._authority_id) <= FEW
        with closing(revocations.entries(self._authority_id, but_issued=True)) as found:
            return len(list(islice(found, FEW + 1))) <= FEW

    def few_after(self, revision: int) -> bool:
        """Whether they are known, and are a delta."""
        found = self.after(revision)
        return found is not None and found <= MOST_CHANGES


def _sign_due_of(
    store: Store,
    signing: SigningCertificate,
    encryption: Callable[[], KeyEncryption],
    hours: int,
    publication_url: str | None,
    at: float,
) -> None:
    signer = None
    for _ in range(_STEPS):
        with store.read() as session:
            wanted = due(session, signing, hours=hours, at=at)
        if not wanted:
            return
        if signer is None:
            signer = signer_of(store, signing, encryption)
        sign_crls(
            store,
            signing.authority,
            signing.certificate,
            signer,
            wanted,
            publication_url=publication_url,
            actor=ACTOR,
            at=at,
        )


def _half(crl: PublishedCrl) -> float:
    return (crl.this_update + crl.next_update) / 2


def _is_old(crl: PublishedCrl, at: float) -> bool:
    """Whether half of its validity is over, or it has not begun."""
    return at >= _half(crl) or at < crl.this_update - AHEAD_SECONDS
