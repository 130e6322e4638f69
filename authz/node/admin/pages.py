# SPDX-License-Identifier: Apache-2.0
"""The dashboard as the settings want it, with what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from authz.dashboard.app import Dashboard
from authz.dashboard.options import Options, Sampling
from authz.node.admin.installation import installation_of
from authz.services.sign_ins import SessionTimes

if TYPE_CHECKING:
    from authz.node.admin.config import AdminConfig, DashboardConfig, OidcConfig
    from authz.services.backend import Backend
    from authz.services.failures import Failures
    from authz.services.oidc_provider import OidcProvider

_SETTING = "admin.dashboard.oidc"


def dashboard_of(config: AdminConfig, backend: Backend, failures: Failures) -> Dashboard | None:
    """The dashboard; None where there is to be none.

    Args:
        failures: those of the API.

    Raises:
        SettingsError: what the settings say of a provider cannot be used.
    """
    dashboard = config.dashboard
    if dashboard is None:
        return None
    url = dashboard.url or ""
    options = Options(
        # A proxy in front may do TLS.
        secure=config.certificate is not None or url.startswith("https:"),
        url=url,
        times=SessionTimes(idle=dashboard.session_idle, longest=dashboard.session_longest),
        sampling=Sampling(seconds=config.events_allowed_seconds, every=config.events_allowed_every),
        installation=installation_of(config),
    )
    return Dashboard(backend, options, failures, _provider(dashboard))


def _provider(dashboard: DashboardConfig) -> OidcProvider | None:
    if dashboard.oidc is None:
        return None
    # What it is made of is imported where there is one.
    from authz.services.oidc_client import OidcClient
    from authz.services.oidc_people import PeopleRules
    from authz.services.oidc_provider import OidcProvider
    from authz.sources.fetch_json import JsonFetcher

    config = dashboard.oidc
    client = OidcClient(
        issuer=config.issuer,
        label=config.label,
        client_id=config.client_id,
        secret=None if config.client_secret_file is None else lambda: _secret(config),
        redirect_uri=f"{dashboard.url}/sign-in/oidc/callback",
        home=f"{dashboard.url}/sign-in",
        scopes=config.scopes,
        people=PeopleRules(
            name_claim=config.name_claim,
            roles_claim=config.roles_claim,
            admins=frozenset(config.admins),
            editors=frozenset(config.editors),
            readers=frozenset(config.readers),
        ),
    )
    fetcher = JsonFetcher(
        # Whoever names a provider means it, on a private network as well.
        allowed=[*config.allowed_hosts, urlsplit(config.issuer).hostname or ""],
        authorities=None if config.ca_file is None else Path(config.ca_file),
        where=f"{_SETTING}.ca_file",
    )
    return OidcProvider(client, fetcher)


def _secret(config: OidcConfig) -> str:
    """Our secret, as it is now: it is changed without a restart."""
    from authz.sources.key_secret import first_line

    assert config.client_secret_file is not None
    return first_line(
        Path(config.client_secret_file),
        what="the secret that the provider gave",
        where=f"{_SETTING}.client_secret_file",
    )
