# SPDX-License-Identifier: Apache-2.0
"""The dashboard as an ASGI application: pages, files, and what is answered when something fails."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, FastAPI, Request, Response

from authz.dashboard import problems
from authz.dashboard.headers import protect
from authz.dashboard.options import Options
from authz.dashboard.pages import (
    audit,
    authorities,
    authority_changes,
    authority_creation,
    client_certificate_changes,
    client_certificate_creation,
    client_certificates,
    events,
    expressions,
    files,
    hosts,
    list_items,
    lists,
    mtls_rule,
    overview,
    rule_editor,
    rule_versions,
    rules,
    sessions,
    settings,
    sign_in,
    sign_in_oidc,
    simulator,
    start,
    tokens,
    zone_settings,
)
from authz.dashboard.rendering import shared_renderer
from authz.dashboard.site import Site
from authz.dashboard.viewers import know
from authz.services.failures import Failures
from authz.services.sign_in_use import SignInUse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from authz.services.backend import Backend
    from authz.services.oidc_provider import OidcProvider

#: Every family of pages. Those of one family are in one module of `pages`.
ROUTERS: Final = (
    files.router,
    sign_in.router,
    sign_in_oidc.router,
    sessions.router,
    overview.router,
    expressions.router,
    # Before the editor, to which any word is a rule's identifier.
    mtls_rule.router,
    rule_versions.router,
    rules.router,
    rule_editor.router,
    events.router,
    simulator.router,
    # What makes one, and what has a name, is asked before what has an identifier there.
    authority_creation.router,
    authorities.router,
    authority_changes.router,
    client_certificate_creation.router,
    hosts.router,
    client_certificate_changes.router,
    client_certificates.router,
    lists.router,
    list_items.router,
    tokens.router,
    audit.router,
    settings.router,
    start.router,
    zone_settings.router,
)

#: All of them. They are the same over any backend, and what FastAPI works out of their signatures
#: takes a while: it does that once in a process, when a page is first looked for.
_PAGES: Final = APIRouter()
for _router in ROUTERS:
    _PAGES.include_router(_router)


class Dashboard:
    """The pages over a backend.

    Args:
        failures: those of the API, to be counted with ours.
        provider: who else lets people sign in, None for tokens alone.

    Attributes:
        app: the application; `app.state.site` is what its pages are made with.
    """

    def __init__(
        self,
        backend: Backend,
        options: Options | None = None,
        failures: Failures | None = None,
        provider: OidcProvider | None = None,
    ) -> None:
        self.app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        self._use = SignInUse(backend.store)
        self.app.state.site = Site(
            backend=backend,
            options=options or Options(),
            renderer=shared_renderer(),
            failures=failures or Failures(),
            use=self._use,
            provider=provider,
        )
        problems.install(self.app)
        self.app.middleware("http")(_protected)
        # Not included: FastAPI would work all of it out again.
        self.app.router.routes.extend(_PAGES.routes)

    def use(self, backend: Backend) -> None:
        """Work with another backend from now on."""
        self.app.state.site = replace(self.app.state.site, backend=backend)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        await self.app(scope, receive, send)

    def know(self, request: Request) -> None:
        """Make sure that somebody is signed in; raises UnauthenticatedError."""
        site: Site = self.app.state.site
        know(request, site, site.backend.clock())

    def settle(self) -> None:
        """Wait until it is written when sessions were used, as far as it can be."""
        self._use.settle()

    def refusal(self, request: Request, status: int, message: str) -> Response:
        """The page that says why a request is not looked at."""
        site: Site = self.app.state.site
        response = problems.page(site, request, status, message)
        protect(response, secure=site.options.secure)
        return response


async def _protected(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    site: Site = request.app.state.site
    protect(response, secure=site.options.secure)
    return response
