# SPDX-License-Identifier: Apache-2.0
"""API tokens: made, shown once, kept as their SHA-256, and looked up for every call.

A token is 256 random bits, so a plain hash keeps it safe; a slow one would only help against
guessing what people choose.

Whoever has a token can only make and manage tokens that may do no more than that one (`within`);
whoever runs the command has the store, and may do anything. What tokens may do is written as
policies (`token_policies`); what is refused is in `token_checks` and `token_drafts`, whose a token
is in `authentication`.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError, NotFoundError
from authz.services.context import audit, checked_name, find_named, new_id
from authz.services.token_checks import (
    check_end,
    check_times,
    check_within,
    keep_a_manager,
    manages_on,
)
from authz.services.token_drafts import checked_policies
from authz.services.token_policies import PolicyDraft, grants_of, policies_of, stored
from authz.store.records import Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.services.permissions import Grant
    from authz.store.engine import Store
    from authz.store.session import Session

_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken:
    """A token that was just made or rolled: `secret` is shown now and never again."""

    token: Token
    secret: str = field(repr=False)


def create_token(
    store: Store,
    name: str,
    granted: Iterable[Grant | PolicyDraft],
    *,
    not_before: float | None = None,
    expires_at: float | None = None,
    within: frozenset[Grant] | None = None,
    until: float | None = None,
    actor: str,
    at: float,
) -> MadeToken:
    """Make a token.

    Args:
        granted: permissions, or policies as the API takes them.
        not_before, expires_at: Unix seconds; it is valid from the first and before the second.
        within: what whoever makes it may do; None for whoever has the store.
        until: when the token of whoever makes it ends; None for never.

    Raises:
        InvalidInputError: the name is none, a policy cannot be kept, the times make no sense, or
            it would last longer than `until`.
        ForbiddenError: it would do more than `within`.
    """
    with store.note() as session:
        session.tokens.lock()
        return add_token(
            session,
            name,
            granted,
            not_before=not_before,
            expires_at=expires_at,
            within=within,
            until=until,
            actor=actor,
            at=at,
        )


def add_token(
    session: Session,
    name: str,
    granted: Iterable[Grant | PolicyDraft],
    *,
    not_before: float | None = None,
    expires_at: float | None = None,
    within: frozenset[Grant] | None = None,
    until: float | None = None,
    secret: str | None = None,
    actor: str,
    at: float,
) -> MadeToken:
    """`create_token`, in a transaction that is open already; raises what that does.

    `secret` is one that the caller knows to be random, instead of a new one.
    """
    check_times(not_before, expires_at, at)
    check_end(until, expires_at)
    policies = checked_policies(session, granted)
    check_within(within, grants_of(policies))
    secret = new_secret() if secret is None else secret
    token = Token(
        id=new_id(),
        name=checked_name("name of the token", name),
        sha256=sha256_of(secret),
        scopes=stored(policies),
        created_at=at,
        modified_at=at,
        not_before=not_before,
        expires_at=expires_at,
    )
    session.tokens.add(token)
    _audit(session, "token.create", actor, at, after=token)
    return MadeToken(token=token, secret=secret)


def list_tokens(store: Store) -> list[Token]:
    """Every token but those that were revoked, the oldest first."""
    with store.read() as session:
        return [one for one in session.tokens.all() if one.revoked_at is None]


def get_token(store: Store, token_id: str) -> Token:
    """The token with this identifier.

    Raises:
        NotFoundError: there is none, or it was revoked.
    """
    with store.read() as session:
        return _there(session, token_id)


def find_token(store: Store, named: str) -> Token:
    """The token with this identifier, the only one of this name, or whose identifier begins so.

    Raises:
        NotFoundError: there is none, or it was revoked.
        InvalidInputError: it could be several.
    """
    tokens = list_tokens(store)
    if sum(one.name == named for one in tokens) > 1:
        raise InvalidInputError(
            f'several tokens have the name "{named}"', hint="write the identifier"
        )
    return find_named("token", tokens, named)


def update_token(
    store: Store,
    token_id: str,
    *,
    name: str,
    granted: Iterable[Grant | PolicyDraft],
    not_before: float | None = None,
    expires_at: float | None = None,
    disabled: bool | None = None,
    within: frozenset[Grant] | None = None,
    until: float | None = None,
    actor: str,
    at: float,
) -> Token:
    """Replace a token's name, policies and times; its secret stays.

    Args:
        disabled: None leaves it as it is.
        within, until: as in `create_token`.

    Raises:
        NotFoundError: there is none, or it was revoked.
        InvalidInputError: as in `create_token`.
        ForbiddenError: it does, or would do, more than `within`.
        ConflictError: nobody could manage tokens any more.
    """
    with store.note() as session:
        session.tokens.lock()
        before = _manageable(session, token_id, within)
        check_times(not_before, expires_at, at, before)
        check_end(until, expires_at)
        policies = checked_policies(session, granted, policies_of(before.scopes))
        check_within(within, grants_of(policies))
        disabled_at = before.disabled_at
        if disabled is not None:
            disabled_at = (before.disabled_at or at) if disabled else None
        token = replace(
            before,
            name=checked_name("name of the token", name),
            scopes=stored(policies),
            not_before=not_before,
            expires_at=expires_at,
            disabled_at=disabled_at,
            modified_at=_after(before, at),
        )
        keep_a_manager(session, token, within, at)
        session.tokens.update(token)
        _audit(session, "token.change", actor, at, before=before, after=token)
    return token


def roll_token(
    store: Store,
    token_id: str,
    *,
    within: frozenset[Grant] | None = None,
    until: float | None = None,
    actor: str,
    at: float,
) -> MadeToken:
    """Give a token a new secret; the old one counts no more. Its end stays.

    Raises:
        NotFoundError: there is none, or it was revoked.
        InvalidInputError: it lasts longer than `until`.
        ForbiddenError: it may do more than `within`.
    """
    secret = new_secret()
    with store.note() as session:
        session.tokens.lock()
        before = _manageable(session, token_id, within)
        check_end(until, before.expires_at)
        token = replace(before, sha256=sha256_of(secret), modified_at=_after(before, at))
        session.tokens.update(token)
        _audit(session, "token.roll", actor, at, before=before, after=token)
    return MadeToken(token=token, secret=secret)


def revoke_token(
    store: Store,
    token_id: str,
    *,
    within: frozenset[Grant] | None = None,
    actor: str,
    at: float,
) -> Token:
    """End a token for good. It stays in the store, where the audit log names it, and nowhere else.

    Raises:
        NotFoundError, ForbiddenError, ConflictError: as `update_token`.
    """
    with store.note() as session:
        session.tokens.lock()
        before = _manageable(session, token_id, within)
        token = replace(before, revoked_at=at, modified_at=_after(before, at))
        keep_a_manager(session, token, within, at)
        session.tokens.update(token)
        _audit(session, "token.revoke", actor, at, before=before, after=token)
    return token


def has_manager(store: Store, at: float) -> bool:
    """Whether there is a token that may manage tokens, and goes on to."""
    with store.read() as session:
        return any(manages_on(one, at) for one in session.tokens.all())


def new_secret() -> str:
    """A new token: 43 characters of `A-Za-z0-9_-`, 256 random bits."""
    return secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """By which a token is looked up, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _there(session: Session, token_id: str) -> Token:
    token = session.tokens.get(token_id) if _ID.fullmatch(token_id) else None
    if token is None or token.revoked_at is not None:
        raise NotFoundError(
            f'there is no token "{token_id[:100]}"', hint="authz token list shows them"
        )
    return token


def _manageable(session: Session, token_id: str, within: frozenset[Grant] | None) -> Token:
    token = _there(session, token_id)
    check_within(within, grants_of(policies_of(token.scopes)))
    return token


def _after(before: Token, at: float) -> float:
    """When a change counts as made: later than the one before, whatever the clock says meanwhile.

    By it a restored backup is told from what came after (store.since_backup).
    """
    last = before.created_at if before.modified_at is None else before.modified_at
    return at if at > last else math.nextafter(last, math.inf)


def _audit(
    session: Session,
    action: str,
    actor: str,
    at: float,
    *,
    before: Token | None = None,
    after: Token,
) -> None:
    audit(
        session,
        action,
        actor=actor,
        at=at,
        of=("token", after.id),
        before=None if before is None else _facts(before),
        after=_facts(after),
    )


def _facts(token: Token) -> dict[str, Any]:
    """A token as the audit log keeps it: not even the hash is."""
    return {
        "name": token.name,
        "policies": list(token.scopes),
        "not_before": token.not_before,
        "expires_at": token.expires_at,
        "disabled_at": token.disabled_at,
        "revoked_at": token.revoked_at,
    }
