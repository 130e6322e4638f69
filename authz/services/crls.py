# SPDX-License-Identifier: Apache-2.0
"""CRLs of the embedded CA, signed anew: complete ones, and deltas to the last complete one.

Numbers of both kinds are one sequence for each issuing certificate (RFC 5280 §5.2.3). A CRL of any
of an authority's certificates, also of before a rotation, lists all that the authority revoked: the
serial numbers are random, and two certificates of one name never issue the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.ca.crl import build_crl
from authz.ca.reasons import parse_reason
from authz.errors import InvalidInputError, NotFoundError
from authz.services.authorities import known_authority
from authz.services.authority_lifecycle import certificate_of, issuing_of
from authz.services.context import audit, authority_of
from authz.services.keys import key_of, opened
from authz.services.publication_urls import delta_crl_url
from authz.store.records import CertificateRole, PublishedCrl

if TYPE_CHECKING:
    from authz.ca.keys import KeyEncryption
    from authz.ca.reasons import RevocationReason
    from authz.store.engine import Store
    from authz.store.session import Session

COMPLETE: Final = "complete"
DELTA: Final = "delta"
#: From a CRL to its nextUpdate, when nothing else is said (`publication.crl_hours`).
DEFAULT_HOURS: Final = 168


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
            for instance; the one that issues, when left out.
        delta: only what changed since the last complete one.
        hours: until its nextUpdate.
        publication_url: where CRLs are (`publication.url`); a complete one names its deltas.

    Raises:
        NotFoundError: there is no such authority or certificate.
        InvalidInputError: there is no complete CRL that a delta could be to.
        IssuanceError: the authority was uploaded, or its key cannot be used.
    """
    with store.read() as session:
        known = known_authority(session, authority_of(session, authority))
        signing = issuing_of(known)
        if certificate_id is not None:
            roles = (CertificateRole.ISSUING, CertificateRole.PREVIOUS)
            able = [one for one in known.certificates if one.key_id and one.role in roles]
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
    deltas = () if publication_url is None else (delta_crl_url(publication_url, signing.id),)
    with store.note() as session:
        # Of two that sign at once, the second one waits here, and takes the number after.
        complete = session.published.get(signing.id, COMPLETE, for_update=True)
        earlier = session.published.get(signing.id, DELTA)
        number = 1 + max((one.number for one in (complete, earlier) if one is not None), default=0)
        revoked = _revoked(session, known.authority.id)
        removed: list[tuple[int, float]] = []
        base = None
        if delta:
            if complete is None:
                raise InvalidInputError(
                    "there is no complete CRL that a delta could be to",
                    hint="sign a complete one first",
                )
            base = complete.number
            revoked, removed = _since(session, known.authority.id, complete.revision)
        body = build_crl(
            certificate_of(signing),
            signer,
            revoked,
            number=number,
            this_update=at,
            next_update=at + hours * 3600,
            delta_base=base,
            removed=removed,
            delta_urls=() if delta else deltas,
        )
        crl = PublishedCrl(
            authority_id=known.authority.id,
            certificate_id=signing.id,
            kind=DELTA if delta else COMPLETE,
            number=number,
            revision=session.revision,
            this_update=at,
            next_update=at + hours * 3600,
            body=body,
        )
        session.published.put(crl)
        audit(
            session,
            "authority.crl",
            actor=actor,
            at=at,
            of=("authority", known.authority.id),
            zone_id=known.authority.zone_id,
            after={"kind": crl.kind, "number": number, "certificate_id": signing.id},
        )
    return crl


def _revoked(
    session: Session, authority_id: str
) -> list[tuple[int, float, RevocationReason | None]]:
    return [
        (int(one.serial, 16), one.revoked_at, parse_reason(one.reason))
        for one in session.revocations.all(authority_id)
    ]


def _since(
    session: Session, authority_id: str, revision: int
) -> tuple[list[tuple[int, float, RevocationReason | None]], list[tuple[int, float]]]:
    """What was revoked and what was restored after a revision, each serial number once."""
    changes = session.revocations.changes_after(revision)
    if changes is None:
        raise InvalidInputError(
            "the last complete CRL is too old for a delta", hint="sign a complete one first"
        )
    revoked: list[tuple[int, float, RevocationReason | None]] = []
    removed: list[tuple[int, float]] = []
    last = {one.serial: one for one in changes if one.authority_id == authority_id}
    for serial, change in sorted(last.items()):
        listed = session.revocations.get(authority_id, serial)
        if listed is not None:
            revoked.append((int(serial, 16), listed.revoked_at, parse_reason(listed.reason)))
        else:
            removed.append((int(serial, 16), change.at))
    return revoked, removed
