# SPDX-License-Identifier: Apache-2.0
"""What is answered when a page fails: what, and what to do; to scripts of ours, as JSON.

Whoever is not signed in is asked to, and comes back to the page that they wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from authz.dashboard import csrf
from authz.dashboard.headers import protect
from authz.dashboard.places import local
from authz.dashboard.requests import wants_json
from authz.dashboard.written import written
from authz.errors import (
    AuthzError,
    ForbiddenError,
    KeyUnavailableError,
    NotFoundError,
    PreconditionError,
    ProviderError,
    SettingsError,
    StoreUnavailableError,
    ThrottledError,
    UnauthenticatedError,
)
from authz.observability.log import get_logger

if TYPE_CHECKING:
    from fastapi import FastAPI

    from authz.dashboard.site import Site

_STATUSES: Final[tuple[tuple[type[AuthzError], int], ...]] = (
    (UnauthenticatedError, 401),
    (ForbiddenError, 403),
    (ThrottledError, 429),
    (NotFoundError, 404),
    (PreconditionError, 412),
    (StoreUnavailableError, 503),
    (KeyUnavailableError, 503),
    (SettingsError, 503),
    (ProviderError, 503),
)

#: Where these were found is of the machine, and nothing for who looks at a page.
_OF_THE_MACHINE: Final = (StoreUnavailableError, KeyUnavailableError, SettingsError)

_TITLES: Final = {
    400: "This cannot be done",
    401: "Sign in",
    403: "You may not do this",
    404: "There is no such page",
    405: "This is not how the page is used",
    412: "Somebody else was faster",
    421: "This is not the address of the dashboard",
    429: "Too many attempts",
    503: "This cannot be done now",
}


def status_of(error: AuthzError) -> int:
    """The status of the answer to an error of ours."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)


def text_of(error: AuthzError) -> str:
    """An error as one line for people: the fact, and what to do."""
    message = error.message
    if isinstance(error, _OF_THE_MACHINE):
        # Behind the colon are the driver's words, which name hosts and users.
        message = message.partition(": ")[0]
    text = message if error.where is None or isinstance(error, _OF_THE_MACHINE) else str(error)
    text = text[:1].upper() + text[1:]
    if error.hint:
        text = f"{text} — {error.hint}"
    return text if text.endswith(("?", "!", ".")) else f"{text}."


def texts_of(error: AuthzError) -> list[str]:
    """An error and those that were found with it."""
    return [text_of(one) for one in (error, *error.others)]


def page(
    site: Site, request: Request, status: int, message: str, others: tuple[str, ...] = ()
) -> Response:
    """The page, or the JSON, that says what failed."""
    title = _TITLES.get(status, _TITLES[400] if status < 500 else "Something went wrong")
    if wants_json(request):
        return JSONResponse(
            {"error": {"status": status, "title": title, "message": message, "others": others}},
            status_code=status,
        )
    values = {
        "title": title,
        "status": status,
        "message": message,
        "others": others,
        "written": written(request, site.options.url),
        "sign_in": f"/sign-in?next={quote(_page_before(request))}",
    }
    text = site.renderer.render("error.html", values)
    return HTMLResponse(text, status_code=status)


def install(app: FastAPI) -> None:
    """Have every error answered by a page."""

    @app.exception_handler(AuthzError)
    def _authz_error(request: Request, error: AuthzError) -> Response:
        return _answer(app.state.site, request, error)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        names = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
        return page(app.state.site, request, 400, f"The address or the form is not valid: {names}.")

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        return page(
            app.state.site, request, error.status_code, "Use the menu, or go back to the overview."
        )

    @app.exception_handler(Exception)
    def _defect(request: Request, error: Exception) -> Response:
        get_logger().error(
            "a page failed", method=request.method, path=request.url.path, exc_info=error
        )
        site: Site = app.state.site
        response = page(site, request, 500, "Internal error; the log of the service says more.")
        # The framework answers these outside of what protects every other answer.
        protect(response, secure=site.options.secure)
        return response


def _answer(site: Site, request: Request, error: AuthzError) -> Response:
    status = status_of(error)
    if status == 401 and not wants_json(request):
        if request.method in csrf.SAFE:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/sign-in?next={quote(wanted)}", status_code=303)
        return page(site, request, status, f"{text_of(error)} Nothing was done with what you sent.")
    if status == 503:
        get_logger().warning("a page could not be made", reason=str(error))
    first, *others = texts_of(error)
    response = page(site, request, status, first, tuple(others))
    if isinstance(error, ThrottledError):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def _page_before(request: Request) -> str:
    """Where the form was that somebody sent."""
    if request.method in csrf.SAFE:
        return request.url.path
    try:
        before = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    return local(before.path + (f"?{before.query}" if before.query else ""))
