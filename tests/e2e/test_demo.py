# SPDX-License-Identifier: Apache-2.0
"""`authz demo` as a newcomer runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from authz.demo.processes import Children
from authz.demo.scenario import ROWS
from tests.e2e.harness import eventually

if TYPE_CHECKING:
    import pytest

DEMO = [sys.executable, "-m", "authz", "demo"]


def in_directory(directory: Path) -> list[str]:
    """The demo, unbuffered, with its files below `directory`."""
    return ["env", f"--chdir={directory}", "PYTHONUNBUFFERED=1", *DEMO]


def test_check_finds_every_row_right_and_leaves_nothing_behind(tmp_path: Path) -> None:
    started = time.monotonic()
    run = subprocess.run(
        [*DEMO, "--check"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(ROWS)} of {len(ROWS)} as expected" in run.stdout
    assert "authz_decisions_total{" in run.stdout
    assert time.monotonic() - started < 20
    assert list(tmp_path.iterdir()) == []


def test_it_stays_up_until_interrupted_and_its_commands_work(tmp_path: Path) -> None:
    with Children() as children:
        demo = children.start("demo", in_directory(tmp_path), tmp_path / "log")
        demo.wait_until(lambda: "Ctrl-C ends it" in demo.tail(), "it stayed up")
        below = psutil.Process(demo.pid).children(recursive=True)
        text = demo.log.read_text(encoding="utf-8")
        directory = re.search(r"^cd (.*)$", text, re.MULTILINE)
        assert directory is not None
        commands = re.findall(r"^(curl .*)  # (\d+)$", text, re.MULTILINE)
        assert len(commands) == len(ROWS)

        for command, number in commands:
            answer = subprocess.run(
                ["sh", "-c", f"{command} --silent"],
                cwd=directory[1],
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            ).stdout
            assert f" {ROWS[int(number) - 1].status} " in answer.splitlines()[0] + " ", command

        assert len(below) >= 2, "authz and Envoy"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(15) == 0
        gone, alive = psutil.wait_procs(below, timeout=5)
        assert not alive, f"{len(gone)} ended"


def test_sigterm_ends_it_as_cleanly(tmp_path: Path) -> None:
    with Children() as children:
        demo = children.start("demo", in_directory(tmp_path), tmp_path / "log")
        demo.wait_until(lambda: "Ctrl-C ends it" in demo.tail(), "it stayed up")
        below = psutil.Process(demo.pid).children(recursive=True)

        demo.send_signal(signal.SIGTERM)

        assert demo.wait(15) == 0
        _, alive = psutil.wait_procs(below, timeout=5)
        assert not alive
        # The next one starts in the same place.
        again = children.start("demo", in_directory(tmp_path), tmp_path / "again")
        again.wait_until(lambda: "Ctrl-C ends it" in again.tail(), "it stayed up")


def test_a_child_that_dies_ends_the_demo_and_is_quoted(tmp_path: Path) -> None:
    with Children() as children:
        demo = children.start("demo", in_directory(tmp_path), tmp_path / "log")
        demo.wait_until(lambda: "Ctrl-C ends it" in demo.tail(), "it stayed up")
        below = psutil.Process(demo.pid).children(recursive=True)
        (envoy,) = [one for one in below if "envoy" in Path(one.exe()).name]

        envoy.kill()

        assert demo.wait(15) == 1
        eventually(lambda: "envoy ended with exit status -9" in demo.tail(40), "it is said")
        _, alive = psutil.wait_procs(below, timeout=5)
        assert not alive


def test_without_an_envoy_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTHZ_ENVOY", str(tmp_path / "none"))

    run = subprocess.run(
        [*DEMO, "--check"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 1
    assert "AUTHZ_ENVOY names" in run.stderr
    assert "hint: " in run.stderr
