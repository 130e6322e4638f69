# SPDX-License-Identifier: Apache-2.0
"""How an authority goes on and how it ends: rotated, retired, deleted.

A rotation gives it a new key and certificate under the same name. What signed before stays trusted
as `previous`, with its key (its CRLs are signed by it), until what it issued has expired. How the
root above what issues is followed is in `root_rotation`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from authz.ca import authority as ca
from authz.ca.reasons import RevocationReason
from authz.certs.certificate import Certificate
from authz.certs.signature import Signed, signed_by
from authz.errors import ConflictError, InvalidInputError, IssuerInactiveError
from authz.services.authorities import KnownAuthority, change, known_authority
from authz.services.authority_creation import new_certificate
from authz.services.context import audit, authority_of, facts_of
from authz.services.distrusted import (
    MAKE_ANOTHER,
    believed_again,
    distrusted_certificates,
    is_distrusted,
    leaked_of,
)
from authz.services.keys import add_keys, checked_secret, key_of, kind_of, new_key, opened
from authz.services.leading import restore_below, revoke_below
from authz.services.leading import told as told_revoked
from authz.services.publication_urls import urls_for
from authz.services.same_key_lists import keep_list
from authz.services.same_key_lists import told as told_kept
from authz.services.times import rfc3339_seconds
from authz.store.audit import TRUST_AGAIN
from authz.store.records import (
    Authority,
    AuthorityCertificate,
    AuthorityStatus,
    CertificateRole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.key_kinds import KeyKind
    from authz.ca.keys import KeyEncryption
    from authz.store.engine import Store
    from authz.store.session import Session


def rotate_authority(
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
    """A new issuing key and certificate for an embedded CA.

    A root is followed by a root; what stands below a root that is here, by another below it.

    Args:
        kind: of the new key; the kind of the old one when left out.

    Raises:
        NotFoundError: there is no such authority.
        IssuerInactiveError: it was uploaded, or its issuer's key is not here.
        ConflictError: it was rotated meanwhile.
        KeyUnavailableError, InvalidRequestError: the issuer cannot sign, or not for so long; or
            the keys that are there are encrypted by another secret.
    """
    with store.read() as session:
        known = known_authority(session, authority_of(session, named))
        current = issuing_of(known)
        above = signer_above(known, current)
        own_key = key_of(session, current)
        above_key = None if above is None else key_of(session, above)
    proof = checked_secret(store, encryption)
    certificate = certificate_of(current)
    signer = above_certificate = urls = None
    if above is not None and above_key is not None:
        above_certificate, signer = certificate_of(above), opened(above_key, encryption)
        urls = urls_for(publication_url, above.id)
    made = ca.rotate(
        certificate,
        at=at,
        issuer=above_certificate,
        issuer_signer=signer,
        kind=kind or kind_of(own_key),
        days=days,
        urls=urls,
    )
    key = new_key(made.signer, encryption, at)
    with store.write() as session:
        place = next_place(session, known, current)
        successor = replace(
            new_certificate(made.certificate, CertificateRole.ISSUING, place, at),
            authority_id=known.authority.id,
            key_id=key.id,
        )
        session.authorities.set_role(current.id, CertificateRole.PREVIOUS)
        add_keys(session, [key], encryption, proof)
        session.authorities.add_certificate(successor)
        audit(
            session,
            "authority.rotate",
            actor=actor,
            at=at,
            of=("authority", known.authority.id),
            zone_id=known.authority.zone_id,
            before={"issuing": facts_of(current)},
            after={"issuing": facts_of(successor)},
        )
        return known_authority(session, known.authority)


def check_retirable(store: Store, named: str, *, force: bool = False, at: float) -> int:
    """How many certificates `retire_previous` would take away; raises what it does.

    For whoever asks before: nothing is promised about the moment when it is done.
    """
    with store.read() as session:
        return len(_retirable(session, authority_of(session, named), force=force, at=at))


def retire_previous(
    store: Store, named: str, *, force: bool = False, actor: str, at: float
) -> tuple[AuthorityCertificate, ...]:
    """Trust what an authority was before its rotations no more; the certificates that went.

    Args:
        force: even while certificates that it issued have not expired. They are good no more: not
            verified, or, where a root still leads to an intermediate that went, revoked.

    Raises:
        NotFoundError: there is no such authority.
        ConflictError: certificates that it issued have not expired; says how many, until when.
        InvalidInputError: the authority has no certificate of before a rotation.
    """
    with store.write() as session:
        authority = authority_of(session, named)
        previous = _retirable(session, authority, force=force, at=at)
        # A root would still lead to them: a client may send an intermediate along.
        revoked = revoke_below(session, previous, at, reason=RevocationReason.SUPERSEDED.text)
        kept = keep_list(session, authority.id, {one.id for one in previous}, at)
        for one in previous:
            session.authorities.remove_certificate(one.id)
        audit(
            session,
            "authority.retire_previous",
            actor=actor,
            at=at,
            of=("authority", authority.id),
            zone_id=authority.zone_id,
            before={"previous": [facts_of(one) for one in previous]},
            after={"forced": force} | told_revoked("revoked", revoked) | told_kept(kept),
        )
    return tuple(previous)


def _retirable(
    session: Session, authority: Authority, *, force: bool, at: float
) -> list[AuthorityCertificate]:
    """Its certificates of before its rotations, when they may go."""
    certificates = session.authorities.certificates(authority.id)
    previous = [one for one in certificates if one.role is CertificateRole.PREVIOUS]
    if not previous:
        raise InvalidInputError(
            f"the authority {authority.name} has no certificate of before a rotation",
            hint="authz ca rotate makes a successor; authz ca status NAME retired stops it "
            "from issuing",
        )
    for one in previous if not force else ():
        until = followed_at(certificates, one)
        left, last = session.certificates.unexpired(authority.id, at, issued_before=until)
        if left and at <= one.not_after:
            raise ConflictError(
                f"{left} certificate{'s' if left > 1 else ''} that it issued before "
                f"{rfc3339_seconds(until)} ha{'ve' if left > 1 else 's'} not expired, the last "
                f"expires on {rfc3339_seconds(last)}",
                hint="wait, issue them anew, or add --force: they are good no more then",
            )
    return previous


def set_status(
    store: Store, named: str, status: str, *, force: bool = False, actor: str, at: float
) -> KnownAuthority:
    """Let an authority issue (`active`) or not (`retired`); what it issued counts on.

    Args:
        force: make one active though it was distrusted because of an incident, and distrusted no
            more: its key did not leak after all, or has been replaced. The audit log says so.

    Raises:
        NotFoundError: there is no such authority.
        InvalidInputError: there is no such status.
        ConflictError: it was distrusted, and is not to be made active by accident.
    """
    if status not in list(AuthorityStatus):
        raise InvalidInputError(
            f'"{status}" is no status of an authority', hint=f"one of {', '.join(AuthorityStatus)}"
        )
    with store.write() as session:
        before = authority_of(session, named)
        distrusted_at = session.audit.distrusted().get(before.id)
        if status == AuthorityStatus.ACTIVE and distrusted_at is not None:
            if not force:
                raise ConflictError(
                    f"{is_distrusted(before, distrusted_at)}: whoever has its key makes "
                    "certificates for anybody",
                    hint=f"{MAKE_ANOTHER}; only if nobody else has this key: authz ca status "
                    f"{before.name} active --force",
                )
            _trust_again(session, before, distrusted_at, actor=actor, at=at)
        return change(
            session,
            before,
            "authority.status",
            actor=actor,
            at=at,
            status=AuthorityStatus(status),
        )


def _trust_again(
    session: Session, authority: Authority, distrusted_at: float, *, actor: str, at: float
) -> None:
    """End that it is distrusted, and with it what the lists of authorities above it say of it."""
    others = [one for one in distrusted_certificates(session) if one.authority_id != authority.id]
    theirs = {one.der for one in others}
    own = leaked_of(session.authorities.certificates(authority.id), is_taken=True)
    restored = restore_below(session, [one for one in own if one.der not in theirs], others, at)
    audit(
        session,
        TRUST_AGAIN,
        actor=actor,
        at=at,
        of=("authority", authority.id),
        zone_id=authority.zone_id,
        before={"distrusted_at": distrusted_at},
        after={"forced": True} | told_revoked("restored", restored),
    )


def delete_authority(store: Store, named: str, *, actor: str, at: float) -> KnownAuthority:
    """Remove an authority with its keys, its list of revocations and its expired certificates.

    Others here that have a key of it keep what is on its list; a policy file does not
    (`same_key_lists.lost_keys`).

    Raises:
        NotFoundError: there is no such authority.
        ConflictError: hostnames ask for it, certificates that it issued have not expired, or it was
            distrusted and its certificates have not expired.
    """
    with store.write() as session:
        known = known_authority(session, authority_of(session, named))
        authority = known.authority
        _check_unused(session, known, at)
        expired = session.certificates.remove_of(authority.id)
        kept = keep_list(session, authority.id, {one.id for one in known.certificates}, at)
        session.authorities.remove(authority.id)
        audit(
            session,
            "authority.delete",
            actor=actor,
            at=at,
            of=("authority", authority.id),
            zone_id=authority.zone_id,
            before=facts_of(authority)
            | {"certificates": [facts_of(one) for one in known.certificates], "expired": expired},
            after=told_kept(kept) or None,
        )
    return known


def issuing_of(known: KnownAuthority) -> AuthorityCertificate:
    """The certificate that an authority issues by.

    Raises:
        IssuerInactiveError: it has none: it was uploaded.
    """
    if known.issuing is None:
        raise IssuerInactiveError(
            f"the authority {known.authority.name} has no key here: it was uploaded",
            hint="name an embedded one: authz ca list",
        )
    return known.issuing


def certificate_of(one: AuthorityCertificate) -> Certificate:
    """A stored certificate, read."""
    return Certificate.from_der(one.der, allow_zero_serial=True)


def signer_above(
    known: KnownAuthority, current: AuthorityCertificate
) -> AuthorityCertificate | None:
    """What a successor is signed by, None when it signs itself.

    Raises:
        IssuerInactiveError: the key that it would be signed by is not here.
    """
    certificate = certificate_of(current)
    if certificate.is_self_issued:
        return None
    for one in known.certificates:
        if one.key_id and signed_by(certificate, certificate_of(one)) is Signed.YES:
            return one
    raise IssuerInactiveError(
        f"the key that signed the certificate of {known.authority.name} is not here",
        hint="make its successor where it was made, and import that: authz ca import",
    )


def next_place(session: Session, known: KnownAuthority, current: AuthorityCertificate) -> int:
    """The position of what follows `current`, in the transaction that keeps it.

    Raises:
        ConflictError: something else issues by now.
    """
    now = known_authority(session, authority_of(session, known.authority.id))
    if now.issuing != current:
        raise ConflictError(
            f"the authority {known.authority.name} was rotated meanwhile",
            hint="authz ca show says what it has now",
        )
    return 1 + max(one.position for one in now.certificates)


def followed_at(
    certificates: Sequence[AuthorityCertificate], previous: AuthorityCertificate
) -> float:
    """When the successor of one of before a rotation came: what it issued, it issued before."""
    roles = (CertificateRole.PREVIOUS, CertificateRole.ISSUING)
    # By their places and not by when they came: the clocks of two nodes may differ.
    after = [one for one in certificates if one.role in roles and one.position > previous.position]
    return min(after, key=lambda one: one.position).added_at


def _check_unused(session: Session, known: KnownAuthority, at: float) -> None:
    name = known.authority.name
    hosts = [one.hostname for one in session.hosts.all(authority_id=known.authority.id)]
    if hosts:
        more = f" and {len(hosts) - 10} more" if len(hosts) > 10 else ""
        raise ConflictError(
            f"hostnames ask for certificates of {name}: {', '.join(hosts[:10])}{more}",
            hint=f"remove them first: authz host remove {hosts[0]} --ca {name}",
        )
    left, last = session.certificates.unexpired(known.authority.id, at)
    if left:
        raise ConflictError(
            f"{left} certificate{'s' if left > 1 else ''} of {name} ha"
            f"{'ve' if left > 1 else 's'} not expired, the last expires on {rfc3339_seconds(last)}",
            hint=f"let it issue no more, and keep it: authz ca status {name} retired",
        )
    until = believed_again(known, at)
    if until is not None and known.distrusted_at is not None:
        raise ConflictError(
            f"{is_distrusted(known.authority, known.distrusted_at)}: with it would go what keeps "
            "its key from being believed again, under another name or below its root",
            hint=f"keep it until its certificates expire ({rfc3339_seconds(until)}): no host can "
            "ask for it; only if nobody else has its key: authz ca status "
            f"{name} active --force, and delete it then",
        )
