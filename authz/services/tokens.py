# SPDX-License-Identifier: Apache-2.0
"""API tokens: made, shown once, kept as their SHA-256, and looked up for every call.

A token is 256 random bits, so a plain hash keeps it safe; a slow one would only help against
guessing what people choose.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authz.errors import UnauthenticatedError
from authz.services.context import audit, checked_name, new_id
from authz.services.permissions import Grant, Level, Principal, Resource
from authz.store.records import Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.store.engine import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A token that was just made: `secret` is shown now and never again."""

    token: Token
    secret: str = field(repr=False)


def create_token(
    store: Store,
    name: str,
    grants: Iterable[Grant],
    *,
    expires_at: float | None = None,
    actor: str,
    at: float,
) -> MadeToken:
    """Make a token.

    Raises:
        InvalidInputError: the name is none.
    """
    secret = new_secret()
    token = Token(
        id=new_id(),
        name=checked_name("name of the token", name),
        sha256=sha256_of(secret),
        scopes=tuple(_scope(one) for one in grants),
        created_at=at,
        expires_at=expires_at,
    )
    with store.note() as session:
        session.tokens.add(token)
        audit(
            session,
            "token.create",
            actor=actor,
            at=at,
            of=("token", token.id),
            after={"name": token.name, "scopes": token.scopes, "expires_at": expires_at},
        )
    return MadeToken(token=token, secret=secret)


def authenticate(store: Store, secret: str, *, at: float) -> Principal:
    """Whose token this is.

    Raises:
        UnauthenticatedError: nobody's; or it was revoked or has expired.
    """
    wanted = sha256_of(secret)
    with store.read() as session:
        token = session.tokens.by_sha256(wanted)
    if token is None or not hmac.compare_digest(token.sha256, wanted):
        raise UnauthenticatedError("the token is not known", hint="authz token create makes one")
    if token.revoked_at is not None:
        raise UnauthenticatedError("the token was revoked", hint="use another one")
    if token.expires_at is not None and at >= token.expires_at:
        raise UnauthenticatedError("the token has expired", hint="make a new one, or roll it")
    return Principal(
        token_id=token.id,
        name=token.name,
        grants=frozenset(_grant(one) for one in token.scopes),
        expires_at=token.expires_at,
    )


def new_secret() -> str:
    """A new token: 43 characters of `A-Za-z0-9_-`, 256 random bits."""
    return secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """By which a token is looked up, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _scope(grant: Grant) -> dict[str, Any]:
    return {"resource": grant.resource, "level": grant.level, "place": grant.place}


def _grant(scope: dict[str, Any]) -> Grant:
    return Grant(
        resource=Resource(scope["resource"]), level=Level(scope["level"]), place=scope["place"]
    )
