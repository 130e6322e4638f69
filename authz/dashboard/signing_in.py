# SPDX-License-Identifier: Apache-2.0
"""What the ways to sign in share: the page, a session that begins, an attempt that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import HTMLResponse, RedirectResponse

from authz.dashboard import cookies
from authz.dashboard.problems import status_of, text_of
from authz.errors import AuthzError, ThrottledError
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from fastapi import Request, Response

    from authz.dashboard.site import Site
    from authz.services.sign_ins import NewSignIn


def sign_in_page(
    request: Request,
    site: Site,
    wanted: str,
    *,
    error: AuthzError | None = None,
    over: AuthzError | None = None,
) -> HTMLResponse:
    """The page with every way to sign in.

    Args:
        wanted: where to go from there.
        error: why the last attempt failed.
        over: why there is no session any more.
    """
    provider = site.provider
    signed_out = request.query_params.get("signed-out", "") if error is None else ""
    values = {
        "provider": None if provider is None else provider.label,
        "provider_out": (
            provider.sign_out_url() if provider is not None and signed_out == "provider" else None
        ),
        "next": wanted,
        "error": None if error is None else text_of(error),
        "over": None if over is None else text_of(over),
        "signed_out": bool(signed_out),
    }
    text = site.renderer.render("sign_in.html", values)
    return HTMLResponse(text, status_code=200 if error is None else status_of(error))


def begun(site: Site, made: NewSignIn, wanted: str, at: float) -> Response:
    """The answer to whoever has just signed in."""
    response = RedirectResponse(wanted, status_code=303)
    seconds = made.sign_in.expires_at - at
    cookies.keep_session(response, made.secret, secure=site.options.secure, seconds=seconds)
    return response


def attempt_failed(site: Site, address: str, error: AuthzError, at: float) -> None:
    """Count an attempt to sign in that failed, together with those of the API.

    Raises:
        ThrottledError: the address had too many of them.
    """
    wait = site.failures.failed(address or None, at)
    if wait is not None:
        raise ThrottledError(
            "too many attempts to sign in that failed",
            retry_after=wait,
            hint="wait a minute, and see that the token is right",
        )
    get_logger().info("a sign-in was refused", address=address, reason=error.message)
