# SPDX-License-Identifier: Apache-2.0
"""Credentials of a call: `Authorization: Bearer`, or `X-Auth-Key` with `X-Auth-Email`.

The legacy pair is an alias: the key is the token, and the email is not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.api.problems import INVALID_HEADERS, ApiError
from authz.errors import UnauthenticatedError
from authz.services.tokens import authenticate

if TYPE_CHECKING:
    from fastapi import Request

    from authz.api.backend import Backend
    from authz.services.permissions import Principal


def authenticated(request: Request, backend: Backend, at: float) -> Principal:
    """Whose token a request has.

    Raises:
        UnauthenticatedError: it has none, or nobody's.
        ApiError: the header cannot be read (400).
    """
    return authenticate(backend.store(), secret_of(request), at=at)


def secret_of(request: Request) -> str:
    """The token of a request; raises what `authenticated` does."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, secret = header.strip().partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise ApiError(
                400, INVALID_HEADERS, "Invalid request headers: Authorization is not a Bearer token"
            )
        return secret.strip()
    key = request.headers.get("X-Auth-Key")
    if key:
        return key.strip()
    raise UnauthenticatedError(
        "the call has no token", hint="send Authorization: Bearer and an API token"
    )
