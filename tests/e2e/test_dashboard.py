# SPDX-License-Identifier: Apache-2.0
"""The story of Cloudflare's page in a browser, on a node with a store behind a real Envoy.

https://developers.cloudflare.com/ssl/client-certificates/configure-your-mobile-app-or-iot-device/
and "Configure mTLS": a certificate is made, a rule is created and deployed, requests are blocked
and let through accordingly; a fingerprint is pinned, the certificate revoked and restored, and the
rules are rolled back. Whatever the browser does is a click or typed; requests go through Envoy.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from authz.demo.credentials import make_credentials
from authz.demo.envoy_config import render_envoy_config
from authz.demo.processes import Children
from authz.demo.stack import start_authz, start_envoy
from authz.settings import load_settings
from tests.e2e.harness import (
    Stack,
    authz_settings,
    default_options,
    http_client,
    send,
    wait_for_health,
)
from tests.factories import browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from authz.demo.upstream import Upstream

HOST = "api.localhost"
#: From the answer of a page to the first request that knows of it.
LIMIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    stack: Stack
    url: str
    token: str
    directory: Path

    def status(self, path: str, certificate: str = "") -> int:
        """What a client gets through Envoy."""
        with http_client("HTTP/1.1", self.stack.credentials, certificate) as client:
            port = self.stack.envoy.port
            return send(client, port, sni=HOST, host=HOST, path=path).status_code

    def comes_to(self, wanted: int, path: str, certificate: str = "") -> None:
        """Wait until a change that a page made is in force."""
        until = time.monotonic() + LIMIT_SECONDS
        while (found := self.status(path, certificate)) != wanted:
            assert time.monotonic() < until, f"{path} with {certificate or 'none'}: {found}"


@pytest.fixture
def node(tmp_path: Path, upstream: Upstream) -> Iterator[_Node]:
    """A new store, a node that serves it and its dashboard, and Envoy in front of it."""
    credentials = make_credentials(tmp_path, at=time.time())
    with Children() as children:
        settings = {
            **authz_settings("native"),
            "store": "on",
            "admin": {"enabled": True, "listen": "127.0.0.1:0"},
        }
        del settings["policy"]
        authz = start_authz(children, tmp_path, settings)
        config = render_envoy_config(
            load_settings(tmp_path / "authz.yaml"),
            default_options(credentials, upstream, authz.grpc),
        )
        envoy = start_envoy(children, tmp_path, config)
        wait_for_health(envoy, 1)
        token = tmp_path / "authz-data" / "admin-token"
        authz.child.wait_until(token.exists, "the first token")
        yield _Node(
            stack=Stack(credentials=credentials, authz=authz, envoy=envoy),
            url=f"http://{authz.admin}",
            token=token.read_text().strip(),
            directory=tmp_path,
        )


@pytest.fixture
def page(node: _Node) -> Iterator[Page]:
    """Somebody who is signed in with the first token."""
    with browser.chromium() as chromium:
        context = chromium.new_context(
            viewport={"width": 1280, "height": 900}, accept_downloads=True
        )
        with contextlib.closing(context), browser.watched(context) as made:
            browser.sign_in(made, node.url, node.token)
            yield made
