# SPDX-License-Identifier: Apache-2.0
"""What is done to a client certificate: revoked, restored, labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Response

from authz.dashboard import addresses
from authz.dashboard.certificate_views import rows_of
from authz.dashboard.certificate_words import REASONS
from authz.dashboard.forms import Posted
from authz.dashboard.guarding_rules import blind_to_revocation, named
from authz.dashboard.hosts_card import rules_of
from authz.dashboard.pages.client_certificates import CertificateId
from authz.dashboard.problems import texts_of
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.errors import InvalidInputError, InvalidRequestError
from authz.services.certificates import certificate_in_zone, set_label
from authz.services.permissions import Level, Resource
from authz.services.revocation import UNSPECIFIED, restore_certificate, revoke_certificate
from authz.store.records import CertificateStatus

if TYPE_CHECKING:
    from authz.store.records import ClientCertificate

router = APIRouter()

Writer = Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.WRITE)]


@router.get("/zones/{zone_id}/client-certificates/{certificate_id}/revoke")
def ask_to_revoke(viewer: Writer, certificate_id: CertificateId) -> Response:
    """What happens, and why it should."""
    return _question(viewer, certificate_id, "revoke")


@router.post("/zones/{zone_id}/client-certificates/{certificate_id}/revoke")
def revoke(viewer: Writer, certificate_id: CertificateId, form: Posted) -> Response:
    """Revoke it; one that is revoked already keeps its reason."""
    known = _known(viewer, certificate_id)
    try:
        revoke_certificate(
            viewer.store,
            known.id,
            reason=form.text("reason") or UNSPECIFIED,
            actor=viewer.actor,
            at=viewer.at,
        )
    except InvalidRequestError as error:
        return _question(viewer, certificate_id, "revoke", errors=texts_of(error))
    return viewer.go(_address(viewer, known), f"“{known.label}” is revoked.")


@router.get("/zones/{zone_id}/client-certificates/{certificate_id}/restore")
def ask_to_restore(viewer: Writer, certificate_id: CertificateId) -> Response:
    """What happens."""
    return _question(viewer, certificate_id, "restore")


@router.post("/zones/{zone_id}/client-certificates/{certificate_id}/restore")
def restore(viewer: Writer, certificate_id: CertificateId) -> Response:
    """Take it off the list of what is revoked."""
    known = _known(viewer, certificate_id)
    restore_certificate(viewer.store, known.id, actor=viewer.actor, at=viewer.at)
    return viewer.go(_address(viewer, known), f"“{known.label}” is restored.")


@router.get("/zones/{zone_id}/client-certificates/{certificate_id}/label")
def ask_for_label(viewer: Writer, certificate_id: CertificateId) -> Response:
    """Another label."""
    return _label_form(viewer, _known(viewer, certificate_id))


@router.post("/zones/{zone_id}/client-certificates/{certificate_id}/label")
def label(viewer: Writer, certificate_id: CertificateId, form: Posted) -> Response:
    """Give it another label."""
    known = _known(viewer, certificate_id)
    wanted = form.text("label")
    try:
        changed = set_label(viewer.store, known.id, wanted, actor=viewer.actor, at=viewer.at)
    except InvalidInputError as error:
        return _label_form(viewer, known, wanted, errors=texts_of(error))
    return viewer.go(_address(viewer, known), f"The label is “{changed.label}” now.")


def _known(viewer: Viewer, certificate_id: str) -> ClientCertificate:
    return certificate_in_zone(viewer.store, viewer.zone_id, certificate_id)[0]


def _address(viewer: Viewer, known: ClientCertificate) -> str:
    return addresses.client_certificate(viewer.zone_id, known.id)


def _question(
    viewer: Viewer, certificate_id: str, verb: str, errors: list[str] | None = None
) -> Response:
    known, authority = certificate_in_zone(viewer.store, viewer.zone_id, certificate_id)
    wanted = CertificateStatus.ACTIVE if verb == "revoke" else CertificateStatus.REVOKED
    if known.status is not wanted:
        done = "revoked already" if verb == "revoke" else "not revoked"
        return viewer.go(_address(viewer, known), f"“{known.label}” is {done}.")
    (row,) = rows_of(viewer.store, (known,), {known.authority_id: authority}, viewer.at)
    return viewer.page(
        f"client_certificates/{verb}.html",
        status=400 if errors else 200,
        errors=errors or [],
        row=row,
        known=known,
        reasons=REASONS,
        blind=[named(one) for one in blind_to_revocation(rules_of(viewer) or ())],
    )


def _label_form(
    viewer: Viewer,
    known: ClientCertificate,
    wanted: str | None = None,
    errors: list[str] | None = None,
) -> Response:
    return viewer.page(
        "client_certificates/label.html",
        status=400 if errors else 200,
        errors=errors or [],
        known=known,
        label=known.label if wanted is None else wanted,
    )
