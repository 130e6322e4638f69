# SPDX-License-Identifier: Apache-2.0
"""`authz envoy config`: see authz.envoy.config."""

from __future__ import annotations

import sys
from typing import Annotated, Optional

import typer

from authz.cli.options import ConfigOption, group, settings_of

app = group("Envoy's side of this installation.")


_Sds = Annotated[
    bool,
    typer.Option("--sds", help="Envoy gets the authorities of its clients from this service."),
]
_Strict = Annotated[
    bool,
    typer.Option("--strict", help="With --sds: refuse other clients in the handshake."),
]
_Site = Annotated[
    Optional[str],  # noqa: UP045 - see authz.cli.options
    typer.Option(
        "--site", metavar="NAME", help="With --sds: the authorities of one site, not of all."
    ),
]
_ProxyProtocol = Annotated[
    Optional[list[str]],  # noqa: UP045 - see authz.cli.options
    typer.Option(
        "--proxy-protocol-from",
        metavar="CIDR",
        help="A load balancer in front writes PROXY headers and connects from here (repeatable).",
    ),
]
_Http3 = Annotated[
    bool,
    typer.Option("--http3", help="A listener for HTTP/3 as well, on the same port over UDP."),
]
_Http3Port = Annotated[
    Optional[int],  # noqa: UP045 - see authz.cli.options
    typer.Option(
        "--http3-port",
        metavar="N",
        min=1,
        max=65535,
        help="With --http3: the UDP port as clients see it, where something maps ports.",
    ),
]
_AuthzAddress = Annotated[
    Optional[list[str]],  # noqa: UP045 - see authz.cli.options
    typer.Option(
        "--authz-address",
        metavar="ADDRESS",
        help="Where Envoy asks, instead of grpc.listen: HOST:PORT or unix:PATH, each with health "
        "checks (repeatable, as for two releases beside each other).",
    ),
]


@app.command("config")
def config_(
    config: ConfigOption = None,
    authz_address: _AuthzAddress = None,
    sds: _Sds = False,
    strict: _Strict = False,
    site: _Site = None,
    proxy_protocol_from: _ProxyProtocol = None,
    http3: _Http3 = False,
    http3_port: _Http3Port = None,
) -> None:
    """Print a complete, commented Envoy configuration."""
    from authz.envoy.config import render_envoy_config
    from authz.envoy.options import EnvoyOptions, Http3Options, SdsOptions, asked_at
    from authz.errors import SettingsError

    if not sds and (strict or site is not None):
        raise SettingsError("--strict and --site only go with --sds", hint="add --sds")
    if not http3 and http3_port is not None:
        raise SettingsError("--http3-port only goes with --http3", hint="add --http3")
    settings = settings_of(config)
    options = EnvoyOptions(
        authz=asked_at(authz_address, settings),
        sds=SdsOptions(site=site, strict=strict) if sds else None,
        proxy_protocol_from=tuple(proxy_protocol_from or ()),
        http3=Http3Options(advertised=http3_port) if http3 else None,
    )
    sys.stdout.write(render_envoy_config(settings, options))
