# SPDX-License-Identifier: Apache-2.0
"""`authz schema`: JSON Schemas of the files people write, as they are in the package.

docs/generate.py makes them out of the models that the loaders validate with.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from authz.cli import messages
from authz.cli.options import ConfigOption, group, settings_of

if TYPE_CHECKING:
    from pathlib import Path

app = group("JSON Schemas of authz.yaml and policy.yaml, for editors.")


@app.command("settings")
def settings(config: ConfigOption = None) -> None:
    """Print the schema of authz.yaml; a file named with --config is only checked."""
    _print("authz", config)


@app.command("policy")
def policy(config: ConfigOption = None) -> None:
    """Print the schema of policy.yaml; a file named with --config is only checked."""
    _print("policy", config)


def _print(name: str, config: Path | None) -> None:
    if config is not None:
        settings_of(config)
    schema = files("authz") / "schemas" / f"{name}.v1.schema.json"
    messages.result(schema.read_text(encoding="utf-8").rstrip("\n"))
