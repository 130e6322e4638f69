# SPDX-License-Identifier: Apache-2.0
"""What is done to an authority: settings, rotation, retirement, revoked serial numbers, its end.

What cannot be taken back has a page of its own that says what happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Response

from authz.ca.key_kinds import KeyKind, parse_key_kind
from authz.dashboard import addresses
from authz.dashboard.authority_views import AuthorityView, authority_view
from authz.dashboard.certificate_views import shown
from authz.dashboard.forms import Posted
from authz.dashboard.pages.authorities import page
from authz.dashboard.problems import texts_of
from authz.errors import (
    AuthzError,
    ConflictError,
    InvalidInputError,
    IssuanceError,
    KeyUnavailableError,
    NotFoundError,
)
from authz.services.authorities import rename_authority, set_revocation, set_sources
from authz.services.authority_lifecycle import (
    delete_authority,
    retire_previous,
    rotate_authority,
    set_status,
)
from authz.services.authority_state import authority_state
from authz.services.crls import sign_crl
from authz.services.permissions import Level
from authz.services.revocation import UNSPECIFIED, restore_serial, revoke_serial
from authz.services.root_rotation import has_root_above, retire_previous_root, rotate_root
from authz.store.records import CertificateRole

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.dashboard.viewers import Viewer

router = APIRouter()

DAYS_OF_YEAR: Final = 365.25
#: What a form is told of, and the page shows; everything else is an answer of its own.
_TOLD: Final = (ConflictError, InvalidInputError, IssuanceError, NotFoundError)

Writer = Annotated[AuthorityView, authority_view(Level.WRITE)]


@router.post("/zones/{zone_id}/authorities/{authority_id}/name")
@router.post("/authorities/{uploaded_id}/name")
def rename(view: Writer, form: Posted) -> Response:
    """Give it another name here."""
    name = form.text("name")

    def work(viewer: Viewer) -> None:
        rename_authority(viewer.store, view.authority.id, name, actor=viewer.actor, at=viewer.at)

    return _done(view, work, f"The name is “{name}” now.", name=name)


@router.post("/zones/{zone_id}/authorities/{authority_id}/status")
def status(view: Writer, form: Posted) -> Response:
    """Let it issue, or not."""
    wanted = form.text("status")

    def work(viewer: Viewer) -> None:
        set_status(viewer.store, view.authority.id, wanted, actor=viewer.actor, at=viewer.at)

    told = "It issues again." if wanted == "active" else "It issues nothing from now on."
    return _done(view, work, told)


@router.post("/zones/{zone_id}/authorities/{authority_id}/revocation")
@router.post("/authorities/{uploaded_id}/revocation")
def revocation(view: Writer, form: Posted) -> Response:
    """How strictly revocation is looked at."""
    mode = form.text("mode")

    def work(viewer: Viewer) -> None:
        set_revocation(viewer.store, view.authority.id, mode, actor=viewer.actor, at=viewer.at)

    return _done(view, work, f"Revocation is looked at in the mode “{mode}” now.")


@router.post("/authorities/{uploaded_id}/sources")
def sources(view: Writer, form: Posted) -> Response:
    """Where the revocations of an uploaded authority come from, beside its own list."""
    ocsp = form.text("ocsp") or "off"

    def work(viewer: Viewer) -> None:
        set_sources(
            viewer.store,
            view.authority.id,
            crl_urls=form.lines("crl_urls"),
            ocsp=ocsp,
            actor=viewer.actor,
            at=viewer.at,
        )

    told = "Saved. CRLs and OCSP answers come from there from now on."
    return _done(view, work, told, crl_urls=form.raw("crl_urls"), ocsp=ocsp)


@router.post("/zones/{zone_id}/authorities/{authority_id}/revoked")
@router.post("/authorities/{uploaded_id}/revoked")
def revoke(view: Writer, form: Posted) -> Response:
    """Put a serial number on its list, or take one off (`restore`)."""
    serial = form.text("serial")
    if form.checked("restore"):

        def work(viewer: Viewer) -> None:
            restore_serial(
                viewer.store, view.authority.id, serial, actor=viewer.actor, at=viewer.at
            )

        return _done(view, work, f"{serial} is off the list.")

    def put(viewer: Viewer) -> None:
        revoke_serial(
            viewer.store,
            view.authority.id,
            serial,
            reason=form.text("reason") or UNSPECIFIED,
            actor=viewer.actor,
            at=viewer.at,
        )

    return _done(view, put, f"{serial} is on the list.", serial=serial)


@router.post("/zones/{zone_id}/authorities/{authority_id}/crls")
def sign(view: Writer, form: Posted) -> Response:
    """Sign a complete CRL now."""

    def work(viewer: Viewer) -> None:
        sign_crl(
            viewer.store,
            view.authority.id,
            certificate_id=form.text("certificate_id") or None,
            publication_url=viewer.backend.publication_url,
            encryption=viewer.backend.encryption(),
            actor=viewer.actor,
            at=viewer.at,
        )

    return _done(view, work, "A new CRL is signed.")


@router.get("/zones/{zone_id}/authorities/{authority_id}/rotate")
def ask_to_rotate(view: Writer) -> Response:
    """What a rotation is."""
    return _rotation(view)


@router.post("/zones/{zone_id}/authorities/{authority_id}/rotate")
def rotate(view: Writer, form: Posted) -> Response:
    """Give it a new key and certificate."""
    viewer = view.viewer
    try:
        years = form.number("years", 0)
        kind = form.text("kind")
        follow = rotate_root if form.checked("root") else rotate_authority
        follow(
            viewer.store,
            view.authority.id,
            kind=parse_key_kind(kind) if kind else None,
            days=round(years * DAYS_OF_YEAR) if years else None,
            encryption=viewer.backend.encryption(),
            publication_url=viewer.backend.publication_url,
            actor=viewer.actor,
            at=viewer.at,
        )
    except KeyUnavailableError:
        raise
    except _TOLD as error:
        return _rotation(view, error)
    return viewer.go(
        view.address, "It issues with a new key now; what was issued before stays good."
    )


@router.get("/zones/{zone_id}/authorities/{authority_id}/retire")
def ask_to_retire(view: Writer) -> Response:
    """What happens to what the previous keys issued."""
    return _retirement(view)


@router.post("/zones/{zone_id}/authorities/{authority_id}/retire")
def retire(view: Writer, form: Posted) -> Response:
    """Trust what it was before its rotations no more."""
    viewer = view.viewer
    try:
        retire_previous(
            viewer.store,
            view.authority.id,
            force=form.checked("force"),
            actor=viewer.actor,
            at=viewer.at,
        )
    except _TOLD as error:
        return _retirement(view, error)
    return viewer.go(view.address, "What it was before its rotations is trusted no more.")


@router.get("/zones/{zone_id}/authorities/{authority_id}/retire-root")
def ask_to_retire_root(view: Writer) -> Response:
    """What happens to what stands below the previous roots."""
    return _retirement(view, of_root=True)


@router.post("/zones/{zone_id}/authorities/{authority_id}/retire-root")
def retire_root(view: Writer, form: Posted) -> Response:
    """Trust the roots that it had before no more."""
    viewer = view.viewer
    try:
        retire_previous_root(
            viewer.store,
            view.authority.id,
            force=form.checked("force"),
            actor=viewer.actor,
            at=viewer.at,
        )
    except _TOLD as error:
        return _retirement(view, error, of_root=True)
    return viewer.go(view.address, "The root that it had before is trusted no more.")


@router.get("/zones/{zone_id}/authorities/{authority_id}/delete")
@router.get("/authorities/{uploaded_id}/delete")
def ask_to_delete(view: Writer) -> Response:
    """What goes, or what keeps it here."""
    return _deletion(view)


@router.post("/zones/{zone_id}/authorities/{authority_id}/delete")
@router.post("/authorities/{uploaded_id}/delete")
def delete(view: Writer) -> Response:
    """Remove it."""
    viewer = view.viewer
    try:
        delete_authority(viewer.store, view.authority.id, actor=viewer.actor, at=viewer.at)
    except ConflictError as error:
        return _deletion(view, error)
    where = "/authorities"
    if view.authority.zone_id is not None:
        where = addresses.client_certificates(view.authority.zone_id)
    return viewer.go(where, f"“{view.authority.name}” is deleted.")


def _done(
    view: AuthorityView, work: Callable[[Viewer], None], told: str, **values: str
) -> Response:
    """The answer to a form of the authority's own page."""
    try:
        work(view.viewer)
    except KeyUnavailableError:
        raise
    except _TOLD as error:
        return page(view, errors=texts_of(error), **values)
    return view.viewer.go(view.address, told)


def _rotation(view: AuthorityView, error: AuthzError | None = None) -> Response:
    issuing = view.known.issuing
    return view.viewer.page(
        "authorities/rotate.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        view=view,
        authority=view.authority,
        issuing=None if issuing is None else shown(issuing),
        kinds=list(KeyKind),
        may_rotate_root=has_root_above(view.known),
    )


def _retirement(
    view: AuthorityView, error: AuthzError | None = None, *, of_root: bool = False
) -> Response:
    role = CertificateRole.PREVIOUS_ROOT if of_root else CertificateRole.PREVIOUS
    previous = [shown(one) for one in view.known.certificates if one.role is role]
    return view.viewer.page(
        "authorities/retire.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        view=view,
        authority=view.authority,
        previous=previous,
        of_root=of_root,
        may_force=isinstance(error, ConflictError),
    )


def _deletion(view: AuthorityView, error: AuthzError | None = None) -> Response:
    return view.viewer.page(
        "authorities/delete.html",
        status=200 if error is None else 400,
        errors=[] if error is None else texts_of(error),
        view=view,
        authority=view.authority,
        state=authority_state(view.viewer.store, view.authority.id, at=view.viewer.at),
    )
