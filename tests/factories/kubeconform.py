# SPDX-License-Identifier: Apache-2.0
"""kubeconform without a network: Kubernetes' schemas as the wheel kubernetes-validate brings them.

Theirs name each other by addresses on kubernetes.io; kubeconform would fetch those.
"""

from __future__ import annotations

import subprocess
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from tests.factories.accepted import tool

if TYPE_CHECKING:
    from pathlib import Path

#: The newest Kubernetes whose schemas the wheel has.
VERSION: Final = "1.37.0"


def schemas(directory: Path) -> Path:
    """Write every schema, strict, into an empty directory; the directory."""
    packed = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
    with_definitions = directory.resolve().as_uri()
    for schema in packed.iterdir():
        if not schema.name.endswith(".json"):
            continue
        text = schema.read_text(encoding="utf-8")
        text = text.replace('"/api/_definitions.json', f'"{with_definitions}/_definitions.json')
        text = text.replace('"https://kubernetes.io/api/', f'"{with_definitions}/')
        (directory / schema.name).write_text(text, encoding="utf-8")
    return directory


def kubeconform(directory: Path, *manifests: Path) -> subprocess.CompletedProcess[str]:
    """What kubeconform says of manifests, by the schemas of a directory; none may be missing."""
    location = f"{directory}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    return subprocess.run(
        [
            *(tool("kubeconform"), "-strict", "-verbose", "-summary"),
            *("-schema-location", location, *manifests),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
