# SPDX-License-Identifier: Apache-2.0
"""Builds the Go programs beside this file: the grpc-go peer and the load client.

The modules are pinned in go/go.mod and go/go.sum; the programs go to a directory that git ignores.
Without Go there are none, and the rows that need them say so.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.figures import BenchError

_SOURCE: Final = Path(__file__).parent / "go"
_PROGRAMS: Final = Path(__file__).resolve().parents[2] / ".bench" / "bin"
#: The first build fetches and compiles some thirty packages: half a minute.
_PATIENCE: Final = 600.0

NO_GO: Final = "not measured: there is no go"


class NoGoError(BenchError):
    """Go is not installed."""


@functools.cache
def program(name: str) -> Path:
    """The built program `name` (a directory beside go.mod).

    Raises:
        NoGoError: there is no `go`.
        BenchError: it does not build; the message says why.
    """
    go = shutil.which("go")
    if go is None:
        raise NoGoError(NO_GO)
    _PROGRAMS.mkdir(parents=True, exist_ok=True)
    command = [go, "build", "-C", str(_SOURCE), "-trimpath", "-o", f"{_PROGRAMS}/", f"./{name}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"go build was not done after {_PATIENCE:g} s") from error
    if done.returncode != 0:
        raise BenchError(f"go build {name} failed:\n{done.stderr}")
    return _PROGRAMS / name


def version() -> str:
    """The version of Go, `""` without it."""
    go = shutil.which("go")
    if go is None:
        return ""
    return subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, timeout=30, check=True
    ).stdout.strip()


def module_version(module: str) -> str:
    """The version of a required module, as go.mod pins it."""
    found = re.search(rf"^\s*{re.escape(module)} v(\S+)", (_SOURCE / "go.mod").read_text(), re.M)
    return found[1] if found else ""
