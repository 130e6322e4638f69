# SPDX-License-Identifier: Apache-2.0
"""`/sign-in`: an API token becomes a session of the browser."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from authz.dashboard import cookies, csrf
from authz.dashboard.forms import Posted
from authz.dashboard.problems import text_of
from authz.dashboard.site import Site
from authz.dashboard.viewers import know, site_of
from authz.errors import AuthzError, ThrottledError, UnauthenticatedError
from authz.observability.log import get_logger
from authz.services.sign_ins import Browser, sign_in

router = APIRouter()

TheSite = Annotated[Site, Depends(site_of)]


@router.get("/sign-in")
def form(request: Request, site: TheSite) -> Response:
    """The form; whoever is signed in already goes on."""
    wanted = local(request.query_params.get("next", ""))
    try:
        know(request, site, site.backend.clock())
    except UnauthenticatedError:
        return _page(site, wanted)
    return RedirectResponse(wanted, status_code=303)


@router.post("/sign-in")
def begin(request: Request, posted: Posted, site: TheSite) -> Response:
    """Begin a session."""
    csrf.check_origin(request)
    at = site.backend.clock()
    wanted = local(posted.text("next"))
    address = request.client.host if request.client is not None else ""
    browser = Browser(address=address, agent=request.headers.get("User-Agent", ""))
    try:
        made = sign_in(
            site.backend.store(), posted.text("token"), browser, times=site.options.times, at=at
        )
    except UnauthenticatedError as error:
        return _refused(site, wanted, address, error, at)
    response = RedirectResponse(wanted, status_code=303)
    cookies.keep_session(
        response,
        made.secret,
        secure=site.options.secure,
        seconds=made.sign_in.expires_at - at,
    )
    return response


def local(wanted: str) -> str:
    """A page of ours to go to; the overview where something else is asked for."""
    parts = urlsplit(wanted)
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    is_plain = not (parts.scheme or parts.netloc) and wanted.isprintable()
    return wanted if is_ours and is_plain and not wanted.startswith("/sign-in") else "/"


def _refused(
    site: Site, wanted: str, address: str, error: UnauthenticatedError, at: float
) -> Response:
    wait = site.failures.failed(address or None, at)
    if wait is not None:
        raise ThrottledError(
            "too many attempts with tokens that are not valid",
            retry_after=wait,
            hint="wait a minute, and see that the token is right",
        )
    get_logger().info("a sign-in was refused", address=address, reason=error.message)
    return _page(site, wanted, error=error)


def _page(site: Site, wanted: str, *, error: AuthzError | None = None) -> HTMLResponse:
    text = site.renderer.render(
        "sign_in.html", {"next": wanted, "error": None if error is None else text_of(error)}
    )
    return HTMLResponse(text, status_code=200 if error is None else 401)
