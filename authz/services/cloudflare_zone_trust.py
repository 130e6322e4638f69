# SPDX-License-Identifier: Apache-2.0
"""Whom the hosts of one zone of Cloudflare's trust: a step of its import (cloudflare_zone).

The hosts of every authority of the account's become those that they are at Cloudflare; hosts that
ask for other authorities here stay as they are. A serial number that is revoked here stays revoked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.services.cloudflare_account import take_authority
from authz.services.cloudflare_report import Note, item_of
from authz.services.cloudflare_trust import (
    MANAGED,
    clients_item,
    find_authority,
    hostnames_of,
    managed_of,
    put_authority,
    put_serials,
    revoked_only_here,
    revoked_serials,
    wanted_of,
)
from authz.services.hosts import put_hosts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.services.cloudflare_work import Work
    from authz.sources.cloudflare_document import ClientCertificateObject, MtlsCertificateObject
    from authz.store.records import Authority, Zone


def import_trust(work: Work, zone: Zone) -> None:
    """Authorities, the hosts that ask for them, and what is revoked.

    Raises:
        CertificateError, InvalidInputError: the managed CA that was given is none, or two
            authorities of a host are the same.
    """
    asked: dict[str, list[str]] = {}
    for one in work.given.hostname_associations:
        asked.setdefault(one.mtls_certificate_id or MANAGED, []).extend(one.hostnames)
    hosts: dict[str, list[str]] = {}
    clients = _clients(work)
    for certificate in work.account.mtls_certificates:
        names = asked.pop(certificate.id, [])
        mine = clients.get(certificate.id, [])
        authority = _authority(work, zone, certificate, names, mine)
        if authority is None:
            _not_trusted(work, names, certificate.name or certificate.id)
        else:
            hosts.setdefault(authority.id, []).extend(names)
            _known(work, authority, mine)
        if mine:
            work.items.append(clients_item(mine, None, managed=False))
    _managed(work, zone, asked.pop(MANAGED, []), clients.get(MANAGED, []), hosts)
    for unknown, names in asked.items():
        _not_trusted(work, names, f"{unknown}, which was not read")
    for authority in {one.id: one for one in work.authorities}.values():
        _hosts(work, zone, authority, hosts.get(authority.id, []))


def _clients(work: Work) -> dict[str, list[ClientCertificateObject]]:
    """Client certificates by the CA of the account that issued them; MANAGED: Cloudflare's own."""
    known = {one.id for one in work.account.mtls_certificates}
    found: dict[str, list[ClientCertificateObject]] = {}
    for client in work.given.client_certificates:
        issuer = client.certificate_authority.id if client.certificate_authority else None
        mine = issuer if issuer is not None and issuer in known else MANAGED
        found.setdefault(mine, []).append(client)
    return found


def _authority(
    work: Work,
    zone: Zone,
    certificate: MtlsCertificateObject,
    names: Sequence[str],
    clients: Sequence[ClientCertificateObject],
) -> Authority | None:
    """An uploaded CA: made when hosts of the zone ask for it, found when they did."""
    if names or clients:
        return take_authority(
            work.session, certificate, work.options, work.items, work.changes, zone
        )
    wanted, _ = wanted_of(certificate, work.options.at)
    return None if wanted is None else find_authority(work.session, wanted, zone)


def _managed(
    work: Work,
    zone: Zone,
    names: list[str],
    clients: Sequence[ClientCertificateObject],
    hosts: dict[str, list[str]],
) -> None:
    """The managed CA, its hosts and its certificates, as far as it is known."""
    if not names and not clients:
        return
    wanted = managed_of(work.options.managed_ca, clients, work.options.at)
    if wanted is None:
        _not_trusted(work, names, "Cloudflare's managed CA")
    else:
        authority, uploaded = put_authority(work.session, wanted, zone, **work.who())
        work.changes += [uploaded] if uploaded else []
        work.items.append(item_of("authority", wanted.name))
        hosts.setdefault(authority.id, []).extend(names)
        _known(work, authority, clients)
    if clients:
        work.items.append(clients_item(clients, wanted, managed=True))


def _known(work: Work, authority: Authority, clients: Sequence[ClientCertificateObject]) -> None:
    """An authority that is here, and what is revoked of it."""
    work.authorities.append(authority)
    revoked = put_serials(work.session, authority, revoked_serials(clients), **work.who())
    work.changes += [revoked] if revoked else []
    only_here = revoked_only_here(work.session, authority, clients)
    if only_here:
        text = f"{only_here} that are active at Cloudflare are revoked here and stay so"
        notes = [Note(code="revoked_here", text=text, changes=True)]
        work.items.append(item_of("client certificates", authority.name, notes))


def _hosts(work: Work, zone: Zone, authority: Authority, asked: Sequence[str]) -> None:
    """The hosts of one authority, those of Cloudflare in their order."""
    session = work.session
    names, refused = hostnames_of(session, zone, asked)
    work.items += refused
    before = tuple(one.hostname for one in session.hosts.all(zone.id, authority_id=authority.id))
    if names:
        work.items.append(item_of("hosts", f"{', '.join(names)}: {authority.name}"))
    if names == before:
        return
    put_hosts(session, zone, authority, names, **work.who())
    shown = ", ".join(names) or "no host"
    work.changes.append(f"authority {authority.name}: asked for by {shown}")
    gone = [name for name in before if name not in names]
    work.losses += [f"{name} asks no more for certificates of {authority.name}" for name in gone]


def _not_trusted(work: Work, names: Sequence[str], whose: str) -> None:
    if names:
        text = f"they ask for certificates of {whose}: nobody is verified there by it"
        work.items.append(
            item_of("hosts", ", ".join(names), [Note(code="not_trusted", text=text)], cannot=True)
        )
