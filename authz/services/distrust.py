# SPDX-License-Identifier: Apache-2.0
"""When the key of a CA leaked: whoever has it can make certificates for anybody, so nothing that it
signed counts any more.

An embedded CA is followed by a successor under its name, and what it was before is trusted no more
(`authority_lifecycle`). An uploaded one, whose key is elsewhere, is taken from its hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.errors import KeyUnavailableError
from authz.services.authorities import get_authority
from authz.services.authority_lifecycle import retire_previous, rotate_authority
from authz.services.context import audit
from authz.store.records import CertificateStatus

if TYPE_CHECKING:
    from authz.ca.keys import KeyEncryption
    from authz.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """What stops working when an authority is distrusted.

    Args:
        clients: certificates that were issued here, not expired and not revoked.
        hosts: who asks for it.
        is_embedded: whether its key is here.
    """

    name: str
    clients: int
    hosts: tuple[str, ...]
    is_embedded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrusted:
    """What was done.

    Args:
        gone: name and SHA-256 fingerprint of each certificate that is trusted no more.
        successor: fingerprint of what issues from now on; None for an uploaded authority.
        hosts_without: hosts that ask for no authority any more.
        revision: of the store, from which on it is so.
    """

    gone: tuple[tuple[str, str], ...]
    successor: str | None
    hosts_without: tuple[str, ...]
    revision: int


def what_stops(store: Store, named: str, *, at: float) -> Stops:
    """What would stop working.

    Raises:
        NotFoundError: there is no such authority.
    """
    known = get_authority(store, named)
    authority = known.authority
    with store.read() as session:
        hosts = session.hosts.all(authority_id=authority.id)
        clients, _ = session.certificates.unexpired(
            authority.id, at, only=CertificateStatus.ACTIVE.value
        )
    return Stops(
        name=authority.name,
        clients=clients,
        hosts=tuple(dict.fromkeys(one.hostname for one in hosts)),
        is_embedded=known.issuing is not None,
    )


def distrust_authority(
    store: Store,
    named: str,
    *,
    encryption: KeyEncryption | None,
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> Distrusted:
    """Trust nothing any more that an authority signed.

    Args:
        encryption: of the keys; not needed for an uploaded authority.

    Raises:
        NotFoundError: there is no such authority.
        IssuerInactiveError, KeyUnavailableError, ConflictError: as `rotate_authority`; nothing was
            changed.
    """
    known = get_authority(store, named)
    authority = known.authority
    if known.issuing is None:
        return _take_from_hosts(store, named, actor=actor, at=at)
    if encryption is None:
        raise KeyUnavailableError(
            "the successor's key cannot be kept without the secret of the keys",
            hint="name it in the settings: keys",
        )
    # Two transactions: the first one alone makes nothing worse, and the second can be repeated.
    rotated = rotate_authority(
        store,
        authority.id,
        encryption=encryption,
        publication_url=publication_url,
        actor=actor,
        at=at,
    )
    gone = retire_previous(store, authority.id, force=True, actor=actor, at=at)
    with store.read() as session:
        revision = session.revision
    successor = rotated.issuing
    assert successor is not None, "it was just made"
    return Distrusted(
        gone=tuple((authority.name, one.fingerprint_sha256) for one in gone),
        successor=successor.fingerprint_sha256,
        hosts_without=(),
        revision=revision,
    )


def _take_from_hosts(store: Store, named: str, *, actor: str, at: float) -> Distrusted:
    known = get_authority(store, named)
    authority = known.authority
    with store.write() as session:
        there = session.hosts.all(authority_id=authority.id)
        for one in there:
            session.hosts.remove(one.zone_id, one.hostname, authority.id)
        left = {(one.zone_id, one.hostname) for one in session.hosts.all()}
        audit(
            session,
            "authority.distrust",
            actor=actor,
            at=at,
            of=("authority", authority.id),
            zone_id=authority.zone_id,
            before={"hostnames": [one.hostname for one in there]},
        )
        revision = session.revision
    return Distrusted(
        gone=tuple((authority.name, one.fingerprint_sha256) for one in known.certificates),
        successor=None,
        hosts_without=tuple(
            dict.fromkeys(one.hostname for one in there if (one.zone_id, one.hostname) not in left)
        ),
        revision=revision,
    )
