# SPDX-License-Identifier: Apache-2.0
"""Reading what deploy/ ships: YAML documents, objects of Kubernetes, linters of the wheels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.factories.accepted import ROOT

DEPLOY = ROOT / "deploy"


def linter(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a linter of the development dependencies."""
    return subprocess.run(
        [Path(sys.executable).parent / name, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def documents(file: Path) -> list[Any]:
    """Every document of a file that is not empty."""
    return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]


def of_kind(file: Path, kind: str) -> Any:
    """The one object of a kind."""
    (found,) = [one for one in documents(file) if one.get("kind") == kind]
    return found


def make_certificates(directory: Path) -> Path:
    """What deploy/make-certificates.sh makes, in a directory that may not be there yet."""
    subprocess.run(
        [DEPLOY / "make-certificates.sh", directory], check=True, capture_output=True, timeout=60
    )
    return directory
