# SPDX-License-Identifier: Apache-2.0
"""The data directory, or a temporary one; with a real node in tests/integration/test_loader."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from authz.errors import PolicyError
from authz.node import data_directory as module
from authz.node.data_directory import own_directory
from authz.node.snapshot_file import latest_snapshot, next_generation, write_snapshot
from authz.policy.model import PolicyModel

if TYPE_CHECKING:
    from pathlib import Path


def test_the_data_directory_is_made(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert own_directory(tmp_path / "a" / "b", stack) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_temporary_one_is_gone_at_the_end(
    tmp_path: Path, log_lines: list[dict[str, Any]]
) -> None:
    (tmp_path / "file").write_text("no directory")
    with ExitStack() as stack:
        temporary = own_directory(tmp_path / "file", stack)
        assert temporary.is_dir()
    assert not temporary.exists()
    assert log_lines[0]["temporary"] == str(temporary)


def test_one_that_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(module.os, "access", lambda *_: False)
    with ExitStack() as stack:
        assert own_directory(tmp_path, stack) != tmp_path
    assert log_lines[0]["reason"] == "it may not be written to"


def test_a_temporary_one_begins_with_the_last_good_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_lines: list[dict[str, Any]]
) -> None:
    snapshots = tmp_path / "snapshots"
    model = PolicyModel(sites=())
    for generation in (6, 7):
        write_snapshot(snapshots, model, generation, 0.0)
    (snapshots / "sections").mkdir()
    (snapshots / "sections" / ("0" * 64)).write_bytes(b"large")
    monkeypatch.setattr(module.os, "access", lambda *_: False)

    with ExitStack() as stack:
        here = own_directory(tmp_path, stack) / "snapshots"
        found = latest_snapshot(here, of_store=False)
        assert found is not None
        assert found[1].generation == 7
        assert (here / "sections" / ("0" * 64)).read_bytes() == b"large"
        # Writing goes on where they are named, and removes nothing where they are.
        for generation in range(8, 14):
            write_snapshot(here, model, generation, 0.0)
        assert next_generation(here) == 14

    assert log_lines[0]["snapshots"] == 2
    assert len(list(snapshots.glob("*.snapshot"))) == 2


def test_there_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("no directory")
    monkeypatch.setattr(module.tempfile, "mkdtemp", full)
    with ExitStack() as stack, pytest.raises(PolicyError, match="No space left"):
        own_directory(tmp_path / "file", stack)
