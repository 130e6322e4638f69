# SPDX-License-Identifier: Apache-2.0
"""The management API over a real socket, for the official SDK.

    with serving(tmp_path) as server:
        server.client().client_certificates.list(zone_id=server.zone_id)
        server.faults.replace(500)      # the next change is done, and its answer is lost
        server.faults.cut()             # the same, and the connection ends instead
        server.faults.refuse(503)       # the next change is not done

The store is SQLite in the directory; whatever a test needs there it makes by `server.store`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvicorn
from cloudflare import AsyncCloudflare, Cloudflare

from authz.api.app import PREFIX, create_api
from authz.api.backend import Backend
from authz.ca.keys import KeyEncryption
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

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.seen: list[tuple[str, str, str]] = []
        self._planned: deque[tuple[str, int]] = deque()

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
        # Shorter than it was said to be: the server ends the connection.
        await send({"type": "http.response.body", "body": b"{}"})


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
    """The API on 127.0.0.1, gone at the end.

    Args:
        changes: of the Backend.
    """
    store = open_store("sqlite", directory)
    encryption = KeyEncryption.from_key_file(bytes(range(32)))
    given = {"store": lambda: store, "encryption": lambda: encryption, **changes}
    faults = Faults(create_api(Backend(**given)))
    # It listens before the server begins: whoever connects waits for it.
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    config = uvicorn.Config(
        faults, http="h11", ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with store.read() as session:
            zone, account = session.zones.all()[0], session.zones.accounts()[0]
        with contextlib.ExitStack() as clients:
            yield SdkServer(
                store=store,
                base_url=f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}",
                token=create_token(store, "all", EVERYTHING, actor="test", at=time.time()).secret,
                zone_id=zone.id,
                account_id=account.id,
                faults=faults,
                _clients=clients,
            )
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        store.close()
