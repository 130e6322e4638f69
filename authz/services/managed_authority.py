# SPDX-License-Identifier: Apache-2.0
"""The embedded CA that a zone always has, as at Cloudflare: the first call that needs it makes it.

Which one is meant when a zone has several is in `authorities.managed_of`. One that was retired is
no reason to make another: whoever retired it wanted nothing to be issued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.services.authorities import authority_in_zone, list_authorities, managed_of
from authz.services.authority_creation import create_authority
from authz.services.context import zone_of
from authz.services.issuance import check_request, issue_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from authz.ca.keys import KeyEncryption
    from authz.services.issuance import Issued
    from authz.services.issuance_requests import RequestKey
    from authz.store.engine import Store
    from authz.store.records import Authority, Zone

#: RFC 5280, appendix A: a common name has at most 64 characters, and the name is one; some are left
#: for a number.
_LONGEST: Final = 60


def managed_authority(store: Store, zone_id: str) -> Authority | None:
    """The embedded CA of a zone, None while it has none."""
    with store.read() as session:
        return managed_of(session, zone_id)


def ensure_managed_authority(
    store: Store,
    zone_id: str,
    *,
    encryption: Callable[[], KeyEncryption],
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> Authority:
    """The embedded CA of a zone; made when it has none, once however many ask at the same time.

    Args:
        encryption: what its key will be encrypted by; asked for when one is made.

    Raises:
        NotFoundError: there is no such zone.
        KeyUnavailableError, SettingsError: there is no secret to encrypt its key by.
    """
    found = managed_authority(store, zone_id)
    if found is not None:
        return found
    with store.read() as session:
        zone = zone_of(session, zone_id)
    name = _free_name(zone, (one.authority.name for one in list_authorities(store)))
    return create_authority(
        store,
        name,
        zone=zone.id,
        only_first=True,
        encryption=encryption(),
        publication_url=publication_url,
        actor=actor,
        at=at,
    ).authority


def issue_in_zone(
    store: Store,
    csr: str,
    zone_id: str,
    *,
    authority_id: str | None = None,
    label: str = "",
    days: int | None = None,
    request_key: RequestKey | None = None,
    max_rsa_bits: int,
    encryption: Callable[[], KeyEncryption],
    publication_url: str | None = None,
    actor: str,
    at: float,
) -> Issued:
    """Issue a client certificate by the embedded CA of a zone, or by the one that is named.

    Args:
        authority_id: an embedded CA of the zone.

    Raises:
        NotFoundError: the zone has no such authority.
        KeyUnavailableError, SettingsError: the private key cannot be used.
        …: what `issue_certificate` does.
    """
    # First: a request that nothing is issued for makes no authority either.
    check_request(csr, label=label, days=days, key=request_key, max_rsa_bits=max_rsa_bits)
    if authority_id is None:
        authority_id = ensure_managed_authority(
            store,
            zone_id,
            encryption=encryption,
            publication_url=publication_url,
            actor=actor,
            at=at,
        ).id
    else:
        authority_in_zone(store, zone_id, authority_id)
    return issue_certificate(
        store,
        csr,
        zone=zone_id,
        authority=authority_id,
        label=label,
        days=days,
        request_key=request_key,
        max_rsa_bits=max_rsa_bits,
        encryption=encryption(),
        publication_url=publication_url,
        actor=actor,
        at=at,
    )


def _free_name(zone: Zone, taken: Iterable[str]) -> str:
    """What it is called: an authority of that name may be there, uploaded by somebody."""
    wanted = f"Managed CA for {zone.name}"
    if len(wanted) > _LONGEST:
        wanted = f"Managed CA for {zone.id}"
    names = set(taken)
    name, number = wanted, 1
    while name in names:
        number += 1
        name = f"{wanted} {number}"
    return name
