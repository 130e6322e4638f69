# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document: the same text for the same routes, and true to what they answer.

It is served without a token: it says what the documentation says, and nothing of this installation.
docs/reference/openapi.json is it, word for word.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from fastapi.routing import APIRoute

_DESCRIPTION: Final = """\
Cloudflare's v4 API for mTLS: its paths, objects, envelope and errors, so that its SDKs and
Terraform provider work here with another base address. What differs is on the page "The management
API". Calls and objects that only this service has are marked `x-extension`.
"""

#: How a route is marked that Cloudflare does not have: `openapi_extra=EXTENSION`.
EXTENSION: Final[dict[str, Any]] = {"x-extension": True}

#: FastAPI's own, for bodies and parameters that are wrong: here they are a 400 in the envelope.
_FOREIGN: Final = ("HTTPValidationError", "ValidationError")


def operation_ids(prefix: str) -> Callable[[APIRoute], str]:
    """Names of calls, stable for whoever generates a client: whose, which family, which function.

    `zones_rulesets_create` is `create` of authz.api.routes.rulesets below /zones.
    """

    def name_of(route: APIRoute) -> str:
        scope = route.path.removeprefix(prefix).split("/")[1]
        family = route.endpoint.__module__.rpartition(".")[2]
        return "_".join(dict.fromkeys((scope, family, route.name)))

    return name_of


def install(app: FastAPI, prefix: str) -> None:
    """Have the application give this document.

    Args:
        prefix: of every path; it is the address of the document's server, which is relative.
    """

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, prefix)
        return app.openapi_schema

    # FastAPI's own way to have another document.
    app.openapi = openapi  # type: ignore[method-assign]  # documented like this


def as_text(document: dict[str, Any]) -> str:
    """A document as the repository keeps it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _document(app: FastAPI, prefix: str) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": prefix}],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    made["paths"] = {path.removeprefix(prefix): one for path, one in sorted(made["paths"].items())}
    seen: dict[str, str] = {}
    failures: dict[str, Any] = {}
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            operation["responses"] = _responses(operation["responses"], failures)
            name = operation["operationId"]
            where = f"{method.upper()} {path}"
            if name in seen:
                raise ValueError(f"{seen[name]} and {where} are both {name}")
            seen[name] = where
    made["components"]["responses"] = {name: failures[name] for name in sorted(failures)}
    schemas = made["components"]["schemas"]
    made["components"]["schemas"] = {
        name: schemas[name] for name in sorted(schemas) if name not in _FOREIGN
    }
    return made


def _responses(responses: dict[str, Any], failures: dict[str, Any]) -> dict[str, Any]:
    """Responses of one call, those that all calls share by reference."""
    shared = {}
    for status, response in responses.items():
        if status == "422":
            continue
        name = f"Failure{status}"
        if int(status) < 400 or failures.setdefault(name, response) != response:
            shared[status] = response
        else:
            shared[status] = {"$ref": f"#/components/responses/{name}"}
    return shared
