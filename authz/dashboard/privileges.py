# SPDX-License-Identifier: Apache-2.0
"""Every page and form of the dashboard and what it needs, from what its routes are marked with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from authz.dashboard.app import ROUTERS
from authz.dashboard.viewers import viewer
from authz.services.privileges import Row, row

if TYPE_CHECKING:
    from collections.abc import Iterator


def pages() -> Iterator[Row]:
    """Each method of each route."""
    for router in ROUTERS:
        for route in router.routes:
            # A router within another one would hide its routes here.
            assert isinstance(route, APIRoute), route
            for method in sorted(route.methods or ()):
                yield row(method, route.path, route.dependant, viewer)
