# SPDX-License-Identifier: Apache-2.0
"""`authz demo`: see authz.demo."""

from __future__ import annotations

from typing import Annotated

import typer

from authz.cli.options import ConfigOption, settings_of


def demo(
    config: ConfigOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the answers with the expected ones and end.")
    ] = False,
    install_envoy: Annotated[
        bool,
        typer.Option(
            "--install-envoy",
            help="Where there is no Envoy, install one into your cache directory first.",
        ),
    ] = False,
) -> None:
    """Show it working, with a real Envoy on loopback.

    The demo brings its own settings; a file named with --config is only checked.
    """
    if config is not None:
        settings_of(config)
    from authz.demo.run import run_demo

    raise typer.Exit(run_demo(check=check, install=install_envoy))
