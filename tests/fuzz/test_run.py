# SPDX-License-Identifier: Apache-2.0
"""`make fuzz` counts what it tries, and ends with what it finds."""

from __future__ import annotations

import sys
import threading
import time
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
    run.report("xfcc", "5 s", found)
    assert "FOUND by xfcc with 5 s: .fuzz/xfcc-5-s.txt" in capsys.readouterr().out
    assert (tmp_path / ".fuzz" / "xfcc-5-s.txt").read_text() == found


def test_what_hangs_is_found() -> None:
    found, _ = run._run([sys.executable, "-c", "import time; time.sleep(60)"], 0.1)

    assert "no end after" in found


def test_every_target_has_a_turn_and_as_many_at_once_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = threading.Barrier(2, timeout=60)
    shares: list[int] = []

    def run_target(_: str, seconds: int) -> tuple[int, str]:
        shares.append(seconds)
        together.wait()
        return 7, ""

    monkeypatch.setattr(run, "run_target", run_target)
    fuzzing = run.Run(2)

    fuzzing.targets("abcd", time.monotonic() + 100)

    assert fuzzing.seen == dict.fromkeys("abcd", 7)
    assert shares == [50 - run._STARTING] * 4


def test_properties_take_turns_until_one_finds_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, int]] = []

    def run_property(name: str, seed: int) -> tuple[int, str]:
        asked.append((name, seed))
        return 3, "it breaks" if len(asked) == 5 else ""

    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "FINDINGS", tmp_path / ".fuzz")
    monkeypatch.setattr(run, "run_property", run_property)
    fuzzing = run.Run(1)

    fuzzing.properties("abc", time.monotonic() + 60)

    assert [name for name, _ in asked] == ["a", "b", "c", "a", "b"]
    assert (fuzzing.rounds, fuzzing.seen.total(), fuzzing.found) == (5, 15, 1)
    seed = asked[-1][1]
    assert f"FOUND by b with seed {seed}: .fuzz/b-seed-{seed}.txt" in capsys.readouterr().out
    # And then there is nothing more to run.
    fuzzing.properties("abc", time.monotonic() + 60)
    assert fuzzing.rounds == 5


def test_a_defect_of_the_run_itself_ends_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = threading.Lock()

    def run_property(name: str, seed: int) -> tuple[int, str]:
        if first.acquire(blocking=False):
            raise OSError(name, seed)
        return 1, ""

    monkeypatch.setattr(run, "run_property", run_property)
    began = time.monotonic()

    with pytest.raises(OSError, match="a"):
        run.Run(2).properties("a", began + 600)

    assert time.monotonic() - began < 60


def test_only_targets_are_run() -> None:
    with pytest.raises(SystemExit, match="nothing is no target: api_body, certificate"):
        guided.main(["nothing"])
