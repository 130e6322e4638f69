# SPDX-License-Identifier: Apache-2.0
"""`/` and `/zones/{zone_id}`: how things are, and what to look at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from authz.dashboard.first_steps import first_steps
from authz.dashboard.traffic import traffic
from authz.dashboard.viewers import SomeViewer, Viewer, zone_viewer
from authz.dashboard.zone_links import problem_url
from authz.services.permissions import Level, Resource
from authz.services.zone_problems import problems_of
from authz.services.zone_state import zone_state

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
    state = zone_state(viewer.store, viewer.zone_id, at=viewer.at)
    steps = first_steps(viewer, state)
    found = [
        (one, problem_url(viewer.zone_id, one))
        for one in problems_of(state, at=viewer.at)
        if all(viewer.may(each, Level.READ) for each in one.resources)
    ]
    return viewer.page(
        "overview.html",
        traffic=traffic(viewer),
        state=state,
        problems=found,
        # Whoever cannot know what is there is not told to begin.
        begins=not state.is_protected and any(one.done is False for one in steps[:4]),
        steps=steps,
        done=sum(one.done is True for one in steps),
    )
