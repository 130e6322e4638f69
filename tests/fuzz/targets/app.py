# SPDX-License-Identifier: Apache-2.0
"""The API and the dashboard as the targets call them: bytes as they are, without a client."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from authz.api.app import create_api
from authz.ca.keys import KeyEncryption
from authz.dashboard.app import Dashboard
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.store.engine import open_store

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

Headers = list[tuple[bytes, bytes]]


class Apps:
    """Both over one store in a directory of their own, and a token that may do everything."""

    def __init__(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="authz-fuzz-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        self.store = store = open_store("sqlite", directory)
        encryption = KeyEncryption.from_key_file(bytes(range(32)))
        backend = Backend(store=lambda: store, encryption=lambda: encryption)
        self.api = create_api(backend)
        self.dashboard = Dashboard(backend)
        self.token = create_token(store, "fuzz", EVERYTHING, actor="t", at=time.time()).secret
        self._runner = asyncio.Runner()
        with store.read() as session:
            self.zone_id = session.zones.all()[0].id
            self.account_id = session.zones.accounts()[0].id

    def path(self, path: str) -> str:
        """A path of a route with its zone and account, and with what is not there."""
        return path.replace("{zone}", self.zone_id).replace("{account}", self.account_id)

    def ask(
        self,
        app: ASGIApp,
        method: str,
        path: str,
        headers: Headers,
        body: bytes = b"",
        query: bytes = b"",
    ) -> tuple[int, Headers, bytes]:
        """One request: status, headers and body of the answer."""
        return self._runner.run(_ask(app, method, path, headers, body, query))

    def signed_in(self) -> bytes:
        """The secret of a new session."""
        form = f"token={self.token}&next=/".encode()
        headers = [(b"host", b"x"), (b"content-type", b"application/x-www-form-urlencoded")]
        status, answered, _ = self.ask(self.dashboard, "POST", "/sign-in", headers, form)
        assert status == 303
        cookie = dict(answered)[b"set-cookie"]
        return cookie.partition(b"=")[2].partition(b";")[0]


async def _ask(
    app: ASGIApp, method: str, path: str, headers: Headers, body: bytes, query: bytes
) -> tuple[int, Headers, bytes]:
    sent: list[Message] = []
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await app(scope, receive, send)
    start = sent[0]
    return start["status"], list(start["headers"]), b"".join(one.get("body", b"") for one in sent)


APPS: Final = Apps()
