# SPDX-License-Identifier: Apache-2.0
"""`/sign-out`: the session of this browser ends, or every session of the same token or person."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from authz.dashboard import cookies
from authz.dashboard.viewers import SomeViewer, Viewer
from authz.services.sign_ins import sign_out, sign_out_everywhere

router = APIRouter()


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
    response = RedirectResponse("/sign-in", status_code=303)
    cookies.drop_session(response, secure=viewer.site.options.secure)
    return response
