# SPDX-License-Identifier: Apache-2.0
"""Any bytes as the Cookie header lead to the sign-in or to the page, and say nothing in a header of
the answer that is not one line."""

from __future__ import annotations

from typing import Final

from tests.fuzz.targets.app import APPS

_SESSION: Final = APPS.signed_in()
_PATHS: Final = ("/sessions", "/sign-in", "/sign-in/oidc/callback")


def run(data: bytes) -> None:
    """As the only cookie, and beside one that is good."""
    for cookie in (data, b"authz-session=" + _SESSION + b"; " + data):
        for path in _PATHS:
            headers = [(b"host", b"x"), (b"cookie", cookie)]
            status, answered, _ = APPS.ask(APPS.dashboard, "GET", path, headers)
            assert status in {200, 303, 400, 403, 404}, (path, status)
            assert not any(b"\r" in value or b"\n" in value for _, value in answered)
