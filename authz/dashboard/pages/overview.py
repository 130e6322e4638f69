# SPDX-License-Identifier: Apache-2.0
"""`/` and `/zones/{zone_id}`: how things are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from authz.dashboard.traffic import traffic
from authz.dashboard.viewers import SomeViewer, Viewer, zone_viewer
from authz.services.permissions import Level, Resource

router = APIRouter()


@router.get("/")
def home(viewer: SomeViewer) -> Response:
    """The first page that whoever is signed in may see."""
    sections = viewer.page_links
    if sections:
        return RedirectResponse(sections[0], status_code=303)
    return viewer.page("nothing.html")


@router.get("/zones/{zone_id}")
def zone(viewer: Annotated[Viewer, zone_viewer(Resource.ZONES, Level.READ)]) -> Response:
    """How a zone is."""
    return viewer.page("overview.html", traffic=traffic(viewer))
