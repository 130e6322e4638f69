# SPDX-License-Identifier: Apache-2.0
"""What the process that serves the API needs of the settings, as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from authz.node.messages import LogOtlpConfig, Message


class OidcConfig(Message, frozen=True, kw_only=True):
    """`admin.dashboard.oidc`, and which hosts may be asked besides public ones."""

    issuer: str
    label: str
    client_id: str
    client_secret_file: str | None = None
    ca_file: str | None = None
    scopes: tuple[str, ...]
    name_claim: str
    roles_claim: str
    admins: tuple[str, ...] = ()
    editors: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()


class DashboardConfig(Message, frozen=True, kw_only=True):
    """`admin.dashboard`, where there is one; times are in seconds."""

    url: str | None = None
    session_idle: float = 30 * 60.0
    session_longest: float = 12 * 3600.0
    oidc: OidcConfig | None = None


class AdminConfig(Message, frozen=True, kw_only=True):
    """The first message: what is served, and how (architecture 6).

    Args:
        listen: the address of the socket that it is given, port 0 resolved.
        hosts: under which names it is reached, besides those of this machine.
        certificate, key, client_ca: of TLS; None for none.
        database: of the store.
        policy: the policy file beside the store.
        certificate_source, xfcc_trusted_hops, client_ip_trusted_hops, certificate_bytes,
            chain_length: how checks are read (as EndpointConfig has them), for the simulator and
            to decide recorded requests again.
        events_allowed_seconds, events_allowed_every: which allowed checks are told, for pages to
            say.
        first_token_file: what has the first token; None makes one.
        key_file, passphrase_file: what private keys are encrypted with; None for the default.
        fetched: the directory of what was fetched, None where nothing is.
        settings: all of them, as `Settings` takes them, for the pages that tell how a node runs.
        dashboard: None for the API alone.
        log_otlp: who takes lines of the log, None for nobody.
    """

    listen: str
    hosts: tuple[str, ...] = ()
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    database: str
    data_dir: str
    publication_url: str | None = None
    policy: str | None = None
    certificate_source: str = "envoy"
    xfcc_trusted_hops: int = 1
    client_ip_trusted_hops: int = 0
    certificate_bytes: int = 65_536
    chain_length: int = 8
    events_allowed_seconds: int = 10
    events_allowed_every: int = 0
    first_token_file: str | None = None
    key_file: str | None = None
    passphrase_file: str | None = None
    fetched: str | None = None
    dashboard: DashboardConfig | None = None
    log_format: str
    log_level: str
    log_otlp: LogOtlpConfig | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
