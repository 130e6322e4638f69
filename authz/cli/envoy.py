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


@app.command("config")
def config_(
    config: ConfigOption = None,
    sds: _Sds = False,
    strict: _Strict = False,
    site: _Site = None,
    proxy_protocol_from: _ProxyProtocol = None,
) -> None:
    """Print a complete, commented Envoy configuration."""
    from authz.envoy.config import render_envoy_config
    from authz.envoy.options import EnvoyOptions, SdsOptions
    from authz.errors import SettingsError

    if not sds and (strict or site is not None):
        raise SettingsError("--strict and --site only go with --sds", hint="add --sds")
    options = EnvoyOptions(
        sds=SdsOptions(site=site, strict=strict) if sds else None,
        proxy_protocol_from=tuple(proxy_protocol_from or ()),
    )
    sys.stdout.write(render_envoy_config(settings_of(config), options))
