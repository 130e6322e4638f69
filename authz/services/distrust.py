# SPDX-License-Identifier: Apache-2.0
"""When the key of a CA leaked: whoever has it can make certificates for anybody, so nothing that it
signed counts any more.

An embedded CA is followed by a successor under its name, and what it was before is trusted no more
(`authority_lifecycle`). Where that leaves whoever has the key trusted, or cannot be done here, the
authority is taken from its hosts: a root whose key is here too, a key that is elsewhere or cannot
be opened. So is every other authority with the same key, for it trusts the same certificates. One
that only leads to it, as a root does to an intermediate that a client sends along, keeps its hosts,
and has its serial number on its list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.errors import (
    AuthzError,
    InvalidRequestError,
    IssuerInactiveError,
    KeyUnavailableError,
)
from authz.services.authorities import KnownAuthority, get_authority, list_authorities
from authz.services.authority_lifecycle import (
    retire_previous,
    rotate_authority,
    signer_above,
)
from authz.services.context import audit
from authz.services.distrusted import leaked_of
from authz.services.leading import DISTRUSTED_FOR, Leading, readable, revoke_below, told
from authz.services.same_key import KeysOf
from authz.store.audit import DISTRUST
from authz.store.records import AuthorityStatus, CertificateStatus, serial_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.ca.keys import KeyEncryption
    from authz.store.engine import Store
    from authz.store.records import AuthorityCertificate

#: CAs that count give such serial numbers; those that draw them have at least 64 bits of chance
#: (CA/Browser Forum Baseline Requirements 7.1), and one in 2^32 of theirs is so small.
_SMALL_BITS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """What stops working when an authority is distrusted.

    Args:
        clients: certificates that were issued here, not expired and not revoked; by it, or by
            another authority with its key.
        hosts: who asks for it, or for another one with its key.
        is_embedded: whether its key is here.
        taken: why it is taken from its hosts; empty: a successor follows it, and hosts keep it.
        same_key: names of the other authorities with its key, which are taken from their hosts.
        below: names of the others that it stands below, whose hosts refuse what it signed.
        small_serials: of what is put on their lists: so small that others below them may have the
            same one, and are refused as well.
        unread: names of authorities that have a certificate that cannot be read: what leads to
            others through it is on no list of theirs.
        keys: SHA-256 of the public keys (SubjectPublicKeyInfo) that are believed no more.
    """

    name: str
    clients: int
    hosts: tuple[str, ...]
    is_embedded: bool
    taken: str
    same_key: tuple[str, ...]
    below: tuple[str, ...]
    small_serials: tuple[str, ...]
    unread: tuple[str, ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrusted:
    """What was done.

    Args:
        gone: name and SHA-256 fingerprint of each certificate that is trusted no more.
        successor: fingerprint of what issues from now on; None where there is none.
        taken: why it was taken from its hosts; empty where a successor followed it.
        hosts_without: hosts that ask for no authority any more.
        revision: of the store, from which on it is so.
    """

    gone: tuple[tuple[str, str], ...]
    successor: str | None
    taken: str
    hosts_without: tuple[str, ...]
    revision: int


def what_stops(store: Store, named: str, *, keep_root: bool = False, at: float) -> Stops:
    """What would stop working.

    Args:
        keep_root: as for `distrust_authority`.

    Raises:
        NotFoundError: there is no such authority.
    """
    known = get_authority(store, named)
    taken = _why_taken(known, keep_root=keep_root)
    leaked = leaked_of(known.certificates, is_taken=bool(taken))
    others = _same_key(store, known, leaked)
    clients = 0
    hosts: list[str] = []
    with store.read() as session:
        for one in (known, *others):
            hosts += [each.hostname for each in session.hosts.all(authority_id=one.authority.id)]
            clients += session.certificates.unexpired(
                one.authority.id, at, only=CertificateStatus.ACTIVE.value
            )[0]
        leading = Leading(session)
    own = {one.authority.id for one in (known, *others)}
    below: dict[str, str] = {}
    small: list[str] = []
    for read in (found for one in leaked if (found := readable(one.der))):
        above = {one.id: one.name for one in leading.of(read) if one.id not in own}
        below |= above
        # As `revoke_below`: a root is on nobody's list.
        if above and not read.is_self_issued and read.serial_number.bit_length() <= _SMALL_BITS:
            small.append(serial_text(read.serial_number))
    return Stops(
        name=known.authority.name,
        clients=clients,
        hosts=tuple(dict.fromkeys(hosts)),
        is_embedded=known.issuing is not None,
        taken=taken,
        same_key=tuple(one.authority.name for one in others),
        below=tuple(below.values()),
        small_serials=tuple(dict.fromkeys(small)),
        unread=leading.unread,
        keys=KeysOf().of(one.der for one in leaked),
    )


def distrust_authority(
    store: Store,
    named: str,
    *,
    encryption: KeyEncryption | None,
    keep_root: bool = False,
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> Distrusted:
    """Trust nothing any more that an authority signed.

    Args:
        encryption: of the keys; without it nothing is made that follows.
        keep_root: believe in the key of its root, which is here as well: only what issues leaked.

    Raises:
        NotFoundError: there is no such authority.
        ConflictError: as `rotate_authority`; nothing was changed.
    """
    known = get_authority(store, named)
    taken = _why_taken(known, keep_root=keep_root)
    leaked = leaked_of(known.certificates, is_taken=False)
    successor = None
    if not taken:
        try:
            successor = _follow(
                store, known, encryption, publication_url=publication_url, actor=actor, at=at
            )
        except (IssuerInactiveError, KeyUnavailableError, InvalidRequestError) as error:
            # Whoever has the key does not wait until somebody has found the secret.
            taken = f"no successor can be made: {error.message}"
    if taken:
        leaked = leaked_of(known.certificates, is_taken=True)
    others = _same_key(store, known, leaked)
    hosts_without, revision = _take_from_hosts(
        store, [*([known] if taken else []), *others], leaked, actor=actor, at=at
    )
    gone = [(known.authority.name, one) for one in (known.certificates if taken else leaked)]
    gone += [(one.authority.name, each) for one in others for each in one.certificates]
    return Distrusted(
        gone=tuple((name, one.fingerprint_sha256) for name, one in gone),
        successor=successor,
        taken=taken,
        hosts_without=hosts_without,
        revision=revision,
    )


def _why_taken(known: KnownAuthority, *, keep_root: bool) -> str:
    """Why a successor would not help, or cannot be made here; empty when one follows."""
    issuing = known.issuing
    if issuing is None:
        return "its key is elsewhere: it was uploaded"
    if known.is_distrusted:
        return "it was distrusted before, and issues no more"
    signing = leaked_of(known.certificates, is_taken=False)
    roots = [one for one in known.certificates if one.key_id and one not in signing]
    if roots and not keep_root:
        return (
            "the key of its root is here as well, and whoever has that makes an intermediate that "
            "is trusted again"
        )
    try:
        signer_above(known, issuing)
    except AuthzError as error:
        return f"no successor can be made: {error.message}"
    return ""


def leaked_certificates(known: KnownAuthority) -> tuple[AuthorityCertificate, ...]:
    """Those of a distrusted authority whose key is believed no more."""
    return leaked_of(known.certificates, is_taken=True)


def _same_key(
    store: Store, known: KnownAuthority, leaked: Sequence[AuthorityCertificate]
) -> list[KnownAuthority]:
    """The other authorities that have one of these keys."""
    keys = KeysOf()
    wanted = keys.of(one.der for one in leaked)
    return [
        one
        for one in list_authorities(store)
        if one.authority.id != known.authority.id
        and wanted & keys.of(each.der for each in one.certificates)
    ]


def _follow(
    store: Store,
    known: KnownAuthority,
    encryption: KeyEncryption | None,
    *,
    publication_url: str | None,
    actor: str,
    at: float,
) -> str:
    """Make the successor, and trust what it follows no more."""
    if encryption is None:
        raise KeyUnavailableError("the secret of the keys cannot be used")
    # Two transactions: the first one alone makes nothing worse, and the second can be repeated.
    rotated = rotate_authority(
        store,
        known.authority.id,
        encryption=encryption,
        publication_url=publication_url,
        actor=actor,
        at=at,
    )
    retire_previous(store, known.authority.id, force=True, actor=actor, at=at)
    assert rotated.issuing is not None, "it was just made"
    return rotated.issuing.fingerprint_sha256


def _take_from_hosts(
    store: Store,
    taken: Sequence[KnownAuthority],
    leaked: Sequence[AuthorityCertificate],
    *,
    actor: str,
    at: float,
) -> tuple[tuple[str, ...], int]:
    """No host asks for them, and they issue no more; the hosts without any, and the revision."""
    if not taken:
        with store.read() as session:
            return (), session.revision
    asked: list[tuple[str, str]] = []
    keys = KeysOf()
    gone = keys.of(one.der for one in leaked)
    with store.write() as session:
        for known in taken:
            authority = known.authority
            there = session.hosts.all(authority_id=authority.id)
            for one in there:
                session.hosts.remove(one.zone_id, one.hostname, authority.id)
            asked += [(one.zone_id, one.hostname) for one in there]
            # A root that others have, too, would still lead to it.
            going = [
                one
                for one in known.certificates
                if one.key_id is not None or gone & keys.of([one.der])
            ]
            revoked = revoke_below(session, going, at, reason=DISTRUSTED_FOR)
            if known.issuing is not None:
                retired = replace(authority, status=AuthorityStatus.RETIRED, modified_at=at)
                session.authorities.update(retired)
            audit(
                session,
                DISTRUST,
                actor=actor,
                at=at,
                of=("authority", authority.id),
                zone_id=authority.zone_id,
                before={"hostnames": [one.hostname for one in there]},
                after=told("revoked", revoked) or None,
            )
        left = {(one.zone_id, one.hostname) for one in session.hosts.all()}
        without = tuple(dict.fromkeys(host for zone, host in asked if (zone, host) not in left))
        return without, session.revision
