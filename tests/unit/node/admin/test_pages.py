# SPDX-License-Identifier: Apache-2.0
"""The dashboard as the settings want it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import SettingsError
from authz.node.admin.config import AdminConfig, DashboardConfig, OidcConfig
from authz.node.admin.pages import dashboard_of
from authz.services.backend import Backend
from authz.services.failures import Failures
from authz.services.oidc_client import Flow
from tests.factories.oidc_provider import CLIENT_SECRET, running

if TYPE_CHECKING:
    from pathlib import Path

    from authz.dashboard.app import Dashboard
    from authz.dashboard.site import Site

OIDC: dict[str, Any] = {
    "label": "Acme",
    "client_id": "authz",
    "scopes": ("openid",),
    "name_claim": "email",
    "roles_claim": "groups",
    "readers": ("staff",),
}


def away() -> Any:
    raise AssertionError("nobody asks")


def made(dashboard: DashboardConfig | None, **changes: Any) -> Dashboard | None:
    given = {
        "listen": "127.0.0.1:0",
        "database": "sqlite",
        "data_dir": ".",
        "log_format": "json",
        "log_level": "info",
    }
    config = AdminConfig(**{**given, "dashboard": dashboard, **changes})
    return dashboard_of(config, Backend(store=away, encryption=away), Failures())


def site(dashboard: DashboardConfig, **changes: Any) -> Site:
    pages = made(dashboard, **changes)
    assert pages is not None
    found: Site = pages.app.state.site
    return found


def test_there_need_not_be_one() -> None:
    assert made(None) is None


@pytest.mark.parametrize(
    ("url", "certificate", "secure"),
    [
        (None, None, False),
        ("http://localhost:8080", None, False),
        ("https://authz.example.com", None, True),
        (None, "server.pem", True),
    ],
)
def test_cookies_go_by_tls_where_there_is_some(
    url: str | None, certificate: str | None, secure: bool
) -> None:
    options = site(DashboardConfig(url=url), certificate=certificate).options

    assert (options.secure, options.url) == (secure, url or "")


def test_without_a_provider_tokens_let_people_in_alone() -> None:
    assert site(DashboardConfig()).provider is None


def test_a_provider_is_asked_with_the_secret_as_it_is_now(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    with running() as provider:
        oidc = OidcConfig(issuer=provider.issuer, client_secret_file=str(secret), **OIDC)
        ours = site(DashboardConfig(url="http://dashboard", oidc=oidc)).provider
        assert ours is not None
        flow, at = Flow.of("x" * 43), time.time()
        with pytest.raises(SettingsError, match="does not exist"):
            ours.person(provider.answer(ours.authorization_url(flow, at=at)), flow, at=at)
        secret.write_text(f"{CLIENT_SECRET}\n")
        secret.chmod(0o600)
        answer = provider.answer(ours.authorization_url(flow, at=at))
        assert ours.person(answer, flow, at=at).name == "alice@example.com"

    assert ours.client.redirect_uri == "http://dashboard/sign-in/oidc/callback"
    assert CLIENT_SECRET not in repr(ours.client)


def test_authorities_that_cannot_be_used_are_told_at_the_start(tmp_path: Path) -> None:
    oidc = OidcConfig(issuer="https://id.example.com", ca_file=str(tmp_path / "none.pem"), **OIDC)
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        made(DashboardConfig(url="https://authz.example.com", oidc=oidc))
    assert caught.value.where == "admin.dashboard.oidc.ca_file"
