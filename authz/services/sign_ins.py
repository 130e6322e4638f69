# SPDX-License-Identifier: Apache-2.0
"""Sessions of the dashboard: begun with an API token or by a provider, ended by either side.

What the browser keeps is 256 random bits, new with every sign-in; the store has their SHA-256. A
session of a token lets do what the token may, as it is now: one that is revoked, rolled, disabled
or over ends its sessions in the next request. Nothing remembers that a session is valid; that costs
one read by an index. When one was last used is noted in `sign_in_use`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from authz.errors import NotFoundError, UnauthenticatedError
from authz.services.authentication import checked_token, principal_of, valid_token
from authz.services.context import audit, new_id
from authz.services.permissions import Grant, Level, Principal, Resource
from authz.services.tokens import sha256_of
from authz.store.records import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from authz.services.sign_in_use import SignInUse
    from authz.store.engine import Store
    from authz.store.session import Session

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
class Person:
    """Somebody whom a provider knows.

    Args:
        name: what people know them by; others can have the same.
        subject: who they are (`subject_of`).
    """

    name: str
    subject: str
    grants: frozenset[Grant]


def subject_of(issuer: str, subject: str) -> str:
    """Whom a provider means: a hash, because what it calls people has any length and letters."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode("utf-8", "surrogatepass")).hexdigest()


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
    store: Store,
    token: str,
    browser: Browser,
    *,
    instead: str = "",
    times: SessionTimes,
    at: float,
) -> NewSignIn:
    """Begin a session with an API token.

    Args:
        instead: the secret of the session that the browser had; that one ends.

    Raises:
        UnauthenticatedError: the token is not valid.
    """
    found = valid_token(store, token, at=at)
    until = at + times.longest
    if found.expires_at is not None:
        until = min(until, found.expires_at)
    one, secret = _begun(found.name, found.sha256, browser, at, until)
    kept = replace(one, token_id=found.id)
    return _keep(store, kept, principal_of(found), secret, instead, at)


def sign_in_known(
    store: Store,
    person: Person,
    browser: Browser,
    *,
    instead: str = "",
    times: SessionTimes,
    at: float,
) -> NewSignIn:
    """Begin a session of somebody whom a provider knows; `instead` as in `sign_in`."""
    one, secret = _begun(person.name, person.subject, browser, at, at + times.longest)
    kept = replace(one, grants=tuple(sorted(map(_stored, person.grants), key=str)))
    return _keep(store, kept, _principal(kept), secret, instead, at)


def signed_in(
    store: Store, secret: str, *, times: SessionTimes, at: float, use: SignInUse | None = None
) -> SignedIn:
    """Whose session this is.

    Args:
        use: what knows more of when it was last used than the store.

    Raises:
        UnauthenticatedError: nobody's, not any more, or of a token that is not valid any more.
    """
    wanted = sha256_of(secret)
    with store.read() as session:
        one = session.sign_ins.by_sha256(wanted)
        if one is None or not hmac.compare_digest(one.sha256, wanted):
            raise UnauthenticatedError("your session has ended", hint="sign in again")
        if at >= one.expires_at:
            raise UnauthenticatedError("your session is over", hint="sign in again")
        last = one.last_used_at if use is None else use.last(one)
        # Also when that is so far ahead: it was begun or used before the clock was put back, and
        # would live on until then.
        if abs(at - last) >= times.idle:
            raise UnauthenticatedError(
                "your session is over: nobody used it for a while", hint="sign in again"
            )
        if one.token_id is None:
            principal = _principal(one)
        else:
            token = checked_token(session.tokens.get(one.token_id), at)
            if not hmac.compare_digest(token.sha256, one.subject):
                raise UnauthenticatedError("the token was rolled", hint="sign in with the new one")
            principal = principal_of(token)
    return SignedIn(sign_in=one, principal=replace(principal, sign_in_sha256=one.sha256))


