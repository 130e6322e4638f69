# SPDX-License-Identifier: Apache-2.0
"""The management API over a real socket, for the official SDK.

    with serving(tmp_path) as server:
        server.client().client_certificates.list(zone_id=server.zone_id)
        server.faults.replace(500)      # the next change is done, and its answer is lost
        server.faults.cut()             # the same, and the connection ends instead
        server.faults.refuse(503)       # the next change is not done

The server is the one that a node runs (authz.api.server), with its guard, its limits and its
connections. The store is SQLite in the directory; whatever a test needs there it makes by
`server.store`. `serving_store` serves one that is open already.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cloudflare import AsyncCloudflare, Cloudflare

from authz.api.app import PREFIX, create_api
from authz.api.hosts import Hosts
from authz.api.server import ApiServer, Serving
from authz.ca.keys import KeyEncryption
from authz.observability import log
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from authz.services.permissions import Grant
    from authz.store.engine import Store

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
#: The SDK waits for so long before it repeats; by itself it takes half a second or more.
_SOON = (b"retry-after-ms", b"1")


class Faults:
    """What goes wrong with the changes to come, one after the other.

    Attributes:
        seen: method, path and `x-stainless-retry-count` of every request.
    """

    def __init__(self) -> None:
        self.app: ASGIApp
        self.seen: list[tuple[str, str, str]] = []
        self._planned: deque[tuple[str, int]] = deque()

    def around(self, app: ASGIApp) -> Faults:
        """This, as the middleware of an application."""
        self.app = app
        return self

    def replace(self, status: int = 500) -> None:
        """The next change is done, and answered with an error."""
        self._planned.append(("replace", status))

    def cut(self) -> None:
        """The next change is done, and the connection ends in the middle of the answer."""
        self._planned.append(("cut", 200))

    def refuse(self, status: int = 503) -> None:
        """The next change is not done, and answered with an error."""
        self._planned.append(("refuse", status))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        count = headers.get(b"x-stainless-retry-count", b"").decode()
        self.seen.append((scope["method"], scope["path"], count))
        if scope["method"] not in _CHANGES or not self._planned:
            await self.app(scope, receive, send)
            return
        how, status = self._planned.popleft()

        async def lost(message: Message) -> None:
            """Nobody hears of it."""

        if how != "refuse":
            await self.app(scope, receive, lost)
        length = b"1000" if how == "cut" else b"2"
        answer = [(b"content-type", b"application/json"), (b"content-length", length), _SOON]
        await send({"type": "http.response.start", "status": status, "headers": answer})
        # What never ends, the server ends.
        await send({"type": "http.response.body", "body": b"{}", "more_body": how == "cut"})


@dataclass(kw_only=True)
class SdkServer:
    """A server at work.

    Attributes:
        store: what it serves.
        token: may do everything.
    """

    store: Store
    base_url: str
    token: str
    zone_id: str
    account_id: str
    faults: Faults
    _clients: contextlib.ExitStack = field(repr=False)

    def client(self, token: str | None = None, **more: Any) -> Cloudflare:
        """The SDK, with another token when one is given; closed at the end of the test."""
        client = Cloudflare(
            base_url=self.base_url, api_token=token or self.token, timeout=30, **more
        )
        return self._clients.enter_context(client)

    def async_client(self, token: str | None = None, **more: Any) -> AsyncCloudflare:
        """The same for `async with`."""
        return AsyncCloudflare(
            base_url=self.base_url, api_token=token or self.token, timeout=30, **more
        )

    def token_for(self, grants: Iterable[Grant]) -> str:
        """A new token with these grants."""
        return create_token(self.store, "test", grants, actor="test", at=time.time()).secret


@contextlib.contextmanager
def serving(directory: Path, **changes: Any) -> Iterator[SdkServer]:
    """The API over the store of a directory on 127.0.0.1, gone at the end.

    Args:
        changes: of the Backend.
    """
    with (
        contextlib.closing(open_store("sqlite", directory)) as store,
        serving_store(store, **changes) as server,
    ):
        yield server


@contextlib.contextmanager
def serving_store(store: Store, *, token: str | None = None, **changes: Any) -> Iterator[SdkServer]:
    """The API over a store.

    Args:
        token: one that may do everything; None to make one.
        changes: of the Backend.
    """
    encryption = KeyEncryption.from_key_file(bytes(range(32)))
    app = create_api(Backend(store=lambda: store, **{"encryption": lambda: encryption, **changes}))
    faults = Faults()
    app.add_middleware(faults.around)
    # It listens before the server begins: whoever connects waits for it.
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    server = ApiServer(app, listener, Serving(hosts=Hosts(local=True)), drain_seconds=1)
    level = log._config.level
    # One line of each call, beside what pytest shows.
    log.configure_logging(level="warning")
    server.start()
    try:
        with store.read() as session:
            zone, account = session.zones.all()[0], session.zones.accounts()[0]
        if token is None:
            token = create_token(store, "all", EVERYTHING, actor="test", at=time.time()).secret
        with contextlib.ExitStack() as clients:
            yield SdkServer(
                store=store,
                base_url=f"http://127.0.0.1:{port}{PREFIX}",
                token=token,
                zone_id=zone.id,
                account_id=account.id,
                faults=faults,
                _clients=clients,
            )
    finally:
        server.stop()
        # When tokens were used last is written by a thread of its own.
        app.state.access.settle()
        log._config.level = level
