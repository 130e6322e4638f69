# SPDX-License-Identifier: Apache-2.0
"""The Envoy that tests run, and what it says of a configuration."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from authz.demo.envoy_binary import envoy_version, find_envoy
from authz.errors import DemoError
from tests.conftest import absent

if TYPE_CHECKING:
    from pathlib import Path


def require_envoy() -> Path:
    """The program; the test is skipped without it, and fails where AUTHZ_REQUIRE names e2e."""
    try:
        return find_envoy()
    except DemoError as error:
        absent("e2e", error.render())


def envoy_name() -> str:
    """Its name and version."""
    return "envoy " + ".".join(map(str, envoy_version(require_envoy())))


def expect_valid(*arguments: str | Path) -> None:
    """Have Envoy read the configuration that these arguments of its command line name.

    Raises:
        AssertionError: with what Envoy says.
    """
    run = subprocess.run(
        [require_envoy(), "--mode", "validate", "--log-level", "warning", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    # A warning is a deprecated field, or a default that the next release changes.
    assert "[warning]" not in run.stderr, run.stderr
