# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/events` and `/events`: what happened, of a zone or of all, and what happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from authz.dashboard.event_page import event_page
from authz.dashboard.event_query import query_of
from authz.dashboard.event_views import events_page, tail
from authz.dashboard.problems import text_of
from authz.dashboard.viewers import Viewer, account_viewer, zone_viewer
from authz.services.events import get_event
from authz.services.permissions import Level, Resource

router = APIRouter()

OfZone = Annotated[Viewer, zone_viewer(Resource.EVENTS, Level.READ)]
OfAccount = Annotated[Viewer, account_viewer(Resource.EVENTS, Level.READ)]
#: As decisions have them (extauthz.decision_id): nothing else is looked for.
EventId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
#: The number of an event; databases count no further.
After = Annotated[int, Query(ge=0, le=(1 << 62))]


@router.get("/zones/{zone_id}/events")
def of_zone(viewer: OfZone) -> Response:
    """Events of a zone."""
    return _events(viewer)


@router.get("/events")
def of_account(viewer: OfAccount) -> Response:
    """Events of every zone, and of sites that are no zone's."""
    return _events(viewer)


@router.get("/zones/{zone_id}/events/tail")
def tail_of_zone(viewer: OfZone, after: After) -> Response:
    """Those that came since, for the script of the page."""
    return _tail(viewer, after)


@router.get("/events/tail")
def tail_of_account(viewer: OfAccount, after: After) -> Response:
    """The same of every zone."""
    return _tail(viewer, after)


def _events(viewer: Viewer) -> Response:
    query, error = query_of(viewer.request.query_params, viewer.at)
    return viewer.page(
        "events/list.html",
        status=200 if error is None else 400,
        errors=[] if error is None else [text_of(error)],
        **events_page(viewer, query),
    )


def _tail(viewer: Viewer, after: int) -> Response:
    given = {
        name: value
        for name, value in viewer.request.query_params.items()
        if name not in ("before", "after")
    }
    query, error = query_of(given, viewer.at)
    if error is not None:
        raise error
    return viewer.json(tail(viewer, query, after))


@router.get("/zones/{zone_id}/events/{event_id}")
def one_of_zone(viewer: OfZone, event_id: EventId) -> Response:
    """One event of a zone."""
    return _event(viewer, event_id, viewer.zone_id)


@router.get("/events/{event_id}")
def one_of_account(viewer: OfAccount, event_id: EventId) -> Response:
    """One event of any zone, or of none."""
    return _event(viewer, event_id, None)


def _event(viewer: Viewer, event_id: str, zone_id: str | None) -> Response:
    stored = get_event(viewer.backend.store(), event_id, zone_id=zone_id)
    return viewer.page("events/event.html", **event_page(viewer, stored))
