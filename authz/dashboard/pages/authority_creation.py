# SPDX-License-Identifier: Apache-2.0
"""How an authority comes to be: uploaded for the account, or made for a zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Response

from authz.ca.key_kinds import DEFAULT_KEY_KIND, KeyKind, parse_key_kind
from authz.ca.profiles import ROOT
from authz.dashboard import addresses
from authz.dashboard.forms import Posted, without_keys
from authz.dashboard.pages.authority_changes import DAYS_OF_YEAR
from authz.dashboard.problems import texts_of
from authz.dashboard.viewers import Viewer, account_viewer, zone_viewer
from authz.errors import (
    CertificateError,
    ConflictError,
    InvalidInputError,
    IssuanceError,
    KeyUnavailableError,
)
from authz.services.authority_creation import create_authority, upload_authority
from authz.services.permissions import Level, Resource

if TYPE_CHECKING:
    from authz.dashboard.forms import Form
    from authz.errors import AuthzError

router = APIRouter()

Owner = Annotated[Viewer, account_viewer(Resource.CERTIFICATES, Level.WRITE)]
Writer = Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.WRITE)]


@router.get("/authorities/upload")
def upload_form(viewer: Owner) -> Response:
    """The form for certificates of an authority of one's own."""
    return _upload(viewer)


@router.post("/authorities/upload")
def upload(viewer: Owner, posted: Posted) -> Response:
    """Trust an authority of one's own, for the hostnames that will ask for it."""
    try:
        known = upload_authority(
            viewer.store,
            posted.raw("certificates"),
            name=posted.text("name") or None,
            actor=viewer.actor,
            at=viewer.at,
        )
    except (CertificateError, ConflictError, InvalidInputError) as error:
        return _upload(viewer, posted, error)
    return viewer.go(
        addresses.authority(None, known.authority.id),
        "It is uploaded. Nobody is verified by it before a hostname asks for it.",
    )


@router.get("/zones/{zone_id}/authorities/new")
def creation_form(viewer: Writer) -> Response:
    """The form for an embedded CA."""
    return _creation(viewer)


@router.post("/zones/{zone_id}/authorities/new")
def create(viewer: Writer, posted: Posted) -> Response:
    """Make an embedded CA for the zone."""
    try:
        years = posted.number("years", round(ROOT.default_days / DAYS_OF_YEAR))
        known = create_authority(
            viewer.store,
            posted.text("name"),
            zone=viewer.zone_id,
            kind=parse_key_kind(posted.text("kind") or DEFAULT_KEY_KIND),
            days=round(years * DAYS_OF_YEAR),
            intermediate=posted.checked("intermediate"),
            organization=posted.text("organization"),
            encryption=viewer.backend.encryption(),
            publication_url=viewer.backend.publication_url,
            actor=viewer.actor,
            at=viewer.at,
        )
    except KeyUnavailableError:
        raise
    except (ConflictError, InvalidInputError, IssuanceError) as error:
        return _creation(viewer, posted, error)
    return viewer.go(
        addresses.authority(viewer.zone_id, known.authority.id),
        f"“{known.authority.name}” is made.",
    )


def _upload(
    viewer: Viewer, posted: Form | None = None, error: AuthzError | None = None
) -> Response:
    values = {"name": "", "certificates": ""}
    if posted is not None:
        values = {name: without_keys(posted.raw(name)) for name in values}
    return viewer.page(
        "authorities/upload.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        values=values,
    )


def _creation(
    viewer: Viewer, posted: Form | None = None, error: AuthzError | None = None
) -> Response:
    values: dict[str, Any] = {
        "name": "",
        "organization": "",
        "kind": str(DEFAULT_KEY_KIND),
        "years": str(round(ROOT.default_days / DAYS_OF_YEAR)),
    }
    if posted is not None:
        values = {name: posted.raw(name) for name in values}
    return viewer.page(
        "authorities/new.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        values=values | {"intermediate": posted is not None and posted.checked("intermediate")},
        kinds=list(KeyKind),
    )
