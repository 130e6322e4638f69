# SPDX-License-Identifier: Apache-2.0
"""Every route of the dashboard, for tests of what all of them keep to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from authz.dashboard.app import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Routes that people use who are not signed in.
OPEN = frozenset(
    {
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/sign-in/oidc"),
        ("GET", "/sign-in/oidc/callback"),
        ("GET", "/static/{digest}/{name:path}"),
        ("GET", "/favicon.ico"),
    }
)

#: Posted to by readers as well: their own sessions, and what is computed and forgotten.
READING_POSTS = re.compile(
    r"/sign-out(-everywhere)?|/sessions/(end-others|\{session_id\}/end)"
    r"|/zones/\{zone_id\}/(expressions?|replay|simulator)(/[^/]*)?"
)


def routes() -> Iterator[tuple[str, APIRoute]]:
    """Each method of each route."""
    for router in ROUTERS:
        for route in router.routes:
            # A router within another one would hide its routes here.
            assert isinstance(route, APIRoute), route
            for method in sorted(route.methods):
                yield method, route
