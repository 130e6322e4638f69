# SPDX-License-Identifier: Apache-2.0
"""`/settings`: the account, its zones, how this node runs, and what is one's own."""

from __future__ import annotations

import platform
from typing import Annotated, Any

from fastapi import APIRouter, Response

from authz import __version__
from authz.dashboard.attempts import about
from authz.dashboard.forms import Posted
from authz.dashboard.installation import Addresses
from authz.dashboard.viewers import SomeViewer, Viewer, account_viewer
from authz.errors import AuthzError
from authz.services.accounts import rename_account
from authz.services.permissions import ACCOUNT_WIDE, Level, Resource
from authz.services.zones import create_zone, losses_by
from authz.store.addresses import SCHEME

router = APIRouter()


@router.get("/settings")
def index(viewer: SomeViewer) -> Response:
    """What may be seen and changed."""
    return _page(viewer)


@router.post("/settings/account")
def rename(
    viewer: Annotated[Viewer, account_viewer(Resource.ACCOUNT, Level.WRITE)], form: Posted
) -> Response:
    """Give the account another name."""
    name = form.text("account_name")
    try:
        rename_account(viewer.store, name, actor=viewer.actor, at=viewer.at)
    except AuthzError as error:
        return _page(viewer, account_name=name, **about(error))
    return viewer.go("/settings", f"The account is called {name} now.")


@router.post("/settings/zones")
def make_zone(
    viewer: Annotated[Viewer, account_viewer(Resource.ZONES, Level.WRITE)], form: Posted
) -> Response:
    """Make a zone; where its names are protected until then, after that was told."""
    name = form.text("zone_name")
    grants = viewer.who.principal.grants
    try:
        losses = losses_by(viewer.store, name, within=grants)
        if losses and not form.checked("force"):
            return _page(viewer, zone_name=name, losses=losses, status=409)
        made = create_zone(
            viewer.store,
            name,
            force=bool(losses),
            within=grants,
            actor=viewer.actor,
            at=viewer.at,
        )
    except AuthzError as error:
        return _page(viewer, zone_name=name, **about(error))
    told = f"The zone {made.zone.name} is there. It has no rules yet, and lets everything pass."
    return viewer.go(f"/zones/{made.zone.id}", told)


def _page(viewer: Viewer, **more: Any) -> Response:
    return viewer.page(
        "settings.html",
        **{
            "errors": [],
            "account_name": viewer.account.name,
            "zone_name": "",
            "losses": (),
            **more,
        },
        may_make_zones=viewer.may(Resource.ZONES, Level.WRITE, ACCOUNT_WIDE),
        node=_node(viewer) if viewer.may(Resource.ACCOUNT, Level.READ) else (),
        sessions=viewer.who.sign_in,
    )


def _node(viewer: Viewer) -> list[tuple[str, str]]:
    """How this node runs: what it is called, and what it is."""
    installation = viewer.site.options.installation
    settings = installation.settings
    there = installation.addresses() or Addresses(grpc=(settings.grpc.listen,))
    certificate = "source.certificate of each check"
    if settings.certificate_source == "xfcc":
        hops = settings.xfcc.trusted_hops
        certificate = f"x-forwarded-client-cert, element {hops} from the right"
    database = "PostgreSQL" if settings.database.startswith(SCHEME) else "SQLite"
    told = [
        ("Version", __version__),
        ("Python", platform.python_version()),
        ("Envoy asks it at", ", ".join(there.grpc)),
        ("Workers", str(settings.grpc.workers)),
        ("Client certificates come from", certificate),
        ("Trust bundles for Envoy (SDS)", _served(settings.sds.active, there.sds)),
        ("Metrics", _served(settings.metrics.active, there.metrics)),
        ("API and dashboard", _served(True, there.admin)),
        (
            "CRLs and OCSP",
            _served(settings.publication.active, there.publication),
        ),
        ("Encrypted (TLS)", "yes" if viewer.site.options.secure else "no"),
        ("Database", database),
    ]
    if viewer.may(Resource.ACCOUNT, Level.WRITE):
        # Where files are is for those who see to them.
        told.append(("Data directory", str(settings.data_dir.absolute())))
        if settings.policy is not None:
            told.append(("Policy file", str(settings.policy)))
    return told


def _served(active: bool, address: str | None) -> str:
    if not active:
        return "not served"
    return address or "served"
