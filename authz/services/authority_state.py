# SPDX-License-Identifier: Apache-2.0
"""How an authority stands: who asks for it, what it issued and revoked, how fresh its CRLs are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.errors import NotFoundError
from authz.services.authorities import known_authority
from authz.services.crls import COMPLETE, DELTA
from authz.services.distrusted import believed_again

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority
    from authz.store.engine import Store
    from authz.store.records import PublishedCrl


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedBy:
    """A hostname that asks for certificates of an authority."""

    zone_id: str
    zone_name: str
    hostname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityState:
    """An authority and what depends on it.

    Args:
        asked_by: the hostnames that ask for its certificates.
        unexpired: how many certificates that it issued here have not expired.
        last_expiry: when the last of them does, Unix seconds; None without any.
        revoked: how many serial numbers its own list has.
        crls: the latest complete and delta CRLs of its certificates, without their bodies.
        kept_until: Unix seconds; until then it is known that its key leaked. None: it did not.
    """

    known: KnownAuthority
    asked_by: tuple[AskedBy, ...]
    unexpired: int
    last_expiry: float | None
    revoked: int
    crls: tuple[PublishedCrl, ...]
    kept_until: float | None = None

    @property
    def is_used(self) -> bool:
        """Whether it cannot be deleted (`authority_lifecycle.delete_authority`)."""
        return bool(self.asked_by or self.unexpired or self.kept_until is not None)


def authority_state(store: Store, authority_id: str, *, at: float) -> AuthorityState:
    """How an authority stands at Unix time `at`.

    Raises:
        NotFoundError: there is none of this identifier.
    """
    with store.read() as session:
        authority = session.authorities.get(authority_id)
        if authority is None:
            raise NotFoundError(
                f'there is no authority "{authority_id}"', hint="authz ca list shows them"
            )
        known = known_authority(session, authority)
        zones = {one.id: one.name for one in session.zones.all()}
        hosts = session.hosts.all(authority_id=authority_id)
        unexpired, last = session.certificates.unexpired(authority_id, at)
        own = {one.id for one in known.certificates}
        crls = tuple(
            one
            for one in session.published.heads()
            if one.certificate_id in own and one.kind in (COMPLETE, DELTA)
        )
        revoked = session.revocations.count(authority_id)
    return AuthorityState(
        known=known,
        asked_by=tuple(
            AskedBy(zone_id=one.zone_id, zone_name=zones[one.zone_id], hostname=one.hostname)
            for one in hosts
        ),
        unexpired=unexpired,
        last_expiry=last if unexpired else None,
        revoked=revoked,
        crls=crls,
        kept_until=believed_again(known, at),
    )


def published_crl(
    store: Store, authority_id: str, certificate_id: str, *, kind: str = COMPLETE
) -> PublishedCrl:
    """The latest CRL of a kind that a certificate of an authority signed.

    Args:
        kind: `complete` or `delta`.

    Raises:
        NotFoundError: none was signed yet, or the authority has no such certificate.
    """
    with store.read() as session:
        found = session.published.get(certificate_id, kind) if kind in (COMPLETE, DELTA) else None
    if found is None or found.authority_id != authority_id:
        raise NotFoundError(
            "no such CRL was signed yet", hint="serve signs them; so does authz ca crl NAME"
        )
    return found
