# SPDX-License-Identifier: Apache-2.0
"""The story of Cloudflare's page in a browser, on a node with a store behind a real Envoy.

https://developers.cloudflare.com/ssl/client-certificates/configure-mtls/

A certificate is made, a rule is created and deployed, requests are blocked
and let through accordingly; a fingerprint is pinned, the certificate revoked and restored, and the
rules are rolled back. Whatever the browser does is a click or typed; requests go through Envoy.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.stack import start_authz, start_envoy
from authz.envoy.config import render_envoy_config
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


def _created(page: Page, node: _Node, label: str) -> None:
    """A certificate whose key was made in the browser, where clients look for it."""
    page.get_by_role("link", name="Client Certificates").first.click()
    page.get_by_role("link", name="Create Certificate").first.click()
    page.get_by_label("Label").fill(label)
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("heading", name=f"“{label}” is created").wait_for()
    whole = b""
    for name in ("Save certificate", "Save private key"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=name).click()
        whole += waiting.value.path().read_bytes() + b"\n"
    node.stack.credentials.client_file(label).write_bytes(whole)


def _deployed(page: Page, path: str) -> None:
    """The form of a mTLS rule, sent."""
    page.get_by_label("URI Path").fill(path)
    page.get_by_label("Hostname").fill(HOST)
    page.get_by_label("Choose action").select_option("block")
    page.get_by_role("button", name="Deploy", exact=True).click()
    # Where requests have been recorded, it is shown first what the rule would do to them.
    done = page.get_by_role("heading", name="Rules", exact=True)
    now = page.get_by_role("button", name="Deploy now")
    expect(done.or_(now)).to_be_visible()
    if now.is_visible():
        expect(page.get_by_text("stay what they are")).to_be_visible()
        now.click()
    expect(done).to_be_visible()


def _sensor(page: Page, node: _Node, verb: str) -> None:
    """The certificate of the sensor, revoked or restored."""
    page.get_by_role("link", name="Client Certificates").first.click()
    page.get_by_role("link", name="sensor", exact=True).click()
    page.get_by_role("link", name=verb).click()
    page.get_by_role("button", name=verb).click()
    page.get_by_role("status").first.wait_for()


def test_from_create_a_mtls_rule_to_deploy_and_back(node: _Node, page: Page) -> None:
    # Nobody is blocked yet.
    node.comes_to(200, "/admin")
    _created(page, node, "sensor")
    _created(page, node, "tablet")

    # mTLS is switched on for the host.
    page.get_by_role("link", name="Client Certificates").first.click()
    page.get_by_role("link", name="Edit").first.click()
    page.get_by_label("Hostname", exact=True).fill(HOST)
    page.get_by_label("Also make the rule").uncheck()
    page.get_by_role("button", name="Switch on").click()
    page.get_by_role("row", name=HOST).wait_for()

    # "Create a mTLS rule", as Cloudflare's page tells it.
    page.get_by_role("link", name="Client Certificates").first.click()
    page.get_by_role("link", name="Create a mTLS rule").first.click()
    page.get_by_label("URI Path").fill("/admin")
    preview = page.locator("#preview-text")
    expect(preview).to_contain_text(
        "not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked"
    )
    expect(preview).to_contain_text('http.request.uri.path in {"/admin"}')
    _deployed(page, "/admin")
    node.comes_to(403, "/admin")
    node.comes_to(200, "/admin", "sensor")
    assert node.status("/") == 200

    # A fingerprint is pinned: no other certificate is let in, valid or not.
    page.get_by_role("link", name="Client Certificates").first.click()
    page.get_by_role("link", name="sensor", exact=True).click()
    page.get_by_role("link", name="Create a mTLS rule with it").click()
    _deployed(page, "/vault")
    node.comes_to(403, "/vault", "tablet")
    node.comes_to(200, "/vault", "sensor")
    assert node.status("/admin", "tablet") == 200

    # Revoked, and refused on the next request; restored, and let in.
    _sensor(page, node, "Revoke")
    node.comes_to(403, "/admin", "sensor")
    node.comes_to(403, "/vault", "sensor")
    _sensor(page, node, "Restore")
    node.comes_to(200, "/admin", "sensor")
    node.comes_to(200, "/vault", "sensor")

    # Rolled back: the rule of the fingerprint is gone, the one before it is not.
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("row").filter(has_not_text="in force").get_by_role(
        "button", name="Roll back to version 1"
    ).click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    node.comes_to(200, "/vault", "tablet")
    assert node.status("/admin") == 403
    assert node.status("/admin", "tablet") == 200
