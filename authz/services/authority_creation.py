# SPDX-License-Identifier: Apache-2.0
"""How an authority comes to be: made here, imported with its key, or uploaded without.

Keys are made and encrypted before the transaction begins: others do not wait for that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from authz.ca import authority as ca
from authz.ca.key_kinds import DEFAULT_KEY_KIND
from authz.ca.names import Subject
from authz.ca.uploaded import check_uploaded
from authz.certs.certificate import Certificate
from authz.certs.names import value_text
from authz.errors import ConflictError
from authz.services.authorities import KnownAuthority, check_free, known_authority, managed_of
from authz.services.context import (
    MAX_NAME,
    account_of,
    audit,
    checked_name,
    facts_of,
    new_id,
    zone_of,
)
from authz.services.distrusted import distrusted_certificates
from authz.services.keys import add_keys, checked_secret, new_key
from authz.services.leading import DISTRUSTED_FOR, revoke_below, told
from authz.services.namespace import DEFAULT_ZONE
from authz.services.publication_urls import urls_for
from authz.store.records import (
    Authority,
    AuthorityCertificate,
    AuthorityKind,
    CertificateRole,
    Zone,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.key_kinds import KeyKind
    from authz.ca.keys import KeyEncryption
    from authz.store.engine import Store
    from authz.store.records import Key
    from authz.store.session import Session

_COMMON_NAME: Final = "2.5.4.3"


def create_authority(
    store: Store,
    name: str,
    *,
    zone: str = DEFAULT_ZONE,
    kind: KeyKind = DEFAULT_KEY_KIND,
    days: int | None = None,
    intermediate: bool = False,
    organization: str = "",
    only_first: bool = False,
    encryption: KeyEncryption,
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> KnownAuthority:
    """A new embedded CA: a root, or with `intermediate` a root and what issues below it.

    Args:
        only_first: when the zone has an embedded CA by then, that is the answer and none is made.
        days: how long the root lasts.
        publication_url: where its CRLs will be (`publication.url`); into the intermediate.

    Raises:
        NotFoundError: there is no such zone.
        ConflictError: there is an authority of this name.
        IssuanceError: the name or the days are outside the profile, or the keys that are there
            are encrypted by another secret.
    """
    wanted = checked_name("name", name)
    subject = Subject.of(wanted, organization=organization)
    if not intermediate:
        made = ca.create_root(subject, at=at, kind=kind, days=days)
        records = [new_certificate(made.certificate, CertificateRole.ISSUING, 0, at)]
        keys = [new_key(made.signer, encryption, at)]
    else:
        above = Subject.of(f"{wanted} Root", organization=organization)
        root = ca.create_root(above, at=at, kind=kind, days=days)
        root_record = new_certificate(root.certificate, CertificateRole.TRUSTED, 1, at)
        made = ca.create_intermediate(
            subject,
            issuer=root.certificate,
            issuer_signer=root.signer,
            at=at,
            kind=kind,
            urls=urls_for(publication_url, root_record.id),
        )
        records = [new_certificate(made.certificate, CertificateRole.ISSUING, 0, at), root_record]
        keys = [new_key(one.signer, encryption, at) for one in (made, root)]
    records = [replace(one, key_id=key.id) for one, key in zip(records, keys, strict=True)]
    return _add_managed(
        store,
        wanted,
        zone,
        records,
        keys,
        encryption,
        only_first=only_first,
        action="authority.create",
        actor=actor,
        at=at,
    )


def import_authority(
    store: Store,
    certificates: bytes,
    key: bytes,
    *,
    name: str | None = None,
    zone: str = DEFAULT_ZONE,
    passphrase: str | None = None,
    encryption: KeyEncryption,
    actor: str,
    at: float,
) -> KnownAuthority:
    """An embedded CA that was made elsewhere: its certificate, those above it, and its key (PEM).

    Args:
        name: the common name of the certificate, when left out.
        passphrase: of the key.

    Raises:
        NotFoundError: there is no such zone.
        ConflictError: there is an authority of this name, or this one is here already.
        CertificateError, IssuanceError: certificate and key are none that can issue, or the keys
            that are there are encrypted by another secret.
    """
    made = ca.import_authority(certificates, key, at=at, passphrase=passphrase)
    wanted = checked_name("name", name or common_name(made.certificate))
    own = new_key(made.signer, encryption, at)
    issuing = replace(
        new_certificate(made.certificate, CertificateRole.ISSUING, 0, at), key_id=own.id
    )
    above = [
        new_certificate(
            one, CertificateRole.TRUSTED if one.is_self_issued else CertificateRole.CHAIN, place, at
        )
        for place, one in enumerate(made.chain, 1)
    ]
    return _add_managed(
        store,
        wanted,
        zone,
        [issuing, *above],
        [own],
        encryption,
        action="authority.import",
        actor=actor,
        at=at,
    )


def upload_authority(
    store: Store,
    pem: str | bytes,
    *,
    name: str | None = None,
    nameless: bool = False,
    actor: str,
    at: float,
) -> KnownAuthority:
    """An authority of the user's own: certificates to trust, for hosts of every zone.

    The text is kept: whoever compares (Terraform does) gets back what they sent.

    Args:
        name: the common name of the first certificate, when left out.
        nameless: it has no name (`given_name`), and two of them may be alike.

    Raises:
        ConflictError: there is an authority of this name.
        CertificateError: a certificate is not one to trust (ca.uploaded).
    """
    uploaded = check_uploaded(pem, at=at)
    read = [Certificate.from_der(der, allow_zero_serial=True) for der in uploaded.certificates]
    own_id = new_id()
    common = common_name(read[0])
    # Names are unique in the store, and people want to see one.
    wanted = common[: MAX_NAME - 11] + _suffix(own_id) if nameless else name or common
    wanted = checked_name("name", wanted)
    with store.write() as session:
        return add_uploaded(
            session, wanted, read, text=uploaded.text, own_id=own_id, actor=actor, at=at
        )


def add_uploaded(
    session: Session,
    name: str,
    certificates: Sequence[Certificate],
    *,
    text: str | None = None,
    own_id: str | None = None,
    actor: str,
    at: float,
) -> KnownAuthority:
    """Keep certificates that were checked (ca.uploaded), in a transaction of the caller's.

    Args:
        text: how they were written, where whoever wrote them may compare (ca.uploaded).
        own_id: the identifier that it gets, a new one when left out.

    Raises:
        ConflictError: there is an authority of this name.
    """
    records = [
        new_certificate(one, CertificateRole.TRUSTED, place, at)
        for place, one in enumerate(certificates)
    ]
    authority = _new(session, name, AuthorityKind.UPLOADED, None, at)
    if own_id is not None:
        authority = replace(authority, id=own_id)
    known = _add(session, authority, None, records, action="authority.upload", actor=actor, at=at)
    if text is None:
        return known
    session.authorities.keep_text(authority.id, text)
    return replace(known, text=text)


def given_name(authority: Authority) -> str | None:
    """The name that somebody gave an authority, None for one that was uploaded without."""
    return None if authority.name.endswith(_suffix(authority.id)) else authority.name


def new_certificate(
    certificate: Certificate, role: CertificateRole, position: int, at: float
) -> AuthorityCertificate:
    """A certificate as the store keeps it, of no authority yet and without a key."""
    return AuthorityCertificate(
        id=new_id(),
        authority_id="",
        position=position,
        role=role,
        key_id=None,
        der=certificate.der,
        fingerprint_sha256=certificate.fingerprint_sha256,
        not_before=certificate.not_before_at,
        not_after=certificate.not_after_at,
        added_at=at,
    )


def _suffix(authority_id: str) -> str:
    """What the name of an authority without a name ends with."""
    return f" ({authority_id[:8]})"


def common_name(certificate: Certificate) -> str:
    """The common name of a subject, the whole subject without one."""
    for attribute in certificate.subject_attributes:
        if attribute.oid == _COMMON_NAME:
            return value_text(attribute) or certificate.subject_dn
    return certificate.subject_dn


def _new(
    session: Session, name: str, kind: AuthorityKind, zone: Zone | None, at: float
) -> Authority:
    check_free(session, name)
    return Authority(
        id=new_id(),
        account_id=account_of(session).id,
        zone_id=None if zone is None else zone.id,
        name=name,
        kind=kind,
        created_at=at,
        modified_at=at,
    )


def _add_managed(
    store: Store,
    name: str,
    zone: str,
    records: Sequence[AuthorityCertificate],
    keys: Sequence[Key],
    encryption: KeyEncryption,
    *,
    only_first: bool = False,
    action: str,
    actor: str,
    at: float,
) -> KnownAuthority:
    proof = checked_secret(store, encryption)
    with store.write() as session:
        here = zone_of(session, zone)
        # Asked in the transaction: writers come one after the other, so there is one first.
        there = managed_of(session, here.id) if only_first else None
        if there is not None:
            return known_authority(session, there)
        authority = _new(session, name, AuthorityKind.MANAGED, here, at)
        for one in session.authorities.certificates():
            if one.key_id and one.fingerprint_sha256 == records[0].fingerprint_sha256:
                raise ConflictError(
                    "this authority is here already, with its key", hint="authz ca list shows it"
                )
        add_keys(session, keys, encryption, proof)
        return _add(session, authority, here, records, action=action, actor=actor, at=at)


def _add(
    session: Session,
    authority: Authority,
    zone: Zone | None,
    records: Sequence[AuthorityCertificate],
    *,
    action: str,
    actor: str,
    at: float,
) -> KnownAuthority:
    session.authorities.add(authority)
    own = tuple(replace(one, authority_id=authority.id) for one in records)
    for one in own:
        session.authorities.add_certificate(one)
    # Below it may stand what was distrusted before it came: a client sends that along. It may also
    # be what leads others to it: a cross certificate.
    revoked = revoke_below(session, distrusted_certificates(session), at, reason=DISTRUSTED_FOR)
    audit(
        session,
        action,
        actor=actor,
        at=at,
        of=("authority", authority.id),
        zone_id=authority.zone_id,
        after=facts_of(authority)
        | {"certificates": [facts_of(one) for one in own]}
        | told("revoked", revoked),
    )
    return KnownAuthority(authority=authority, zone=zone, certificates=own)
