# SPDX-License-Identifier: Apache-2.0
"""Whose token somebody has: looked up by its SHA-256 in every call.

Nothing remembers that a token is valid: one that is revoked, rolled, disabled or changed counts so
in the next call, on every node that shares the store. What that costs is one read by an index.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from authz.errors import ForbiddenError, UnauthenticatedError
from authz.services.permissions import Principal, exceeding
from authz.services.times import rfc3339_seconds
from authz.services.token_policies import grants_of, policies_of
from authz.services.tokens import sha256_of

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.records import Token
    from authz.store.session import Session


def authenticate(store: Store, secret: str, *, at: float) -> Principal:
    """Whose token this is.

    Raises:
        UnauthenticatedError: nobody's; or it was revoked, is disabled, or not valid now.
    """
    return principal_of(valid_token(store, secret, at=at))


def valid_token(store: Store, secret: str, *, at: float) -> Token:
    """The token with this secret; raises what `authenticate` does."""
    wanted = sha256_of(secret)
    with store.read() as session:
        token = session.tokens.by_sha256(wanted)
    return _checked(token, wanted, at)


def check_still(session: Session, principal: Principal, *, at: float) -> None:
    """Make sure, in the transaction that changes something, that whoever asks may still.

    A call can wait for its turn to write, and its token be revoked meanwhile: whoever was told that
    it is revoked counts on nothing being done with it from then on.

    Raises:
        UnauthenticatedError: the token was revoked, rolled or disabled meanwhile, or has expired;
            or the session of the dashboard was ended.
        ForbiddenError: it may do less by now, or ends at another time.
    """
    if principal.sign_in_sha256 and session.sign_ins.by_sha256(principal.sign_in_sha256) is None:
        raise UnauthenticatedError("the session was ended", hint="sign in again")
    if not principal.token_id:
        return
    token = _checked(session.tokens.held(principal.token_id), principal.sha256, at)
    now = principal_of(token)
    if now.expires_at != principal.expires_at or exceeding(now.grants, principal.grants):
        raise ForbiddenError("the token was changed during the call", hint="call again")


def _checked(token: Token | None, wanted: str, at: float) -> Token:
    if token is None or not hmac.compare_digest(token.sha256, wanted):
        raise UnauthenticatedError("the token is not known", hint="authz token create makes one")
    return checked_token(token, at)


def checked_token(token: Token | None, at: float) -> Token:
    """The token, if it is valid at Unix time `at`.

    Raises:
        UnauthenticatedError: there is none, it was revoked, is disabled, or not valid now.
    """
    if token is None:
        raise UnauthenticatedError("the token is not known", hint="authz token create makes one")
    if token.revoked_at is not None:
        raise UnauthenticatedError("the token was revoked", hint="use another one")
    if token.disabled_at is not None:
        raise UnauthenticatedError(
            "the token is disabled", hint="use another one, or have it made active again"
        )
    if token.expires_at is not None and at >= token.expires_at:
        raise UnauthenticatedError("the token has expired", hint="make another one")
    if token.not_before is not None and at < token.not_before:
        raise UnauthenticatedError(
            "the token is not valid yet", hint=f"it is from {rfc3339_seconds(token.not_before)}"
        )
    return token


def principal_of(token: Token) -> Principal:
    """Who makes a call with this token."""
    return Principal(
        token_id=token.id,
        name=token.name,
        grants=grants_of(policies_of(token.scopes)),
        not_before=token.not_before,
        expires_at=token.expires_at,
        sha256=token.sha256,
    )


def status_of(token: Token, at: float) -> str:
    """`active`, `disabled` or `expired`, as the API says it."""
    if token.disabled_at is not None:
        return "disabled"
    if token.expires_at is not None and at >= token.expires_at:
        return "expired"
    return "active"
