# SPDX-License-Identifier: Apache-2.0
"""`authz envoy config`: see authz.demo.envoy_config."""

from __future__ import annotations

import sys

from authz.cli.options import ConfigOption, group, settings_of

app = group("Envoy's side of this installation.")


@app.command("config")
def config_(config: ConfigOption = None) -> None:
    """Print a complete, commented Envoy configuration."""
    from authz.demo.envoy_config import render_envoy_config

    sys.stdout.write(render_envoy_config(settings_of(config)))
