# SPDX-License-Identifier: Apache-2.0
"""Sign-in by a provider in a browser, the provider being another site: localhost, not 127.0.0.1."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from authz.store.engine import open_store
from tests.factories.dashboard import serving_pages
from tests.factories.oidc_provider import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from authz.services.oidc_provider import OidcProvider
    from tests.factories.dashboard import Served
    from tests.factories.oidc_provider import Provider


class Both(NamedTuple):
    """A dashboard and the provider that it knows."""

    served: Served
    provider: Provider


@pytest.fixture
def both(tmp_path: Path, empty_store: Path) -> Iterator[Both]:
    shutil.copy(empty_store, tmp_path)
    with (
        contextlib.closing(open_store("sqlite", tmp_path, create=False)) as store,
        running("localhost") as provider,
    ):

        def connected(url: str) -> OidcProvider:
            callback = f"{url}/sign-in/oidc/callback"
            return provider.connected(redirect_uri=callback, home=f"{url}/sign-in")

        with serving_pages(store, provider=connected) as served:
            yield Both(served, provider)


def test_from_a_page_to_the_provider_and_back(visited: Page, both: Both) -> None:
    both.provider.groups = ["ops"]
    wanted = f"{both.served.url}/zones/{both.served.zone_id}"
    visited.goto(wanted)
    visited.get_by_role("link", name="Sign in with Acme").click()
    expect(visited.get_by_role("heading", name="Acme")).to_be_visible()
    assert visited.url.startswith(f"{both.provider.issuer}/authorize?")
    visited.get_by_role("link", name="Continue as alice@example.com").click()

    visited.wait_for_url(wanted)
    expect(visited.locator("details.who summary")).to_have_text("alice@example.com")
    expect(visited.get_by_text("Read only")).to_have_count(0)
    # The cookie is there for pages, and for no script.
    assert "authz" not in visited.evaluate("document.cookie")
    visited.reload()
    assert visited.url == wanted


def test_out_here_and_there(visited: Page, both: Both) -> None:
    visited.goto(f"{both.served.url}/sign-in")
    visited.get_by_role("link", name="Sign in with Acme").click()
    visited.get_by_role("link", name="Continue").click()
    expect(visited.get_by_text("Read only", exact=True)).to_be_visible()
    visited.locator("details.who summary").click()
    visited.get_by_role("button", name="Sign out", exact=True).click()
    visited.get_by_role("link", name="Sign out of Acme as well").click()

    expect(visited.get_by_role("heading", name="Signed out of Acme")).to_be_visible()
    assert "post_logout_redirect_uri=" in visited.url
    visited.goto(f"{both.served.url}/sessions")
    assert "/sign-in?next=" in visited.url


def test_whoever_is_in_no_group_stays_outside(visited: Page, both: Both) -> None:
    both.provider.groups = []
    visited.goto(f"{both.served.url}/sign-in")
    visited.get_by_role("link", name="Sign in with Acme").click()
    visited.get_by_role("link", name="Continue").click()

    expect(visited.get_by_role("alert")).to_contain_text("None of the groups of alice@example.com")
    visited.goto(f"{both.served.url}/sessions")
    assert "/sign-in?next=" in visited.url


def test_a_provider_that_is_down_leaves_tokens(visited: Page, both: Both) -> None:
    both.provider.down = True
    visited.goto(f"{both.served.url}/sign-in?next=/sessions")
    visited.get_by_role("link", name="Sign in with Acme").click()
    expect(visited.get_by_role("alert")).to_contain_text("Acme cannot be asked who you are")
    assert Axe().run(visited).violations_count == 0
    visited.get_by_label("Or with an API token").fill(both.served.token)
    visited.get_by_role("button", name="Use the token").click()

    visited.wait_for_url("**/sessions")
    expect(visited.get_by_role("heading", name="Sessions")).to_be_visible()
