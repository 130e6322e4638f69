# SPDX-License-Identifier: Apache-2.0
"""Sessions of the dashboard: begun with an API token or by a provider, ended by either side.

What the browser keeps is 256 random bits; the store has their SHA-256. A session of a token lets
do what the token may, as it is now: one that is revoked, rolled, disabled or over ends its sessions
in the next request. Nothing remembers that a session is valid; that costs one read by an index.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import UnauthenticatedError
from authz.services.authentication import checked_token, principal_of, valid_token
from authz.services.context import audit, new_id
from authz.services.permissions import Grant, Level, Principal, Resource
from authz.services.tokens import sha256_of
from authz.store.records import SignIn

if TYPE_CHECKING:
    from authz.store.engine import Store
    from authz.store.session import Session

#: How exact the moment of the last use is, in seconds.
EVERY_SECONDS: Final = 60.0
#: Sessions of one token or person; beyond, the one that was used the longest ago ends.
MOST_SESSIONS: Final = 50

_MAX_AGENT: Final = 255
_MAX_ADDRESS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """How long sessions last, in seconds: without a request, and at most."""

    idle: float = 30 * 60.0
    longest: float = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """Where somebody signs in: the client's address, and what it says it is."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignIn:
    """A session that has just begun: `secret` is for the browser, and nobody else."""

    sign_in: SignIn
    principal: Principal
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Whose session it is, and what they may."""

    sign_in: SignIn
    principal: Principal


def sign_in(
    store: Store, token: str, browser: Browser, *, times: SessionTimes, at: float
) -> NewSignIn:
    """Begin a session with an API token.

    Raises:
        UnauthenticatedError: the token is not valid.
    """
    found = valid_token(store, token, at=at)
    principal = principal_of(found)
    until = at + times.longest
    if found.expires_at is not None:
        until = min(until, found.expires_at)
    one, secret = _begun(found.name, browser, at, until)
    return _keep(store, replace(one, token_id=found.id), principal, secret, at)


def sign_in_known(
    store: Store,
    name: str,
    grants: frozenset[Grant],
    browser: Browser,
    *,
    times: SessionTimes,
    at: float,
) -> NewSignIn:
    """Begin a session of somebody whom a provider knows by `name`, and who may do `grants`."""
    one, secret = _begun(name, browser, at, at + times.longest)
    kept = replace(one, grants=tuple(sorted(map(_stored, grants), key=str)))
    principal = Principal(token_id="", name=one.name, grants=grants)
    return _keep(store, kept, principal, secret, at)


def signed_in(store: Store, secret: str, *, times: SessionTimes, at: float) -> SignedIn:
    """Whose session this is.

    Raises:
        UnauthenticatedError: nobody's, not any more, or of a token that is not valid any more.
    """
    wanted = sha256_of(secret)
    with store.read() as session:
        one = session.sign_ins.by_sha256(wanted)
        if one is None or not hmac.compare_digest(one.sha256, wanted):
            raise UnauthenticatedError("the session is not known", hint="sign in")
        if at >= one.expires_at or at - one.last_used_at >= times.idle:
            raise UnauthenticatedError("the session is over", hint="sign in again")
        if one.token_id is None:
            grants = frozenset(map(_read, one.grants or ()))
            principal = Principal(token_id="", name=one.name, grants=grants)
        else:
            token = session.tokens.get(one.token_id)
            principal = principal_of(checked_token(token, at))
    _used(store, one, at)
    return SignedIn(sign_in=one, principal=replace(principal, sign_in_sha256=one.sha256))


def sessions_of(store: Store, who: SignedIn) -> list[SignIn]:
    """Every session of the same token or person, the last used first."""
    with store.read() as session:
        return session.sign_ins.of(who.sign_in.token_id, who.sign_in.name)


def sign_out(store: Store, who: SignedIn, *, at: float) -> None:
    """End this session."""
    with store.note() as session:
        if session.sign_ins.remove(who.sign_in.id):
            _audit(session, "sign out", who.principal, who.sign_in, at)


def sign_out_everywhere(store: Store, who: SignedIn, *, at: float) -> int:
    """End every session of the same token or person; how many."""
    with store.note() as session:
        ended = session.sign_ins.remove_of(who.sign_in.token_id, who.sign_in.name)
        _audit(session, "sign out everywhere", who.principal, who.sign_in, at)
    return ended


def _begun(name: str, browser: Browser, at: float, until: float) -> tuple[SignIn, str]:
    secret = secrets.token_urlsafe(32)
    one = SignIn(
        id=new_id(),
        sha256=sha256_of(secret),
        name=_kept(name, _MAX_AGENT),
        token_id=None,
        grants=None,
        address=_kept(browser.address, _MAX_ADDRESS),
        agent=_kept(browser.agent, _MAX_AGENT),
        created_at=at,
        last_used_at=at,
        expires_at=until,
    )
    return one, secret


def _keep(store: Store, one: SignIn, principal: Principal, secret: str, at: float) -> NewSignIn:
    with store.note() as session:
        others = session.sign_ins.of(one.token_id, one.name)
        for old in others[MOST_SESSIONS - 1 :]:
            session.sign_ins.remove(old.id)
        session.sign_ins.add(one)
        _audit(session, "sign in", principal, one, at)
    kept = replace(principal, sign_in_sha256=one.sha256)
    return NewSignIn(sign_in=one, principal=kept, secret=secret)


def _used(store: Store, one: SignIn, at: float) -> None:
    if at - one.last_used_at >= EVERY_SECONDS:
        with store.note() as session:
            session.sign_ins.used(one.id, at)


def _audit(session: Session, action: str, principal: Principal, one: SignIn, at: float) -> None:
    audit(
        session,
        action,
        actor=principal.actor,
        at=at,
        of=("session", one.id),
        after={"address": one.address, "agent": one.agent},
    )


def _stored(grant: Grant) -> dict[str, Any]:
    return {"resource": str(grant.resource), "level": str(grant.level), "place": grant.place}


def _read(stored: dict[str, Any]) -> Grant:
    return Grant(
        resource=Resource(stored["resource"]), level=Level(stored["level"]), place=stored["place"]
    )


def _kept(text: str, most: int) -> str:
    """A client's text as a column can keep it."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()[:most]
