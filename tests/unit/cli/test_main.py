# SPDX-License-Identifier: Apache-2.0
"""The command as a process, and how fast it is there."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Only the commands that need these may pay for them (architecture: start-up time is a feature).
EXPENSIVE = (
    "cryptography",
    "google.protobuf",
    "grpc",
    "pydantic",
    "prometheus_client",
    "rich",
    "yaml",
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "authz", *words], capture_output=True, text=True, check=False
    )


def test_it_runs_as_a_module() -> None:
    done = run("--version")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("authz ")


def test_help_imports_nothing_that_is_expensive() -> None:
    code = (
        "import sys, authz.cli.main\n"
        f"print([name for name in {EXPENSIVE!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text('{"expression": "ssl"}\n' * 5000)
    with lines.open() as source:
        command = subprocess.Popen(
            [sys.executable, "-m", "authz", "expression", "eval"],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.readline()
        command.stdout.close()
        errors = command.stderr.read()
        command.stderr.close()

    command.wait(30)
    assert errors == ""


def test_every_command_takes_config() -> None:
    import typer.main

    from authz.cli.main import app

    def leaves(command: object, name: str) -> list[tuple[str, object]]:
        below = getattr(command, "commands", None)
        if not below:
            return [(name, command)]
        return [leaf for sub, one in below.items() for leaf in leaves(one, f"{name} {sub}")]

    without = [
        name
        for name, command in leaves(typer.main.get_command(app), "authz")
        if not any("--config" in parameter.opts for parameter in command.params)  # type: ignore[attr-defined]  # a command
    ]

    assert without == []
