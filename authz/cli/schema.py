# SPDX-License-Identifier: Apache-2.0
"""`authz schema`: JSON Schemas of the files people write, as they are in the package.

docs/generate.py makes them out of the models that the loaders validate with.
"""

from __future__ import annotations

from importlib.resources import files

from authz.cli import messages
from authz.cli.options import group

app = group("JSON Schemas of authz.yaml and policy.yaml, for editors.")


@app.command("settings")
def settings() -> None:
    """Print the schema of authz.yaml."""
    _print("authz")


@app.command("policy")
def policy() -> None:
    """Print the schema of policy.yaml."""
    _print("policy")


def _print(name: str) -> None:
    schema = files("authz") / "schemas" / f"{name}.v1.schema.json"
    messages.result(schema.read_text(encoding="utf-8").rstrip("\n"))
