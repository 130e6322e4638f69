# SPDX-License-Identifier: Apache-2.0
"""Headers of every page: what it may load and do, and who may show it. Nothing of anybody else's.

`same-origin` and not `no-referrer`: with that, browsers send `Origin: null` with our own forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.responses import Response

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}


#: A year of this host by TLS alone (RFC 6797); of no other host below its name.
STRICT_TRANSPORT: Final = "max-age=31536000"


def protect(response: Response, *, secure: bool) -> None:
    """Add them to an answer that does not have its own.

    Args:
        secure: whether browsers reach the dashboard by TLS.
    """
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if secure:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
