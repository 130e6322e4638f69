# SPDX-License-Identifier: Apache-2.0
"""The API over a real SQLite store, called without a network."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from authz.api.app import PREFIX, create_api
from authz.ca.keys import KeyEncryption
from authz.observability import log
from authz.services.backend import Backend
from authz.services.permissions import EVERYTHING, Grant
from authz.services.tokens import create_token
from authz.store.engine import open_store
from tests.factories.populated import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from authz.store.engine import Store


class Bench:
    """An API, its store, and a client with a token that may do everything."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.world = World(store)
        self.now = time.time()
        encryption = KeyEncryption.from_key_file(bytes(range(32)))
        self.app = create_api(
            Backend(store=lambda: self.store, encryption=lambda: encryption, clock=lambda: self.now)
        )
        self.token = self.token_for(EVERYTHING)
        self._runner = asyncio.Runner()
        self._client = self._client_of(self.app)
        with store.read() as session:
            self.zone_id = session.zones.all()[0].id
            self.account_id = session.zones.accounts()[0].id

    def use(self, app: FastAPI) -> None:
        """Call another application from now on."""
        self._runner.run(self._client.aclose())
        self.app = app
        self._client = self._client_of(app)

    @staticmethod
    def _client_of(app: FastAPI) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://api"
        )

    def token_for(self, grants: Iterable[Grant], **more: Any) -> str:
        """A new token with these grants."""
        return create_token(self.store, "test", grants, actor="test", at=self.now, **more).secret

    def call(
        self, method: str, path: str, *, token: str | None = None, **more: Any
    ) -> httpx.Response:
        """Call the API; `path` is behind its prefix, {zone} and {account} are filled in."""
        path = path.replace("{zone}", self.zone_id).replace("{account}", self.account_id)
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        return self._runner.run(
            self._client.request(method, PREFIX + path, headers=headers, **more)
        )

    def close(self) -> None:
        """Let go of the event loop."""
        self._runner.run(self._client.aclose())
        self.app.state.access.settle()
        self._runner.close()

    def result(self, method: str, path: str, **more: Any) -> Any:
        """The result of a call that must succeed."""
        answer = self.call(method, path, **more)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        return answer.json()["result"]

    def errors(self, status: int, method: str, path: str, **more: Any) -> list[dict[str, Any]]:
        """The errors of a call that must fail with this status."""
        answer = self.call(method, path, **more)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert body["success"] is False
        assert body["result"] is None
        found: list[dict[str, Any]] = body["errors"]
        assert found
        return found


@pytest.fixture
def api(tmp_path: Path, empty_store: Path) -> Iterator[Bench]:
    """An API over an empty store."""
    shutil.copy(empty_store, tmp_path)
    store = open_store("sqlite", tmp_path, create=False)
    made = Bench(store)
    yield made
    made.close()
    store.close()


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The log lines of the test so far, as data."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(log._writer, "put", lambda line: lines.append(json.loads(line)))
    return lines
