# SPDX-License-Identifier: Apache-2.0
"""Applications that are only played, behind the guard of the API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI

from authz.api import problems
from authz.api.guard import Guard
from authz.api.hosts import Hosts
from authz.api.limits import Limits
from authz.api.metrics import ApiMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from authz.api.guard import Pages

LOCAL = Hosts(local=True)
LIMITS = Limits(readers=1, writers=1, queue_seconds=0.02, body_bytes=100_000)


class Played:
    """A guarded application, and a client of it."""

    def __init__(self, app: FastAPI, limits: Limits = LIMITS, pages: Pages | None = None) -> None:
        problems.install(app)
        self.metrics = ApiMetrics()
        self.guard = Guard(app, pages=pages, hosts=LOCAL, limits=limits, metrics=self.metrics)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.guard), base_url="http://localhost"
        )

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            async with self.client() as client:
                return await client.request(method, path, **more)

        return asyncio.run(call())

    def counted(self) -> set[tuple[str, str, int]]:
        return set(self.metrics._requests)


def playing(*routes: tuple[str, str, Callable[..., Any]], limits: Limits = LIMITS) -> Played:
    """An application with these routes: method, path, function."""
    app = FastAPI()
    for method, path, endpoint in routes:
        app.add_api_route(path, endpoint, methods=[method], response_model=None)
    return Played(app, limits)
