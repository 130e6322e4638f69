# SPDX-License-Identifier: Apache-2.0
"""The root of an embedded CA that issues by an intermediate: followed by another one, and its end.

A new root stands beside the old one under the same name, with a new intermediate below it that
issues from then on. Both roots are anchors: a client that has a certificate of the old intermediate
sends that along and is verified by the old root, and the others by the new one. No certificate of
the new root is signed by the old one (RFC 4210 §4.4 has such for those who know the old one only):
everybody here knows both at once. Both keys sign CRLs and OCSP answers until the old root goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.ca import authority as ca
from authz.certs.signature import Signed, signed_by
from authz.errors import ConflictError, InvalidInputError, IssuerInactiveError
from authz.services.authorities import KnownAuthority, known_authority
from authz.services.authority_creation import new_certificate
from authz.services.authority_lifecycle import (
    certificate_of,
    followed_at,
    issuing_of,
    next_place,
    signer_above,
)
from authz.services.context import audit, authority_of, facts_of
from authz.services.keys import add_keys, checked_secret, key_of, kind_of, new_key
from authz.services.publication_urls import urls_for
from authz.services.same_key_lists import keep_list, told
from authz.services.times import rfc3339_seconds
from authz.store.records import (
    Authority,
    AuthorityCertificate,
    CertificateRole,
    CertificateStatus,
)

if TYPE_CHECKING:
    from authz.ca.key_kinds import KeyKind
    from authz.ca.keys import KeyEncryption
    from authz.store.engine import Store
    from authz.store.session import Session


def rotate_root(
    store: Store,
    named: str,
    *,
    kind: KeyKind | None = None,
    days: int | None = None,
    encryption: KeyEncryption,
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> KnownAuthority:
    """A new root for an embedded CA, and a new intermediate below it that issues.

    Args:
        kind: of both new keys; each is of the kind of the one before it when left out.
        days: how long the new root lasts.

    Raises:
        NotFoundError: there is no such authority.
        InvalidInputError: a root issues, and nothing stands above it.
        IssuerInactiveError: it was uploaded, or the key of its root is not here.
        ConflictError: it was rotated meanwhile.
        KeyUnavailableError, InvalidRequestError: the keys that are there are encrypted by another
            secret, or nothing is signed for so long.
    """
    with store.read() as session:
        known = known_authority(session, authority_of(session, named))
        current = issuing_of(known)
        old = root_of(known)
        own_kind, root_kind = (kind_of(key_of(session, one)) for one in (current, old))
    proof = checked_secret(store, encryption)
    root = ca.rotate(certificate_of(old), at=at, kind=kind or root_kind, days=days)
    # Its identifier is in the addresses that the intermediate names.
    above = new_certificate(root.certificate, CertificateRole.TRUSTED, 0, at)
    made = ca.rotate(
        certificate_of(current),
        at=at,
        issuer=root.certificate,
        issuer_signer=root.signer,
        kind=kind or own_kind,
        urls=urls_for(publication_url, above.id),
    )
    below = new_certificate(made.certificate, CertificateRole.ISSUING, 0, at)
    keys = [new_key(one.signer, encryption, at) for one in (made, root)]
    with store.write() as session:
        place = next_place(session, known, current)
        session.authorities.set_role(current.id, CertificateRole.PREVIOUS)
        session.authorities.set_role(old.id, CertificateRole.PREVIOUS_ROOT)
        add_keys(session, keys, encryption, proof)
        issuing, trusted = (
            replace(one, authority_id=known.authority.id, key_id=key.id, position=place + further)
            for further, (one, key) in enumerate(zip((below, above), keys, strict=True))
        )
        session.authorities.add_certificate(issuing)
        session.authorities.add_certificate(trusted)
        audit(
            session,
            "authority.rotate_root",
            actor=actor,
            at=at,
            of=("authority", known.authority.id),
            zone_id=known.authority.zone_id,
            before={"issuing": facts_of(current), "root": facts_of(old)},
            after={"issuing": facts_of(issuing), "root": facts_of(trusted)},
        )
        return known_authority(session, known.authority)


def root_of(known: KnownAuthority) -> AuthorityCertificate:
    """The root above what issues, whose key is here.

    Raises:
        InvalidInputError: what issues is a root.
        IssuerInactiveError: the authority was uploaded, or the key is not here.
    """
    above = signer_above(known, issuing_of(known))
    if above is None:
        name = known.authority.name
        raise InvalidInputError(
            f"the authority {name} issues by its root itself: nothing stands above that",
            hint=f"authz ca rotate {name} gives it a new one",
        )
    return above


def has_root_above(known: KnownAuthority) -> bool:
    """Whether its root can be rotated: one whose key is here, above what issues."""
    try:
        root_of(known)
    except (InvalidInputError, IssuerInactiveError):
        return False
    return True


def check_root_retirable(store: Store, named: str, *, force: bool = False, at: float) -> int:
    """How many certificates `retire_previous_root` would take away; raises what it does.

    For whoever asks before: nothing is promised about the moment when it is done.
    """
    with store.read() as session:
        return len(_retirable(session, authority_of(session, named), force=force, at=at))


def retire_previous_root(
    store: Store, named: str, *, force: bool = False, actor: str, at: float
) -> tuple[AuthorityCertificate, ...]:
    """Trust the roots that an authority had before no more, nor what stands below them.

    Nothing of this authority leads to what they signed any more, so none of it has to be revoked;
    another one that has such a root keeps what is on the list.

    Args:
        force: even while certificates below them have neither expired nor been revoked; nobody
            verifies those any more.

    Returns:
        What went: the intermediates and the roots.

    Raises:
        NotFoundError: there is no such authority.
        ConflictError: certificates below them count; says how many, until when.
        InvalidInputError: the authority has no root of before a rotation.
    """
    with store.write() as session:
        authority = authority_of(session, named)
        going = _retirable(session, authority, force=force, at=at)
        kept = keep_list(session, authority.id, {one.id for one in going}, at)
        for one in going:
            session.authorities.remove_certificate(one.id)
        audit(
            session,
            "authority.retire_root",
            actor=actor,
            at=at,
            of=("authority", authority.id),
            zone_id=authority.zone_id,
            before={"previous": [facts_of(one) for one in going]},
            after={"forced": force} | told(kept),
        )
    return tuple(going)


def _retirable(
    session: Session, authority: Authority, *, force: bool, at: float
) -> list[AuthorityCertificate]:
    """Its roots of before and what signed below them, when they may go."""
    certificates = session.authorities.certificates(authority.id)
    roots = [one for one in certificates if one.role is CertificateRole.PREVIOUS_ROOT]
    if not roots:
        raise InvalidInputError(
            f"the authority {authority.name} has no root of before a rotation",
            hint="authz ca rotate --root makes a successor of the root above what issues; "
            "what issued before goes by authz ca retire without --root",
        )
    above = [certificate_of(one) for one in roots]
    below = [
        one
        for one in certificates
        if one.role is CertificateRole.PREVIOUS
        and any(signed_by(certificate_of(one), root) is Signed.YES for root in above)
    ]
    for one in below if not force else ():
        until = followed_at(certificates, one)
        left, last = session.certificates.unexpired(
            authority.id, at, issued_before=until, only=CertificateStatus.ACTIVE.value
        )
        if left and at <= one.not_after:
            raise ConflictError(
                f"{left} certificate{'s' if left > 1 else ''} below the root of before "
                f"{rfc3339_seconds(until)} ha{'ve' if left > 1 else 's'} neither expired nor been "
                f"revoked, the last expires on {rfc3339_seconds(last)}",
                hint="wait, issue them anew, or add --force: nobody verifies them then",
            )
    return [*below, *roots]