def sessions_of(store: Store, who: SignedIn) -> list[SignIn]:
    """Every session of the same token or person, the last used first."""
    with store.read() as session:
        return session.sign_ins.of(who.sign_in)


def sign_out(store: Store, who: SignedIn, *, at: float) -> None:
    """End this session."""
    with store.note() as session:
        if session.sign_ins.remove(who.sign_in.id):
            _audit(session, "sign out", who.principal.actor, who.sign_in, at)


def end_session(store: Store, who: SignedIn, identifier: str, *, at: float) -> SignIn:
    """End a session of the same token or person.

    Raises:
        NotFoundError: they have none with this identifier.
    """
    with store.note() as session:
        for one in session.sign_ins.of(who.sign_in):
            if one.id == identifier:
                session.sign_ins.remove(one.id)
                _audit(session, "sign out", who.principal.actor, one, at)
                return one
    raise NotFoundError("there is no such session of yours", hint="maybe it has ended by itself")


def sign_out_everywhere(store: Store, who: SignedIn, *, but_here: bool = False, at: float) -> int:
    """End every session of the same token or person; how many.

    Args:
        but_here: this one goes on.
    """
    with store.note() as session:
        ended = session.sign_ins.remove_of(who.sign_in)
        if but_here:
            session.sign_ins.add(who.sign_in)
            ended -= 1
        _audit(session, "sign out everywhere", who.principal.actor, who.sign_in, at)
    return ended


def every_session(store: Store, *, idle: float, at: float) -> list[SignIn]:
    """Every session that is not over yet, of everybody, the last used first.

    Args:
        idle: seconds without a request after which one is over.
    """
    with store.read() as session:
        return [
            one
            for one in session.sign_ins.all()
            if at < one.expires_at and abs(at - one.last_used_at) < idle
        ]


def end_sessions(store: Store, ended: Iterable[SignIn], *, actor: str, at: float) -> list[SignIn]:
    """End sessions of anybody, for whoever has the store; those that were still there."""
    with store.note() as session:
        gone = [one for one in ended if session.sign_ins.remove(one.id)]
        for one in gone:
            _audit(session, "sign out", actor, one, at)
    return gone


def _begun(
    name: str, subject: str, browser: Browser, at: float, until: float
) -> tuple[SignIn, str]:
    secret = secrets.token_urlsafe(32)
    one = SignIn(
        id=new_id(),
        sha256=sha256_of(secret),
        name=_kept(name, _MAX_AGENT),
        token_id=None,
        subject=subject,
        grants=None,
        address=_kept(browser.address, _MAX_ADDRESS),
        agent=_kept(browser.agent, _MAX_AGENT),
        created_at=at,
        last_used_at=at,
        expires_at=until,
    )
    return one, secret


def _keep(
    store: Store, one: SignIn, principal: Principal, secret: str, instead: str, at: float
) -> NewSignIn:
    with store.note() as session:
        before = session.sign_ins.by_sha256(sha256_of(instead)) if instead else None
        if before is not None:
            session.sign_ins.remove(before.id)
        others = session.sign_ins.of(one)
        for old in others[MOST_SESSIONS - 1 :]:
            session.sign_ins.remove(old.id)
        session.sign_ins.add(one)
        _audit(session, "sign in", principal.actor, one, at)
    kept = replace(principal, sign_in_sha256=one.sha256)
    return NewSignIn(sign_in=one, principal=kept, secret=secret)


def _principal(one: SignIn) -> Principal:
    """Who has a session without a token."""
    grants = frozenset(map(_read, one.grants or ()))
    return Principal(token_id="", name=one.name, subject=one.subject, grants=grants)


def _audit(session: Session, action: str, actor: str, one: SignIn, at: float) -> None:
    audit(
        session,
        action,
        actor=actor,
        at=at,
        of=("session", one.id),
        after={"name": one.name, "address": one.address, "agent": one.agent},
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
