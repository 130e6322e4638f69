# SPDX-License-Identifier: Apache-2.0
"""Authorities: those of the account, one of either kind, its certificates and CRLs as files.

How one comes to be is in `authority_creation`, what is done to one in `authority_changes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from authz.ca.key_kinds import KeyKind
from authz.certs.pem import write_pem
from authz.dashboard import addresses
from authz.dashboard.authority_views import AuthorityView, authority_view
from authz.dashboard.certificate_views import ShownCertificate, file, shown
from authz.dashboard.certificate_words import ACTIONS, REASONS
from authz.dashboard.hosts_card import hosts_card
from authz.dashboard.viewers import Viewer, account_viewer, zone_viewer
from authz.errors import NotFoundError
from authz.services.audit_log import latest_entries
from authz.services.authorities import list_authorities
from authz.services.authority_state import authority_state, published_crl
from authz.services.fetched_crls import fetched_crls
from authz.services.permissions import Level, Resource
from authz.services.publication_urls import complete_crl_url, ocsp_url
from authz.services.revocation import list_revoked
from authz.store.records import AuthorityKind, CertificateRole

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority
    from authz.store.records import PublishedCrl

router = APIRouter()

#: Serial numbers on a page of the list.
PER_PAGE: Final = 50
_HISTORY: Final = 30
_CRL: Final = "application/pkix-crl"

Reader = Annotated[AuthorityView, authority_view(Level.READ)]
CertificateId = Annotated[str, Path()]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlRow:
    """The latest CRL of a kind that a certificate of an authority signed, None for none yet."""

    certificate: ShownCertificate
    kind: str
    crl: PublishedCrl | None
    url: str


@router.get(
    "/zones/{zone_id}/client-certificates/own-ca",
    dependencies=[account_viewer(Resource.CERTIFICATES, Level.READ)],
)
def own_of_zone(
    viewer: Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.READ)],
) -> Response:
    """The second tab of the client certificates of a zone: authorities of the user's own."""
    return viewer.page(
        "client_certificates/own_ca.html",
        tab="own",
        uploaded=uploaded_of(viewer),
        card=hosts_card(viewer),
        mtls_rule=addresses.mtls_rule(viewer.zone_id),
    )


@router.get("/authorities")
def own(viewer: Annotated[Viewer, account_viewer(Resource.CERTIFICATES, Level.READ)]) -> Response:
    """The authorities of the account."""
    return viewer.page("authorities/table.html", uploaded=uploaded_of(viewer))


@router.get("/zones/{zone_id}/authorities/{authority_id}")
@router.get("/authorities/{uploaded_id}")
def one(view: Reader, after: Annotated[str, Query(pattern=r"^[0-9A-F]{0,40}$")] = "") -> Response:
    """One authority."""
    return page(view, after=after)


@router.get("/zones/{zone_id}/authorities/{authority_id}/certificates.pem")
@router.get("/authorities/{uploaded_id}/certificates.pem")
def certificates(view: Reader) -> Response:
    """Every certificate that is trusted by it, as it was uploaded where it was."""
    known = view.known
    text = known.text or "".join(write_pem(each.der, "CERTIFICATE") for each in known.certificates)
    return file(text, addresses.file_name(view.authority.name, ".pem", otherwise="ca"))


@router.get("/zones/{zone_id}/authorities/{authority_id}/certificates/{certificate_id}.pem")
@router.get("/authorities/{uploaded_id}/certificates/{certificate_id}.pem")
def certificate(view: Reader, certificate_id: CertificateId) -> Response:
    """One of its certificates."""
    for each in view.known.certificates:
        if each.id == certificate_id:
            name = addresses.file_name(view.authority.name, f"-{each.id[:8]}.pem", otherwise="ca")
            return file(write_pem(each.der, "CERTIFICATE"), name)
    raise NotFoundError("the authority has no such certificate", hint="go back to its page")


@router.get("/zones/{zone_id}/authorities/{authority_id}/crls/{certificate_id}.crl")
def crl(view: Reader, certificate_id: CertificateId, kind: str = "complete") -> Response:
    """The latest CRL that one of its certificates signed, in DER."""
    found = published_crl(view.viewer.store, view.authority.id, certificate_id, kind=kind)
    name = addresses.file_name(view.authority.name, f"-{found.number}.crl", otherwise="ca")
    return file(found.body, name, _CRL)


def uploaded_of(viewer: Viewer) -> list[tuple[KnownAuthority, ShownCertificate]]:
    """The authorities of the account, each with the certificate that describes it."""
    return [
        (each, shown(each.certificates[0]))
        for each in list_authorities(viewer.store)
        if each.authority.kind is AuthorityKind.UPLOADED
    ]


def page(
    view: AuthorityView, *, after: str = "", errors: list[str] | None = None, **values: str
) -> Response:
    """The page of an authority.

    Args:
        after: the serial number behind which the list of revoked ones begins.
        values: of the form that failed.
    """
    viewer, authority = view.viewer, view.authority
    state = authority_state(viewer.store, authority.id, at=viewer.at)
    revoked = list_revoked(viewer.store, authority.id, after=after, most=PER_PAGE + 1)
    certificates = [shown(each) for each in view.known.certificates]
    url = viewer.backend.publication_url
    return viewer.page(
        "authorities/one.html",
        status=400 if errors else 200,
        errors=errors or [],
        view=view,
        authority=authority,
        state=state,
        certificates=certificates,
        previous=[one for one in certificates if one.record.role is CertificateRole.PREVIOUS],
        previous_roots=[
            one for one in certificates if one.record.role is CertificateRole.PREVIOUS_ROOT
        ],
        crls=crl_rows(view, certificates, state.crls) if view.is_embedded else [],
        fetched=[] if view.is_embedded else fetched_crls(viewer.backend.fetched, view.known),
        publication_url=url,
        ocsp_url=None if url is None else ocsp_url(url),
        revoked=revoked[:PER_PAGE],
        more_revoked=addresses.with_query(view.address, after=revoked[PER_PAGE - 1].serial)
        if len(revoked) > PER_PAGE
        else "",
        after=after,
        reasons=REASONS,
        actions=ACTIONS,
        kinds=list(KeyKind),
        values={"serial": "", "name": authority.name, **values},
        history=latest_entries(viewer.store, of=authority.id, most=_HISTORY)
        if viewer.may(Resource.AUDIT, Level.READ)
        else None,
    )


def crl_rows(
    view: AuthorityView, certificates: list[ShownCertificate], crls: tuple[PublishedCrl, ...]
) -> list[CrlRow]:
    """The CRLs that there are, and a line for each certificate that should have one."""
    by_kind = {(each.certificate_id, each.kind): each for each in crls}
    url = view.viewer.backend.publication_url
    rows = []
    for each in certificates:
        if each.record.key_id is None or each.record.not_after < view.viewer.at:
            continue
        for kind in ("complete", "delta"):
            found = by_kind.get((each.record.id, kind))
            if found is not None or kind == "complete":
                rows.append(
                    CrlRow(
                        certificate=each,
                        kind=kind,
                        crl=found,
                        url="" if url is None else complete_crl_url(url, each.record.id),
                    )
                )
    return rows
