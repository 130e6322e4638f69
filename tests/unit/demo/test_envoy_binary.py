# SPDX-License-Identifier: Apache-2.0
"""Which Envoy is found, and what is said when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.demo.envoy_binary import MINIMUM_VERSION, envoy_version, find_envoy
from authz.demo.envoy_install import directory_of
from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path


def program(path: Path, output: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'EOF'\n{output}\nEOF\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_environment_variable_wins(tmp_path: Path) -> None:
    named = program(tmp_path / "named")
    program(tmp_path / ".venv-envoy" / "bin" / "envoy")

    found = find_envoy({"AUTHZ_ENVOY": str(named)}, prefix=tmp_path / ".venv")

    assert found == named


def test_the_sibling_environment_comes_before_the_path(tmp_path: Path) -> None:
    sibling = program(tmp_path / ".venv-envoy" / "bin" / "envoy")
    program(tmp_path / "bin" / "envoy")

    found = find_envoy({"PATH": str(tmp_path / "bin")}, prefix=tmp_path / ".venv")

    assert found == sibling


def test_what_the_demo_installed_comes_before_the_path(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}
    program(tmp_path / "bin" / "envoy")
    directory = directory_of(environ)
    assert directory is not None
    own = program(directory / "bin" / "envoy")
    (directory / ".complete").touch()

    assert find_envoy(environ, prefix=tmp_path / ".venv") == own


def test_the_path_is_the_last_resort(tmp_path: Path) -> None:
    envoy = program(tmp_path / "bin" / "envoy")

    assert find_envoy({"PATH": str(tmp_path / "bin")}, prefix=tmp_path / ".venv") == envoy


def test_without_any_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DemoError) as caught:
        find_envoy({"PATH": str(tmp_path)}, prefix=tmp_path / ".venv")

    assert "authz demo --install-envoy" in str(caught.value.hint)
    assert "make setup" in str(caught.value.hint)
    assert "AUTHZ_ENVOY" in str(caught.value.hint)


def test_a_wrong_variable_is_not_overlooked(tmp_path: Path) -> None:
    program(tmp_path / ".venv-envoy" / "bin" / "envoy")

    with pytest.raises(DemoError, match="not a program"):
        find_envoy({"AUTHZ_ENVOY": str(tmp_path / "none")}, prefix=tmp_path / ".venv")


def test_the_version_is_read(tmp_path: Path) -> None:
    text = "\nenvoy  version: 9e55809/1.40.0/Clean/RELEASE/BoringSSL\n"

    version = envoy_version(program(tmp_path / "envoy", text))

    assert version == (1, 40, 0)
    assert version >= MINIMUM_VERSION


def test_another_program_is_not_taken_for_envoy(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="does not look like an Envoy"):
        envoy_version(program(tmp_path / "envoy", "hello"))


def test_a_file_that_does_not_run_is_an_error_of_ours(tmp_path: Path) -> None:
    broken = tmp_path / "envoy"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)

    with pytest.raises(DemoError, match="cannot be run"):
        envoy_version(broken)
