# SPDX-License-Identifier: Apache-2.0
"""`/sign-in`: an API token becomes a session of the browser."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from authz.dashboard import cookies, csrf
from authz.dashboard.forms import Posted
from authz.dashboard.places import local
from authz.dashboard.requests import address_of, browser_of
from authz.dashboard.signing_in import attempt_failed, begun, sign_in_page
from authz.dashboard.site import Site
from authz.dashboard.viewers import know, site_of
from authz.errors import UnauthenticatedError
from authz.services.sign_ins import sign_in

router = APIRouter()

TheSite = Annotated[Site, Depends(site_of)]


@router.get("/sign-in")
def form(request: Request, site: TheSite) -> Response:
    """The form; whoever is signed in already goes on, and whose session is over hears it."""
    wanted = local(request.query_params.get("next", ""))
    try:
        know(request, site, site.backend.clock())
    except UnauthenticatedError as error:
        had_one = bool(cookies.session_of(request, secure=site.options.secure))
        return sign_in_page(request, site, wanted, over=error if had_one else None)
    return RedirectResponse(wanted, status_code=303)


@router.post("/sign-in")
def begin(request: Request, posted: Posted, site: TheSite) -> Response:
    """Begin a session; one that the browser had ends."""
    csrf.check_origin(request, site.options.url)
    at = site.backend.clock()
    wanted = local(posted.text("next"))
    try:
        made = sign_in(
            site.backend.store(),
            posted.text("token"),
            browser_of(request),
            instead=cookies.session_of(request, secure=site.options.secure),
            times=site.options.times,
            at=at,
        )
    except UnauthenticatedError as error:
        attempt_failed(site, address_of(request), error, at)
        return sign_in_page(request, site, wanted, error=error)
    return begun(site, made, wanted, at)
