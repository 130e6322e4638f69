# SPDX-License-Identifier: Apache-2.0
"""What tests of upgrading the chart's forms share: releases, Envoy in a cluster, its clients."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

from authz.demo.client import Connection
from authz.demo.processes import free_port
from authz.demo.stack import Envoy, start_envoy
from authz.envoy.config import render_envoy_config
from authz.settings import load_settings
from tests.e2e.harness import Load, default_options
from tests.factories.helm import Release, changed, render, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream
    from tests.factories.cluster import Names

HOST = "api.localhost"


def release_with(name: str, **values: object) -> Release:
    """What helm makes of ci/NAME.yaml, with ports that are free here.

    Beyond loopback, as in a cluster, `transport: auto` is grpcio.
    """
    found = values_of(name)
    for path, value in {
        "settings.grpc": {"transport": "grpcio"},
        "grpc.port": free_port(),
        "metrics.port": free_port(),
        **values,
    }.items():
        found = changed(found, path, value)
    return render(found)


def run(command: list[str], directory: Path) -> str:
    """What a command says; it ends with 0."""
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def envoy_for(
    children: Children,
    credentials: Credentials,
    upstream: Upstream,
    endpoints: tuple[str, ...],
    names: Names | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Envoy:
    """Envoy by the shipped configuration, with the cluster's DNS."""
    file = credentials.directory / "gateway.yaml"
    file.write_text(json.dumps(settings or {}))
    config = render_envoy_config(
        load_settings(file), default_options(credentials, upstream, endpoints)
    )
    if names is not None:
        kind = "    type: STRICT_DNS\n"
        resolver = f"""\
    typed_dns_resolver_config:
      name: envoy.network.dns_resolver.cares
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3\
.CaresDnsResolverConfig
        resolvers:
        - socket_address: {{protocol: UDP, address: 127.0.0.1, port_value: {names.port}}}
        dns_resolver_options: {{no_default_search_domain: true}}
"""
        assert config.count(kind) == 1
        config = config.replace(kind, kind + resolver)
    return start_envoy(children, credentials.directory, config)


class Clients:
    """Requests through Envoy."""

    def __init__(self, envoy: Envoy, credentials: Credentials) -> None:
        self.envoy = envoy
        self.credentials = credentials

    def connect(self, pem: Path | None) -> Connection:
        return Connection(self.envoy.port, HOST, self.credentials.server_ca, pem)

    def status(self, pem: Path | None, path: str = "/") -> int:
        with closing(self.connect(pem)) as connection:
            return int(connection.send_request(path, hosts=(HOST,)).status)

    def load(self, pem: Path | None, path: str = "/") -> Load:
        return Load(
            connect=lambda: self.connect(pem),
            send=lambda connection: connection.send_request(path, hosts=(HOST,)),
            classify=lambda answer: str(answer.status),
        )
