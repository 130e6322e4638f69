# SPDX-License-Identifier: Apache-2.0
"""`/zones/{zone_id}/settings`: what a zone does where its rules say nothing."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Response

from authz.dashboard.attempts import about
from authz.dashboard.forms import Posted
from authz.dashboard.viewers import Viewer, zone_viewer
from authz.errors import AuthzError, PreconditionError
from authz.policy.model import DefaultAction, Misdirected, PathMode, UpstreamHeaders
from authz.services.namespace import DEFAULT_ZONE
from authz.services.permissions import Level, Resource
from authz.services.zones import change_zone, get_zone, settings_state

router = APIRouter()

#: What there is to choose, and what it does.
CHOICES: Final = {
    "default_action": (
        "When no rule decides",
        (
            (DefaultAction.ALLOW, "Allow", "Requests pass unless a rule blocks them."),
            (
                DefaultAction.BLOCK,
                "Block",
                (
                    "Requests are denied unless a rule ends with skip. Without such a rule nobody "
                    "gets through."
                ),
            ),
        ),
    ),
    "paths": (
        "Paths that can be read in several ways",
        (
            (
                PathMode.COMPARE,
                "Compare",
                (
                    "Every reading of a path such as /a/%2e%2e/admin is judged, and all have to be "
                    "allowed."
                ),
            ),
            (PathMode.REFUSE, "Refuse", "Such paths are denied."),
            (
                PathMode.AS_SENT,
                "As sent",
                "Only the path as it was sent is judged: for applications that read it so.",
            ),
        ),
    ),
    "misdirected": (
        "A host for which the connection was not made",
        (
            (
                Misdirected.ANSWER_421,
                "Answer 421",
                "The client is told to make a new connection, with the certificate for that host.",
            ),
            (Misdirected.IGNORE, "Ignore", "The request is judged like any other."),
        ),
    ),
}

HEADERS: Final = (
    (
        UpstreamHeaders.CF_CERT,
        "cf-cert-…",
        "Facts of the certificate in headers of their own, as Cloudflare sends them.",
    ),
    (
        UpstreamHeaders.CLIENT_CERT,
        "Client-Cert",
        "The certificate itself (RFC 9440).",
    ),
)


@router.get("/zones/{zone_id}/settings")
def index(viewer: Annotated[Viewer, zone_viewer(Resource.ZONES, Level.READ)]) -> Response:
    """The settings."""
    zone = viewer.zone
    assert zone is not None, "the path has a zone"
    values = {name: getattr(zone, name) for name in CHOICES}
    return _page(viewer, values, zone.upstream_headers, basis=settings_state(zone))


@router.post("/zones/{zone_id}/settings")
def change(
    viewer: Annotated[Viewer, zone_viewer(Resource.ZONES, Level.WRITE)], form: Posted
) -> Response:
    """Change them."""
    values = {name: form.text(name) for name in CHOICES}
    headers = form.many("upstream_headers")
    try:
        change_zone(
            viewer.store,
            viewer.zone_id,
            **values,
            upstream_headers=headers,
            seen=form.text("basis"),
            actor=viewer.actor,
            at=viewer.at,
        )
    except PreconditionError as error:
        # What is there now, to be looked at before anything is changed.
        zone = get_zone(viewer.store, viewer.zone_id)
        now = {name: getattr(zone, name) for name in CHOICES}
        state = settings_state(zone)
        return _page(viewer, now, zone.upstream_headers, basis=state, **about(error))
    except AuthzError as error:
        basis = form.text("basis")
        return _page(viewer, values, tuple(headers), basis=basis, **about(error))
    return viewer.go(f"/zones/{viewer.zone_id}/settings", "The settings of the zone are saved.")


def _page(
    viewer: Viewer, values: dict[str, str], headers: tuple[str, ...], **more: Any
) -> Response:
    return viewer.page(
        "zone_settings.html",
        **{"errors": [], **more},
        choices=CHOICES,
        values=values,
        all_headers=HEADERS,
        headers=headers,
        is_default=viewer.zone is not None and viewer.zone.name == DEFAULT_ZONE,
    )
