# SPDX-License-Identifier: Apache-2.0
"""What the browser keeps: the secret of the session, a notice for the next page, and what it needs
when it comes back from a provider.

With TLS the names begin with `__Host-` (RFC 6265bis §4.1.3.2): no other host and no connection
without TLS can set them. Nothing of it is for scripts, and other sites' requests do not bring it,
but for links (SameSite=Lax), which change nothing.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.responses import Response

_SESSION: Final = "authz-session"
_NOTICE: Final = "authz-notice"
_FLOW: Final = "authz-sign-in"
_MAX_NOTICE: Final = 1000
_MAX_FLOW: Final = 4000
#: How long somebody may take to sign in at a provider, in seconds.
_FLOW_SECONDS: Final = 15 * 60


def session_of(request: Request, *, secure: bool) -> str:
    """The secret of the session that a request brings, "" for none."""
    return request.cookies.get(_name(_SESSION, secure), "")[:128]


def keep_session(response: Response, secret: str, *, secure: bool, seconds: float) -> None:
    """Have the browser keep a session."""
    _set(response, _name(_SESSION, secure), secret, secure=secure, seconds=seconds)


def drop_session(response: Response, *, secure: bool) -> None:
    """Have the browser forget its session."""
    _set(response, _name(_SESSION, secure), "", secure=secure, seconds=0)


def notice_of(request: Request, *, secure: bool) -> str:
    """What the page before had to say, "" for nothing. Shown as text, whoever wrote it."""
    return _decoded(request.cookies.get(_name(_NOTICE, secure), ""))[:_MAX_NOTICE]


def keep_notice(response: Response, notice: str, *, secure: bool) -> None:
    """Have the next page say something; "" for nothing."""
    text = _encoded(notice[:_MAX_NOTICE])
    _set(response, _name(_NOTICE, secure), text, secure=secure, seconds=60 if notice else 0)


def flow_of(request: Request, *, secure: bool) -> tuple[str, str]:
    """The secret of the sign-in that this browser began at a provider, "" for none; and where it
    wanted to go."""
    kept = request.cookies.get(_name(_FLOW, secure), "")
    secret, _, wanted = kept[:_MAX_FLOW].partition(".")
    return secret, _decoded(wanted)


def keep_flow(response: Response, secret: str, wanted: str, *, secure: bool) -> None:
    """Have the browser keep it until it comes back. Lax: it comes back from another site."""
    value = f"{secret}.{_encoded(wanted)}"
    _set(response, _name(_FLOW, secure), value, secure=secure, seconds=_FLOW_SECONDS)


def drop_flow(response: Response, *, secure: bool) -> None:
    """Have the browser forget it: an answer counts once."""
    _set(response, _name(_FLOW, secure), "", secure=secure, seconds=0)


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()


def _decoded(kept: str) -> str:
    try:
        return base64.urlsafe_b64decode(kept.encode()).decode()
    except (binascii.Error, UnicodeError):
        return ""


def _name(name: str, secure: bool) -> str:
    return f"__Host-{name}" if secure else name


def _set(response: Response, name: str, value: str, *, secure: bool, seconds: float) -> None:
    response.set_cookie(
        name, value, max_age=int(seconds), path="/", secure=secure, httponly=True, samesite="lax"
    )
