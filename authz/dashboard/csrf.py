# SPDX-License-Identifier: Apache-2.0
"""Requests that change something come from our own pages.

Two independent signs: what the browser says about where a request comes from (Fetch Metadata,
Origin), and a token that only our pages have, made of the session's secret. The second one is asked
for wherever there is a session; a sign-in, which has none yet, rests on the first.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from authz.errors import ForbiddenError

if TYPE_CHECKING:
    from fastapi import Request

#: Methods that change nothing (RFC 9110 §9.2.1).
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: The name of the form's field, and the header that scripts send instead.
FIELD: Final = "csrf"
HEADER: Final = "X-CSRF-Token"

_OURS: Final = frozenset({"same-origin", "none"})


def token_of(secret: str) -> str:
    """The token of a session: 64 hexadecimal digits."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def check_origin(request: Request, own_url: str = "") -> None:
    """Make sure that the browser does not say that another site asks.

    Args:
        own_url: where browsers reach the dashboard, if a proxy in between changes `Host`.

    Raises:
        ForbiddenError: it does.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OURS:
        raise _foreign()
    origin = request.headers.get("Origin")
    if origin is not None and not _is_own(origin, request, own_url):
        raise _foreign()


def is_ours(request: Request, own_url: str = "") -> bool:
    """Whether the browser says that one of our own pages asks."""
    try:
        check_origin(request, own_url)
    except ForbiddenError:
        return False
    return "Origin" in request.headers or request.headers.get("Sec-Fetch-Site") == "same-origin"


def check(request: Request, secret: str, given: str, own_url: str = "") -> None:
    """Make sure that a request with a session comes from one of our pages.

    Args:
        given: the form's field; a header counts as well.
        own_url: as in `check_origin`.

    Raises:
        ForbiddenError: it does not.
    """
    check_origin(request, own_url)
    offered = request.headers.get(HEADER) or given
    if not hmac.compare_digest(offered.encode(), token_of(secret).encode()):
        raise ForbiddenError(
            "the form is not from this session", hint="open the page again and send it once more"
        )


def _is_own(origin: str, request: Request, own_url: str) -> bool:
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(netloc) and netloc.lower() in {
        request.headers.get("Host", "").lower(),
        urlsplit(own_url).netloc,
    }


def _foreign() -> ForbiddenError:
    return ForbiddenError("the request comes from another site", hint="use the dashboard's pages")
