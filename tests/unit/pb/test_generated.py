# SPDX-License-Identifier: Apache-2.0
"""The committed protobuf code is what protoc makes of protos/, and nothing of it clashes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from authz.pb import core_pb2, ext_authz_pb2, health_pb2, secret_pb2

ROOT = Path(__file__).parents[3]
PROTOS = sorted(path.relative_to(ROOT / "protos") for path in (ROOT / "protos").rglob("*.proto"))


def test_there_is_something_to_generate() -> None:
    assert [path.name for path in PROTOS] == [
        "check_view.proto",
        "core.proto",
        "ext_authz.proto",
        "health.proto",
        "secret.proto",
    ]


def test_generating_again_gives_the_committed_files(tmp_path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            "-I",
            "protos",
            f"--python_out={tmp_path}",
            f"--pyi_out={tmp_path}",
            *map(str, PROTOS),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    generated = {p.name: p.read_text() for p in (tmp_path / "authz" / "pb").iterdir()}
    committed = {p.name: p.read_text() for p in (ROOT / "authz" / "pb").glob("*_pb2.py*")}

    assert generated == committed


@pytest.mark.parametrize("module", [core_pb2, ext_authz_pb2, health_pb2, secret_pb2])
def test_the_names_are_our_own(module: object) -> None:
    """So that an installed envoy, googleapis or grpc health package can be imported beside it."""
    descriptor = module.DESCRIPTOR  # type: ignore[attr-defined]

    assert descriptor.package.startswith("authz.")
    assert descriptor.name.startswith("authz/pb/")
    assert not descriptor.services_by_name
