# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/client-certificates`: the table, one certificate, and its files.

Making one is in `client_certificate_creation`, what is done to one in `client_certificate_changes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from authz.ca.description import describe
from authz.certs.certificate import Certificate
from authz.certs.pem import write_pem
from authz.dashboard import addresses
from authz.dashboard.certificate_views import Row, file, rows_of
from authz.dashboard.certificate_words import ACTIONS, ORDERS, REASONS, STATES
from authz.dashboard.deciding import judged
from authz.dashboard.hosts_card import hosts_card
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.services.audit_log import latest_entries
from authz.services.authorities import authority_in_zone, list_authorities
from authz.services.certificate_fields import fields_of
from authz.services.certificate_table import (
    MAX_PAGE,
    MAX_SEARCH,
    CertificateOrder,
    CertificateState,
    find_certificates,
)
from authz.services.certificates import certificate_in_zone
from authz.services.hosts import list_hosts
from authz.services.issuance import bundle_of, chain_of
from authz.services.permissions import Level, Resource
from authz.store.records import AuthorityKind, CertificateRole, CertificateStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from authz.services.authorities import KnownAuthority
    from authz.store.records import ClientCertificate

router = APIRouter()

PER_PAGE: Final = 50
#: Entries of the audit log that the page of a certificate has.
_HISTORY: Final = 50

Reader = Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.READ)]
CertificateId = Annotated[str, Path()]


@router.get("/zones/{zone_id}/client-certificates")
def table(
    viewer: Reader,
    state: CertificateState = CertificateState.ALL,
    search: Annotated[str, Query(max_length=MAX_SEARCH)] = "",
    order: CertificateOrder | None = None,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
) -> Response:
    """The certificates that were issued here."""
    wanted = order or _order_for(state)
    found = find_certificates(
        viewer.store,
        viewer.zone_id,
        state=state,
        search=search,
        order=wanted,
        page=page,
        per_page=PER_PAGE,
        at=viewer.at,
    )

    def at_page(number: int) -> str:
        return addresses.with_query(
            viewer.request.url.path,
            state="" if state is CertificateState.ALL else str(state),
            search=search,
            order="" if order is None else str(order),
            page="" if number == 1 else number,
        )

    return viewer.page(
        "client_certificates/table.html",
        tab="issued",
        rows=rows_of(viewer.store, found.certificates, found.authorities, viewer.at),
        found=found,
        state=state,
        search=search,
        order=found.order,
        reordered=found.order is not wanted,
        is_filtered=bool(search.strip()) or state is not CertificateState.ALL,
        states=STATES,
        orders=ORDERS,
        previous=at_page(page - 1) if page > 1 else "",
        next=at_page(page + 1) if found.has_more else "",
        card=hosts_card(viewer),
        embedded=embedded_of(viewer),
        mtls_rule=addresses.mtls_rule(viewer.zone_id),
    )


@router.get("/zones/{zone_id}/client-certificates/{certificate_id}")
def one(viewer: Reader, certificate_id: CertificateId) -> Response:
    """One certificate: what it is, what rules see of it, and what was done to it."""
    known, authority = _known(viewer, certificate_id)
    leaf = Certificate.from_der(known.der)
    above = chain_of(authority, leaf)
    sent = [each for each in above if not each.is_self_issued]
    trusted = [
        Certificate.from_der(each.der, allow_zero_serial=True)
        for each in authority.certificates
        if each.role is not CertificateRole.CHAIN
    ]
    may_read_history = viewer.may(Resource.AUDIT, Level.READ)
    (row,) = rows_of(
        viewer.store, (known,), {known.authority_id: authority.authority.name}, viewer.at
    )
    return viewer.page(
        "client_certificates/one.html",
        row=row,
        known=known,
        authority=authority.authority,
        facts=describe(leaf),
        names=_alternative_names(leaf),
        fields={
            **_judged(viewer, row, sent),
            **fields_of(leaf, sent, trusted=trusted).values,
        },
        chain=[describe(each) for each in (leaf, *above)],
        pem=write_pem(known.der, "CERTIFICATE"),
        mtls_rule=addresses.mtls_rule(viewer.zone_id, fingerprint=known.fingerprint_sha256),
        reasons=REASONS,
        actions=ACTIONS,
        history=latest_entries(viewer.store, of=known.id, most=_HISTORY)
        if may_read_history
        else None,
    )


@router.get("/zones/{zone_id}/client-certificates/{certificate_id}/certificate.pem")
def pem(viewer: Reader, certificate_id: CertificateId) -> Response:
    """The certificate with its chain, as a TLS client sends them."""
    known, _ = _known(viewer, certificate_id)
    name = addresses.file_name(known.label, ".pem", otherwise="client")
    return file(bundle_of(viewer.store, known), name)


def embedded_of(viewer: Viewer) -> list[KnownAuthority]:
    """The embedded CAs of the zone of the page, the oldest first."""
    return [
        each
        for each in list_authorities(viewer.store)
        if each.authority.zone_id == viewer.zone_id and each.authority.kind is AuthorityKind.MANAGED
    ]


def _known(viewer: Viewer, certificate_id: str) -> tuple[ClientCertificate, KnownAuthority]:
    known, _ = certificate_in_zone(viewer.store, viewer.zone_id, certificate_id)
    return known, authority_in_zone(viewer.store, viewer.zone_id, known.authority_id)


def _order_for(state: CertificateState) -> CertificateOrder:
    """The order in which a filter is most of use."""
    return {
        CertificateState.EXPIRING: CertificateOrder.EXPIRES_FIRST,
        CertificateState.EXPIRED: CertificateOrder.EXPIRES_LAST,
    }.get(state, CertificateOrder.NEWEST)


def _judged(viewer: Viewer, row: Row, sent: Sequence[Certificate]) -> dict[str, bool]:
    """What rules see of how it is judged now, by a host of the zone that accepts its authority.

    Without one: as such a host would.
    """
    known = row.certificate
    hosts = (
        host.hostname
        for host in list_hosts(viewer.store, viewer.zone_id)
        if any(one.id == known.authority_id for one in host.authorities)
    )
    hostname = next(hosts, "")
    found = judged(viewer, hostname, (known.der, *(one.der for one in sent))) if hostname else None
    if found is None:
        is_verified = known.expires_at + 1 > viewer.at
        is_revoked = is_verified and known.status is CertificateStatus.REVOKED
    else:
        is_verified, is_revoked = found.verified, found.revoked
    values = {
        "cert_presented": True,
        "cert_verified": is_verified,
        "cert_revoked": is_revoked,
    }
    return {f"cf.tls_client_auth.{name}": value for name, value in values.items()}


def _alternative_names(leaf: Certificate) -> list[tuple[str, Any]]:
    named = (
        ("DNS", leaf.san_dns),
        ("URI", leaf.san_uri),
        ("Email", leaf.san_email),
        ("IP", tuple(map(str, leaf.san_ip))),
    )
    return [(kind, values) for kind, values in named if values]
