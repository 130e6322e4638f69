# SPDX-License-Identifier: Apache-2.0
"""The application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Depends, FastAPI

import authz
from authz.api import openapi, problems
from authz.api.access import Access
from authz.api.envelope import Failure
from authz.api.preconditions import unconditional
from authz.api.repeats import Repeats
from authz.api.routes import (
    accounts,
    analytics,
    audit_logs,
    certificate_authorities,
    client_certificates,
    events,
    expressions,
    hostname_associations,
    list_items,
    lists,
    mtls_certificates,
    rulesets,
    rulesets_rules,
    rulesets_versions,
    tokens,
    zones,
)
from authz.api.sound_bodies import sound_body

if TYPE_CHECKING:
    from authz.services.backend import Backend

#: Where everything is: what the SDK calls `base_url`.
PREFIX: Final = "/client/v4"

_ROUTERS: Final[tuple[APIRouter, ...]] = (
    accounts.router,
    analytics.router,
    audit_logs.router,
    events.router,
    expressions.router,
    zones.router,
    client_certificates.router,
    # Before the authorities, of which `hostname_associations` might be one.
    hostname_associations.router,
    certificate_authorities.router,
    mtls_certificates.router,
    tokens.router,
    rulesets.router,
    rulesets_rules.router,
    rulesets_versions.router,
    lists.router,
    list_items.router,
)

#: Those with calls that honour `If-Match`; the others of them refuse it themselves.
_CONDITIONAL: Final = (
    hostname_associations.router,
    list_items.router,
    rulesets.router,
    rulesets_rules.router,
    rulesets_versions.router,
)

_FAILURES: Final = {
    400: "What was asked for cannot be done; `errors` say why.",
    401: "There is no token, or it is not valid.",
    403: "The token may not do this.",
    404: "There is no such object.",
    429: "Too many attempts with invalid tokens.",
    503: "The store cannot be reached.",
}


def _calls() -> APIRouter:
    made = APIRouter(generate_unique_id_function=openapi.operation_ids(PREFIX))
    for router in _ROUTERS:
        made.include_router(
            router,
            prefix=PREFIX,
            dependencies=[
                Depends(sound_body),
                *([] if router in _CONDITIONAL else [Depends(unconditional)]),
            ],
            responses={
                status: {"model": Failure, "description": text}
                for status, text in _FAILURES.items()
            },
        )
    return made


#: Every call. They are the same over any backend, and what FastAPI works out of their signatures
#: takes a while: it does that once in a process, when a call is first looked for.
_CALLS: Final = _calls()


def create_api(backend: Backend) -> FastAPI:
    """The API over a backend, as an ASGI application."""
    app = FastAPI(
        title="Envoy mTLS authorization: management API",
        version=authz.__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.backend = backend
    app.state.access = access = Access(backend)
    problems.install(app)
    openapi.install(app, PREFIX)
    app.add_middleware(Repeats, backend=backend, access=access)
    # Not included: FastAPI would work all of it out again.
    app.router.routes.extend(_CALLS.routes)
    return app
