# SPDX-License-Identifier: Apache-2.0
"""`/sessions`: where somebody is signed in, and how they sign out there; `/sign-out`: here."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from authz.dashboard import cookies
from authz.dashboard.agents import described
from authz.dashboard.viewers import SomeViewer, Viewer
from authz.services.sign_ins import end_session, sessions_of, sign_out, sign_out_everywhere

router = APIRouter()


@router.get("/sessions")
def own(viewer: SomeViewer) -> Response:
    """Where whoever looks at it is signed in."""
    here = viewer.who.sign_in.id
    use, times = viewer.site.use, viewer.site.options.times
    alive = [
        (one, use.last(one))
        for one in sessions_of(viewer.backend.store(), viewer.who)
        if viewer.at < one.expires_at and viewer.at - use.last(one) < times.idle
    ]
    # This one first, whatever the store knows of when it was used.
    alive.sort(key=lambda found: (found[0].id != here, -found[1]))
    rows = [
        {
            "id": one.id,
            "is_here": one.id == here,
            "browser": described(one.agent),
            "agent": one.agent,
            "address": one.address,
            "since": one.created_at,
            "last": last,
            "until": min(one.expires_at, last + times.idle),
        }
        for one, last in alive
    ]
    return viewer.page("sessions.html", sessions=rows)


@router.post("/sessions/end-others")
def end_others(viewer: SomeViewer) -> Response:
    """End every session of whoever this is but this one."""
    ended = sign_out_everywhere(viewer.backend.store(), viewer.who, but_here=True, at=viewer.at)
    said = "No other session was there." if not ended else "You are signed out everywhere else."
    return viewer.go("/sessions", said)


@router.post("/sessions/{session_id}/end")
def end_one(viewer: SomeViewer, session_id: str) -> Response:
    """End one of the own sessions."""
    if session_id == viewer.who.sign_in.id:
        return end(viewer)
    one = end_session(viewer.backend.store(), viewer.who, session_id, at=viewer.at)
    return viewer.go("/sessions", f"{described(one.agent)} is signed out.")


@router.post("/sign-out")
def end(viewer: SomeViewer) -> Response:
    """End this session."""
    sign_out(viewer.backend.store(), viewer.who, at=viewer.at)
    return _gone(viewer)


@router.post("/sign-out-everywhere")
def end_all(viewer: SomeViewer) -> Response:
    """End every session of whoever this is."""
    sign_out_everywhere(viewer.backend.store(), viewer.who, at=viewer.at)
    return _gone(viewer)


def _gone(viewer: Viewer) -> Response:
    how = "token" if viewer.who.sign_in.token_id is not None else "provider"
    response = RedirectResponse(f"/sign-in?signed-out={how}", status_code=303)
    cookies.drop_session(response, secure=viewer.site.options.secure)
    return response
