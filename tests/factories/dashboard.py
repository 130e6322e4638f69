# SPDX-License-Identifier: Apache-2.0
"""The dashboard over a real SQLite store, called without a network, and served for a browser.

with visiting(directory, empty_store) as visitor:
    visitor.get("/zones/{zone}/rules")              # signed in; 200 expected
    visitor.post("/lists", {"name": "office"})      # the CSRF token is added; 303 expected
    visitor.as_reader().get(…)                      # somebody who may only read
with serving_pages(store) as served:
    served.url, served.token
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from authz.api.app import create_api
from authz.api.hosts import Hosts
from authz.api.server import ApiServer, Serving
from authz.ca.keys import KeyEncryption
from authz.dashboard import csrf
from authz.dashboard.app import Dashboard
from authz.dashboard.options import Options
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING, READING, Grant
from authz.services.tokens import create_token
from authz.store.engine import open_store
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from authz.services.oidc_provider import OidcProvider
    from authz.store.engine import Store

BASE = "http://dashboard"
READ_ONLY = READING


class Visitor:
    """A browser of somebody who is signed in; `{zone}` in a path is the default zone."""

    def __init__(
        self, bench: Bench, grants: Iterable[Grant] = EVERYTHING, name: str = "test"
    ) -> None:
        self.bench = bench
        made = create_token(bench.store, name, grants, actor="test", at=bench.now)
        self.token = made.secret
        self.client = bench.client()
        answer = self.send("POST", "/sign-in", data={"token": self.token, "next": "/"})
        assert answer.status_code == 303, answer.text

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request, redirects not followed."""
        return self.bench.run(self.client.request(method, self.bench.path(path), **more))

    def get(self, path: str, status: int = 200) -> str:
        """A page that must be answered with this status."""
        answer = self.send("GET", path)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer.text

    @property
    def csrf(self) -> str:
        """The token of this session's pages."""
        return csrf.token_of(str(self.client.cookies["authz-session"]))

    def post(
        self, path: str, fields: dict[str, Any] | None = None, status: int = 303
    ) -> httpx.Response:
        """A form of ours; it must be answered with this status."""
        answer = self.send("POST", path, data={"csrf": self.csrf, **(fields or {})})
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer

    def ask(self, path: str, value: Any, status: int = 200) -> Any:
        """JSON posted by a script of ours; the JSON that it gets."""
        headers = {"X-CSRF-Token": self.csrf, "Accept": "application/json"}
        answer = self.send("POST", path, json=value, headers=headers)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer.json()

    def with_grants(self, grants: Iterable[Grant], name: str = "other") -> Visitor:
        """Somebody else, who may do this."""
        return Visitor(self.bench, grants, name)

    def as_reader(self) -> Visitor:
        """Somebody who may read everything and change nothing."""
        return self.with_grants(READING, "reader")


class Bench:
    """A dashboard, its store and its clients."""

    def __init__(
        self,
        store: Store,
        options: Options | None = None,
        provider: OidcProvider | None = None,
    ) -> None:
        self.store = store
        self.world = World(store)
        self.now = time.time()
        self.options = options or Options()
        self.dashboard = Dashboard(self.backend(), self.options, provider=provider)
        self._runner = asyncio.Runner()
        self._clients: list[httpx.AsyncClient] = []
        with store.read() as session:
            self.zone_id = session.zones.all()[0].id

    def backend(self) -> Backend:
        """What the pages work with."""
        encryption = self.world.encryption
        return Backend(
            store=lambda: self.store, encryption=lambda: encryption, clock=lambda: self.now
        )

    def client(self) -> httpx.AsyncClient:
        """A browser of somebody who is not signed in."""
        transport = httpx.ASGITransport(self.dashboard, raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=transport, base_url=BASE)
        self._clients.append(made)
        return made

    def path(self, path: str) -> str:
        """A path with the default zone filled in."""
        return path.replace("{zone}", self.zone_id)

    def run(self, awaitable: Any) -> Any:
        """Wait for something."""
        return self._runner.run(awaitable)

    def close(self) -> None:
        """Let go of clients and the event loop."""
        for one in self._clients:
            self._runner.run(one.aclose())
        self.dashboard.settle()
        self._runner.close()


@contextlib.contextmanager
def visiting(
    directory: Path, empty_store: Path, options: Options | None = None
) -> Iterator[Visitor]:
    """Somebody who may do everything, over a new store."""
    shutil.copy(empty_store, directory)
    with contextlib.closing(open_store("sqlite", directory, create=False)) as store:
        bench = Bench(store, options)
        try:
            yield Visitor(bench)
        finally:
            bench.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A dashboard at an address of loopback, with a token that may do everything."""

    url: str
    token: str
    store: Store
    world: World
    zone_id: str


@contextlib.contextmanager
def serving_pages(
    store: Store,
    options: Options | None = None,
    provider: Callable[[str], OidcProvider] | None = None,
) -> Iterator[Served]:
    """The API and the dashboard as a node serves them.

    Args:
        provider: makes the one to sign in with, for the address of the dashboard.
    """
    encryption = KeyEncryption.from_key_file(bytes(range(32)))
    backend = Backend(store=lambda: store, encryption=lambda: encryption)
    api = create_api(backend)
    token = create_token(store, "browser", EVERYTHING, actor="test", at=time.time()).secret
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    known = None if provider is None else provider(url)
    pages = Dashboard(backend, options, api.state.access.failures, known)
    server = ApiServer(api, listener, Serving(hosts=Hosts(local=True), pages=pages))
    server.start()
    with store.read() as session:
        zone_id = session.zones.all()[0].id
    try:
        yield Served(
            url=url,
            token=token,
            store=store,
            world=World(store),
            zone_id=zone_id,
        )
    finally:
        server.stop()
        api.state.access.settle()
        pages.settle()
