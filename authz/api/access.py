# SPDX-License-Identifier: Apache-2.0
"""Credentials of a call: `Authorization: Bearer`, or a header that Cloudflare had before it.

`X-Auth-Key` (with `X-Auth-Email`) and `X-Auth-User-Service-Key` are aliases: their value is the
token, and the email is not looked at. How often an address may be wrong is decided in `failures`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from authz.api.problems import INVALID_HEADERS, ApiError
from authz.errors import ThrottledError, UnauthenticatedError
from authz.observability.log import get_logger
from authz.services.authentication import principal_of, valid_token
from authz.services.failures import AccessMetrics, Failures
from authz.services.token_use import TokenUse

if TYPE_CHECKING:
    from fastapi import Request

    from authz.services.backend import Backend
    from authz.services.permissions import Principal
    from authz.store.records import Token

_ALIASES: Final = ("X-Auth-Key", "X-Auth-User-Service-Key")

#: What a token is made of; anything else was not made here, and is not looked up.
_CHARACTERS: Final = re.compile(r"[0-9A-Za-z_-]+")
_MAX_CHARACTERS: Final = 128


class Access:
    """Who calls; what it knows of failures lives as long as the process."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._failures = Failures()
        self._use = TokenUse(backend.store)

    @property
    def failures(self) -> Failures:
        """What it knows of failures, for whoever else lets people in."""
        return self._failures

    @property
    def metrics(self) -> AccessMetrics:
        """Counters of what was refused."""
        return self._failures.metrics

    def authenticated(self, request: Request, at: float) -> Principal:
        """Whose token a request has.

        Raises:
            UnauthenticatedError: it has none, or nobody's.
            ThrottledError: the same, from an address that had too many of them.
            ApiError: the header cannot be read (400).
            StoreUnavailableError: nobody can tell.
        """
        secret = secret_of(request)
        try:
            token = self._token(secret, at)
        except UnauthenticatedError as error:
            raise self._refused(request, error, at) from None
        self._use.used(token, at)
        return principal_of(token)

    def settle(self) -> None:
        """Wait until it is written when tokens were used, as far as it can be."""
        self._use.settle()

    def _token(self, secret: str, at: float) -> Token:
        if len(secret) > _MAX_CHARACTERS:
            raise UnauthenticatedError(
                "the token is not known", hint="authz token create makes one"
            )
        return valid_token(self._backend.store(), secret, at=at)

    def _refused(
        self, request: Request, error: UnauthenticatedError, at: float
    ) -> UnauthenticatedError | ThrottledError:
        address = request.client.host if request.client is not None else None
        wait = self._failures.failed(address, at)
        if wait is None:
            get_logger().info("a token was refused", address=address, reason=error.message)
            return error
        return ThrottledError(
            "too many calls with tokens that are not valid",
            retry_after=wait,
            hint="see that the token is right; a valid one is let through at once",
        )


def secret_of(request: Request) -> str:
    """The token of a request.

    Raises:
        UnauthenticatedError: it has none.
        ApiError: the header is not what it should be (400).
    """
    headers = request.headers
    given = headers.getlist("Authorization")
    if given:
        scheme, _, secret = given[0].strip().partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise _malformed("Authorization is not one Bearer token")
        return _checked("Authorization", secret)
    for name in _ALIASES:
        if headers.get(name):
            return _checked(name, headers[name])
    raise UnauthenticatedError(
        "the call has no token", hint="send Authorization: Bearer and an API token"
    )


def _checked(name: str, secret: str) -> str:
    secret = secret.strip()
    if not _CHARACTERS.fullmatch(secret):
        raise _malformed(f"{name} has no API token")
    return secret


def _malformed(what: str) -> ApiError:
    return ApiError(400, INVALID_HEADERS, f"Invalid request headers: {what}")
