# SPDX-License-Identifier: Apache-2.0
"""Every call of the API and what it needs, from what its routes are marked with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.routing import iter_route_contexts

from authz.api.app import PREFIX
from authz.api.calls import caller
from authz.services.privileges import Row, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


def calls(app: FastAPI) -> Iterator[Row]:
    """Each method of each route; paths are behind the API's prefix."""
    for route in iter_route_contexts(app.routes):
        assert route.path is not None, route
        # HEAD is GET without its body.
        for method in sorted(set(route.methods or ()) - {"HEAD"}):
            path = route.path.removeprefix(PREFIX)
            yield row(method, path, getattr(route, "dependant", None), caller)
