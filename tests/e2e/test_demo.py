# SPDX-License-Identifier: Apache-2.0
"""`authz demo` as a newcomer runs it."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from authz.demo.processes import Children
from authz.demo.scenario import ROWS
from authz.demo.story_steps import STEPS
from tests.e2e.harness import eventually

if TYPE_CHECKING:
    import pytest

    from authz.demo.processes import Child

#: The commands of the story, in what `--check` prints.
STORY = (
    r"authz ca create --name devices",
    r"authz host add devices\.localhost --ca devices --protect '/\*'",
    r"authz cert issue --label tablet --days 30 --out clients/tablet",
    r"curl -i --cacert server-ca\.pem --cert clients/tablet/client\.pem --key .*",
    r"authz cert revoke [0-9a-f]{32}",
    r"authz cert restore [0-9a-f]{32}",
    r"authz cert list",
)

#: The calls of the API in it.
CALLS = (
    r"POST /zones/[0-9a-f]{32}/client_certificates \{.*",
    r"DELETE /zones/[0-9a-f]{32}/client_certificates/[0-9a-f]{32}",
    r"PATCH /zones/[0-9a-f]{32}/client_certificates/[0-9a-f]{32} \{\"reactivate\": true\}",
    r"POST /zones/[0-9a-f]{32}/rulesets/[0-9a-f]{32}/rules \{.*/maintenance.*",
    r"DELETE /zones/.*  \(with the token reader\)",
)

DEMO = [sys.executable, "-m", "authz", "demo"]


def stays_up(demo: Child) -> None:
    """Wait until everything was shown."""
    demo.wait_until(lambda: "Ctrl-C ends it" in demo.tail(), "it stayed up", 90.0)


def in_directory(directory: Path) -> list[str]:
    """The demo, unbuffered, with its files below `directory`."""
    return ["env", f"--chdir={directory}", "PYTHONUNBUFFERED=1", *DEMO]


def test_check_finds_every_row_and_step_right_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [*DEMO, "--check"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(ROWS)} rows and {len(STEPS)} steps as expected" in run.stdout
    for command in STORY:
        assert re.search(rf"^\$ {command}$", run.stdout, re.MULTILINE), command
    for call in CALLS:
        assert re.search(rf"^> {call}$", run.stdout, re.MULTILINE), call
    assert "authz_decisions_total{" in run.stdout
    # Processor time: how long it takes depends on what else the machine does. On two idle cores,
    # this much is less than 25 s.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 25
    assert list(tmp_path.iterdir()) == []


def test_it_stays_up_until_interrupted_and_its_commands_work(tmp_path: Path) -> None:
    with Children() as children:
        demo = children.start("demo", in_directory(tmp_path), tmp_path / "log")
        stays_up(demo)
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

        by_hand(text, directory[1])

        assert len(below) >= 2, "authz and Envoy"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(15) == 0
        gone, alive = psutil.wait_procs(below, timeout=5)
        assert not alive, f"{len(gone)} ended"


def by_hand(text: str, directory: str) -> None:
    """Paste what is printed about certificates and the API; every command must work."""
    said, answers = pasted(text, "With certificates", directory)
    assert answers == ["403", "200"]
    assert "revoked (keyCompromise)" in said
    assert (Path(directory) / "clients" / "phone" / "client.key").exists()

    said, answers = pasted(text, "Over the management API", directory)
    assert answers == ["200", "200", "403", "200", "200", "200", "403"]
    assert '"success":true' in said
    # What is pasted, and what stays on the screen, is without the token.
    token = (Path(directory) / "authz-data" / "admin-token").read_text(encoding="ascii").strip()
    assert token not in text + said


def pasted(text: str, heading: str, directory: str) -> tuple[str, list[str]]:
    """What the commands below a heading print, in their order, and the statuses in it.

    Each answer is what its command says behind "# now", or else 200.
    """
    block = text.split(f"\n{heading}", 1)[1].split("\n\n", 2)[1]
    script = "set -e\n" + "\n".join(
        f"{line.split('  # ')[0]} --silent" if line.startswith("curl ") else line
        for line in block.splitlines()
    )
    run = subprocess.run(
        ["sh", "-c", script],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    expected = [
        line.split("  # now ")[1] if "  # now " in line else "200"
        for line in block.splitlines()
        if line.startswith("curl ")
    ]
    # A body need not end with a line.
    answers = re.findall(r"HTTP/\d\S* (\d{3}) ", run.stdout)
    assert answers == expected
    return run.stdout, answers


def test_sigterm_ends_it_as_cleanly(tmp_path: Path) -> None:
    with Children() as children:
        demo = children.start("demo", in_directory(tmp_path), tmp_path / "log")
        stays_up(demo)
        below = psutil.Process(demo.pid).children(recursive=True)

        demo.send_signal(signal.SIGTERM)

        assert demo.wait(15) == 0
        _, alive = psutil.wait_procs(below, timeout=5)
        assert not alive
        # The next one starts in the same place.
        again = children.start("demo", in_directory(tmp_path), tmp_path / "again")
        again.wait_until(lambda: "$ authz ca create" in again.tail(), "it got to its story", 60.0)


def test_a_child_that_dies_ends_the_demo_and_is_quoted(tmp_path: Path) -> None:
    with Children() as children:
        demo = children.start("demo", in_directory(tmp_path), tmp_path / "log")
        stays_up(demo)
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
