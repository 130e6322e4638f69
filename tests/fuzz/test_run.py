# SPDX-License-Identifier: Apache-2.0
"""`make fuzz` counts what it tries, and ends with what it finds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import guided, run

if TYPE_CHECKING:
    from pathlib import Path


def test_a_target_is_guided_by_coverage() -> None:
    pytest.importorskip("atheris")

    seen, finding = run.run_target("xfcc", 1)

    assert finding == ""
    assert seen > 100


def test_a_finding_is_kept_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "FINDINGS", tmp_path / ".fuzz")
    command = [sys.executable, "-c", "raise SystemExit('it breaks')"]

    found, _ = run._run(command, 60)

    assert found.startswith("-c raise SystemExit")
    assert "it breaks" in found
    assert run.report("xfcc", "5 s", found) == 1
    assert "FOUND by xfcc with 5 s: .fuzz/xfcc-5-s.txt" in capsys.readouterr().out
    assert (tmp_path / ".fuzz" / "xfcc-5-s.txt").read_text() == found


def test_what_hangs_is_found() -> None:
    found, _ = run._run([sys.executable, "-c", "import time; time.sleep(60)"], 0.1)

    assert "no end after" in found


def test_only_targets_are_run() -> None:
    with pytest.raises(SystemExit, match="nothing is no target: api_body, certificate"):
        guided.main(["nothing"])
