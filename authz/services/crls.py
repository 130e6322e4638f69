# SPDX-License-Identifier: Apache-2.0
"""CRLs of the embedded CA, signed anew: complete ones, and deltas to an earlier complete one.

Numbers of both kinds are one sequence for each issuing certificate (RFC 5280 §5.2.3): more than the
last, and not less than the time in milliseconds, so that they rise even when the store forgot the
last ones: an older backup was restored, an authority deleted and imported again.

A CRL of a certificate that issues or issued, also of before a rotation, lists all that the
authority revoked: the serial numbers are random, and two certificates of one name never issue the
same one. That of a root above lists what is none of the client certificates: the intermediates that
it issued are there, and of a number that is not known here nobody can say whose it is.

A CRL is signed at one moment of the store and kept in a short transaction after that, in which
nobody may have kept another one meanwhile: a million entries keep no writer waiting, and no number
is used twice. When which ones are signed is in `publication`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.ca.crl import build_crl
from authz.ca.reasons import parse_reason
from authz.errors import ConflictError, InvalidInputError, NotFoundError
from authz.services.authorities import known_authority
from authz.services.authority_lifecycle import certificate_of, issuing_of
from authz.services.context import audit, authority_of
from authz.services.keys import key_of, opened
from authz.services.publication_urls import delta_crl_url
from authz.store.records import CertificateRole, PublishedCrl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from authz.ca.keys import KeyEncryption, Signer
    from authz.ca.reasons import RevocationReason
    from authz.store.engine import Store
    from authz.store.records import Authority, AuthorityCertificate
    from authz.store.session import Session

COMPLETE: Final = "complete"
DELTA: Final = "delta"
#: Which complete CRL deltas are to; kept without its body.
BASE: Final = "base"
#: From a CRL to its nextUpdate, when nothing else is said (`publication.crl_hours`).
DEFAULT_HOURS: Final = 168
#: A node may sign at the same moment as a command; then the command tries again.
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlWanted:
    """A CRL to be signed: a complete one, or with `base` a delta to that complete one."""

    hours: int
    base: PublishedCrl | None = None

    @property
    def kind(self) -> str:
        """Complete or delta."""
        return COMPLETE if self.base is None else DELTA


def sign_crl(
    store: Store,
    authority: str,
    *,
    certificate_id: str | None = None,
    delta: bool = False,
    hours: int = DEFAULT_HOURS,
    publication_url: str | None = None,
    encryption: KeyEncryption,
    actor: str,
    at: float,
) -> PublishedCrl:
    """Sign a CRL, and keep it as the latest one.

    Args:
        certificate_id: which of the authority's certificates signs it, one of before a rotation
            or the root above; the one that issues, when left out.
        delta: only what changed since the last complete one.
        hours: until its nextUpdate.
        publication_url: where CRLs are (`publication.url`); a complete one names its deltas.

    Raises:
        NotFoundError: there is no such authority or certificate.
        InvalidInputError: there is no complete CRL that a delta could be to.
        IssuanceError: the authority was uploaded, or its key cannot be used.
        ConflictError: others sign all the time.
    """
    with store.read() as session:
        known = known_authority(session, authority_of(session, authority))
        signing = issuing_of(known)
        if certificate_id is not None:
            able = [one for one in known.certificates if one.key_id]
            found = next((one for one in able if one.id == certificate_id), None)
            if found is None:
                raise NotFoundError(
                    f"the authority {known.authority.name} has no certificate "
                    f'"{certificate_id}" that signs CRLs',
                    hint=f"authz ca show {known.authority.name} shows its certificates",
                )
            signing = found
        key = key_of(session, signing)
    signer = opened(key, encryption)
    for attempt in range(1, _ATTEMPTS + 1):
        wanted = CrlWanted(hours=hours, base=_complete(store, signing.id) if delta else None)
        try:
            (crl,) = sign_crls(
                store,
                known.authority,
                signing,
                signer,
                (wanted,),
                publication_url=publication_url,
                actor=actor,
                at=at,
            )
        except ConflictError:
            if attempt == _ATTEMPTS:
                raise
        else:
            return crl
    raise AssertionError("the last attempt returned or raised")


def sign_crls(
    store: Store,
    authority: Authority,
    signing: AuthorityCertificate,
    signer: Signer,
    wanted: Sequence[CrlWanted],
    *,
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> tuple[PublishedCrl, ...]:
    """Sign CRLs of one moment, and keep them as the latest ones.

    They have one number: a complete CRL and a delta that are issued at the same time say the same
    (RFC 5280 §5.2.3).

    Raises:
        InvalidInputError: what changed since a delta's base is not kept any more.
        ConflictError: somebody else signed meanwhile, or the certificate is gone; nothing is kept.
        IssuanceError: the key cannot be used.
    """
    with store.read() as session:
        before = session.published.heads(signing.id)
        number = max([least_number(at), *(one.number + 1 for one in before)])
        crls = tuple(
            _built(session, authority, signing, signer, one, number, publication_url, at)
            for one in wanted
        )
    with store.note() as session:
        if not session.published.lock(signing.id) or session.published.heads(signing.id) != before:
            raise ConflictError(
                "another CRL of this certificate was signed at the same time", hint="try again"
            )
        for crl in crls:
            session.published.put(crl)
        for base in (one.base for one in wanted if one.base is not None):
            session.published.put(replace(base, kind=BASE, body=b""))
        audit(
            session,
            "authority.crl",
            actor=actor,
            at=at,
            of=("authority", authority.id),
            zone_id=authority.zone_id,
            after={
                "kind": " and ".join(one.kind for one in crls),
                "number": number,
                "certificate_id": signing.id,
            },
        )
    return crls


def issues_clients(one: AuthorityCertificate) -> bool:
    """Whether client certificates are issued by it, or were; a root above issues intermediates."""
    return one.role not in (CertificateRole.TRUSTED, CertificateRole.PREVIOUS_ROOT)


def least_number(at: float) -> int:
    """What the number of a CRL of this moment is at least: nobody signs a thousand a second, so no
    earlier one had it, whatever the store remembers."""
    return int(at * 1000)


def _complete(store: Store, certificate_id: str) -> PublishedCrl:
    with store.read() as session:
        heads = session.published.heads(certificate_id)
    complete = next((one for one in heads if one.kind == COMPLETE), None)
    if complete is None:
        raise InvalidInputError(
            "there is no complete CRL that a delta could be to", hint="sign a complete one first"
        )
    return complete


def _built(
    session: Session,
    authority: Authority,
    signing: AuthorityCertificate,
    signer: Signer,
    wanted: CrlWanted,
    number: int,
    publication_url: str | None,
    at: float,
) -> PublishedCrl:
    """A CRL as it is kept."""
    base = wanted.base
    deltas: tuple[str, ...] = ()
    if base is None and publication_url is not None:
        deltas = (delta_crl_url(publication_url, signing.id),)
    next_update = at + wanted.hours * 3600
    body = build_crl(
        certificate_of(signing),
        signer,
        _entries(session, signing, None if base is None else base.revision),
        number=number,
        this_update=at,
        next_update=next_update,
        delta_base=None if base is None else base.number,
        removed=() if base is None else _removed(session, signing, base.revision),
        delta_urls=deltas,
    )
    return PublishedCrl(
        authority_id=authority.id,
        certificate_id=signing.id,
        kind=wanted.kind,
        number=number,
        revision=session.revision,
        this_update=at,
        next_update=next_update,
        body=body,
    )


def _entries(
    session: Session, signing: AuthorityCertificate, after: int | None
) -> Iterator[tuple[int, float, RevocationReason | None]]:
    """The list, or what was revoked after a revision, as it comes: of a million, only their bytes
    are ever held."""
    reasons: dict[str, RevocationReason] = {}
    found = session.revocations.entries(
        signing.authority_id, after=after, but_issued=not issues_clients(signing)
    )
    for serial, at, text in found:
        if text not in reasons:
            reasons[text] = parse_reason(text)
        yield serial, at, reasons[text]


def _removed(
    session: Session, signing: AuthorityCertificate, after: int
) -> list[tuple[int, float]]:
    """What was restored after a revision.

    Also what was revoked after it and restored: a delta in between may have listed that, and then
    it has to be removed (RFC 5280 §5.2.4).
    """
    changes = session.revocations.changes_after(
        after, authority_id=signing.authority_id, but_issued=not issues_clients(signing)
    )
    if changes is None:
        raise InvalidInputError(
            "the last complete CRL is too old for a delta", hint="sign a complete one first"
        )
    last = {one.serial: one for one in changes}
    return [(int(one.serial, 16), one.at) for one in last.values() if not one.revoked]
