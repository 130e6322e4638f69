# SPDX-License-Identifier: Apache-2.0
"""`/start` and `/zones/{zone_id}/start`: from nothing to a protected path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from authz.dashboard.addresses import file_name
from authz.dashboard.envoy_form import EnvoyForm, commands, read_form
from authz.dashboard.first_steps import first_steps, has_arrived
from authz.dashboard.problems import texts_of
from authz.dashboard.protected_path import example_of
from authz.dashboard.shown import ago, iso
from authz.dashboard.viewers import SomeViewer, Viewer, zone_viewer
from authz.envoy.pieces import marked
from authz.errors import AuthzError, NotFoundError
from authz.services.events import EventFilter, list_events
from authz.services.managed_authority import ensure_managed_authority
from authz.services.permissions import Level, Resource
from authz.services.zone_state import ZoneState, zone_state

if TYPE_CHECKING:
    from authz.dashboard.installation import EnvoyText

router = APIRouter()

Reader = Annotated[Viewer, zone_viewer(Resource.ZONES, Level.READ)]


@router.get("/start")
def first(viewer: SomeViewer) -> Response:
    """The steps of the first zone."""
    seen = (one for one in viewer.zones if viewer.may(Resource.ZONES, Level.READ, one.id))
    zone = next(seen, None)
    if zone is None:
        raise NotFoundError("there is no zone that you may see", hint="use another token")
    return RedirectResponse(f"/zones/{zone.id}/start", status_code=303)


@router.get("/zones/{zone_id}/start")
def steps(viewer: Reader) -> Response:
    """The steps, and Envoy's configuration for this installation."""
    form = read_form(viewer.request.query_params)
    state = zone_state(viewer.store, viewer.zone_id, at=viewer.at)
    envoy: EnvoyText | None = None
    errors: list[str] = []
    installation = viewer.site.options.installation
    try:
        envoy = installation.envoy(form.options())
    except AuthzError as error:
        errors = texts_of(error)
    sees_certificates = viewer.may(Resource.CERTIFICATES, Level.READ)
    label = state.some.label if sees_certificates and state.some is not None else ""
    example = example_of(viewer, state)
    without, with_it = commands(
        form, example.host, example.path, file_name(label, "", otherwise="client")
    )
    found = first_steps(viewer, state)
    return viewer.page(
        "start.html",
        steps=found,
        # The first that is to do; those after it are folded.
        next=next((one.name for one in found if one.done is False), ""),
        is_asked=bool(viewer.request.query_params),
        done=sum(one.done is True for one in found),
        may_make_ca=viewer.may(Resource.CERTIFICATES, Level.WRITE) and not state.authorities,
        form=form,
        errors=errors,
        envoy=envoy,
        marked=[] if envoy is None else list(marked(envoy.whole, envoy.pieces)),
        offers_sds=installation.offers_sds,
        example=example,
        label=label,
        without=without,
        with_it=with_it,
        arrived=_arrived(viewer, state),
    )


@router.get("/zones/{zone_id}/start/envoy.yaml")
def download(viewer: Reader) -> Response:
    """Envoy's configuration, whole."""
    form: EnvoyForm = read_form(viewer.request.query_params)
    text = viewer.site.options.installation.envoy(form.options()).whole
    return Response(
        text,
        media_type="application/yaml",
        headers={"Content-Disposition": 'attachment; filename="envoy.yaml"'},
    )


@router.get("/zones/{zone_id}/start/arrived")
def arrived(viewer: Reader) -> Response:
    """Whether the first request has arrived, for a script that waits for it."""
    return viewer.json(_arrived(viewer, zone_state(viewer.store, viewer.zone_id, at=viewer.at)))


@router.post("/zones/{zone_id}/start/ca")
def make_ca(viewer: Annotated[Viewer, zone_viewer(Resource.CERTIFICATES, Level.WRITE)]) -> Response:
    """Make the zone's own certificate authority, unless it has one."""
    made = ensure_managed_authority(
        viewer.store,
        viewer.zone_id,
        encryption=viewer.backend.encryption,
        publication_url=viewer.backend.publication_url,
        actor=viewer.actor,
        at=viewer.at,
    )
    return viewer.go(
        f"/zones/{viewer.zone_id}/start", f"The certificate authority {made.name} is there."
    )


def _arrived(viewer: Viewer, state: ZoneState) -> dict[str, Any]:
    """Whether a request has arrived, as the page and its script tell it."""
    found = has_arrived(viewer, state)
    if found is None:
        return {"arrived": None, "text": "Your token may not read events: it cannot be seen here."}
    if not found:
        return {"arrived": False, "text": "No request has arrived yet."}
    if state.heard_at is not None and viewer.may(Resource.EVENTS, Level.READ):
        event = list_events(viewer.store, EventFilter(zone_id=viewer.zone_id), most=1).events[0]
        done = "blocked" if event.verdict == "deny" else "allowed"
        rule = f" by the rule {event.rule}" if event.rule else ""
        path = str(event.event.get("path", ""))[:200]
        text = f"The last one: {event.host}{path} was {done}{rule}, {ago(event.at, viewer.at)}."
        return {"arrived": True, "text": text, "at": iso(event.at)}
    return {
        "arrived": True,
        "text": f"A certificate of this zone was seen {ago(state.seen_at, viewer.at)}.",
        "at": iso(state.seen_at),
    }
