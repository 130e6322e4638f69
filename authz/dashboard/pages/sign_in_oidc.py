# SPDX-License-Identifier: Apache-2.0
"""`/sign-in/oidc`: to the provider, and back as a session of the browser.

Both are links and no forms: the policy of our pages (`form-action`) lets no form lead elsewhere.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from authz.dashboard import cookies
from authz.dashboard.places import local
from authz.dashboard.requests import address_of, browser_of
from authz.dashboard.signing_in import attempt_failed, begun, sign_in_page
from authz.dashboard.site import Site
from authz.dashboard.viewers import know, site_of
from authz.errors import AuthzError, NotFoundError, UnauthenticatedError
from authz.services.oidc_client import Flow
from authz.services.oidc_provider import OidcProvider
from authz.services.sign_ins import sign_in_known

router = APIRouter()

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")

TheSite = Annotated[Site, Depends(site_of)]


def _provider(site: TheSite) -> OidcProvider:
    if site.provider is None:
        raise NotFoundError("there is no provider to sign in with", hint="use an API token")
    return site.provider


TheProvider = Annotated[OidcProvider, Depends(_provider)]


@router.get("/sign-in/oidc")
def leave(request: Request, site: TheSite, provider: TheProvider) -> Response:
    """To the provider; whoever is signed in already goes on.

    Any page can link here, and a provider may ask nothing: that must not take a session's place.
    """
    wanted = local(request.query_params.get("next", ""))
    with suppress(UnauthenticatedError):
        know(request, site, site.backend.clock())
        return RedirectResponse(wanted, status_code=303)
    secret = secrets.token_urlsafe(32)
    try:
        url = provider.authorization_url(Flow.of(secret), at=site.backend.clock())
    except AuthzError as error:
        return sign_in_page(request, site, wanted, error=error)
    response = RedirectResponse(url, status_code=303)
    cookies.keep_flow(response, secret, wanted, secure=site.options.secure)
    return response


@router.get("/sign-in/oidc/callback")
def come_back(request: Request, site: TheSite, provider: TheProvider) -> Response:
    """From the provider."""
    at, secure = site.backend.clock(), site.options.secure
    secret, kept = cookies.flow_of(request, secure=secure)
    wanted = local(kept)
    flow: Flow | None = None
    try:
        answer = _answer(request)
        flow = _flow(secret, answer)
        person = provider.person(answer, flow, at=at)
        made = sign_in_known(
            site.backend.store(),
            person,
            browser_of(request),
            instead=cookies.session_of(request, secure=secure),
            times=site.options.times,
            at=at,
        )
        response = begun(site, made, wanted, at)
    except AuthzError as error:
        # What answers no sign-in of this browser's counts for nothing: any page can have any
        # browser ask for it. And nobody is refused beforehand: others may have the same address.
        if flow is not None and isinstance(error, UnauthenticatedError):
            attempt_failed(site, address_of(request), error, at)
        response = sign_in_page(request, site, wanted, error=error)
    cookies.drop_flow(response, secure=secure)
    return response


def _flow(secret: str, answer: dict[str, str]) -> Flow:
    """The sign-in that this browser began, and that this is the answer to.

    Raises:
        UnauthenticatedError: it began none, or another one. What is made of no secret anybody
            could make.
    """
    if not _SECRET.fullmatch(secret):
        raise UnauthenticatedError(
            "your browser began no sign-in, or too long ago",
            hint="sign in once more, and have your browser keep cookies of this address",
        )
    flow = Flow.of(secret)
    flow.check(answer.get("state", ""))
    return flow


def _answer(request: Request) -> dict[str, str]:
    """What the provider had the browser bring, each thing once (RFC 6749 §3.1)."""
    given = request.query_params.multi_items()
    answer = dict(given)
    if len(given) != len(answer):
        raise UnauthenticatedError("the answer has something twice", hint="sign in once more")
    return answer
