# SPDX-License-Identifier: Apache-2.0
"""The commands of a page of the documentation, run as somebody would who follows it.

Commands are the lines that begin with `$ ` in blocks marked `console`; what stands below them is
what the page shows of their output, and is not compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.factories.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path


def commands_below(page: str, heading: str) -> list[str]:
    """The commands of `docs/PAGE` between a heading and the next one of any level, in order.

    Raises:
        AssertionError: there is no such heading, or no command below it.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"{page} has no heading {heading!r}"
    blocks = re.findall(r"^```console\n(.*?)^```$", found[1], re.DOTALL | re.MULTILINE)
    lines = [
        line.removeprefix("$ ")
        for block in blocks
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    assert lines, f"{page}, {heading!r} has no commands"
    return lines


def headings(page: str) -> list[str]:
    """The headings of a page that have commands below them."""
    text = (DOCS / page).read_text(encoding="utf-8")
    parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)[1:]
    return [
        heading
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
        if re.search(r"^```console\n", body, re.MULTILINE)
    ]


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A directory in which commands are run one after the other, with `authz` on the way.

    Args:
        names: words of the page and what stands for them here (`/backups` and the like).
    """

    directory: Path
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tools = self.directory / ".bin"
        tools.mkdir(exist_ok=True)
        program = tools / "authz"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m authz "$@"\n')
        program.chmod(0o755)

    def run(self, *commands: str, status: int = 0) -> str:
        """What the commands print on both streams, in one shell, as the page has them.

        Raises:
            AssertionError: one of them ends with another status; nothing after it was run.
        """
        script = "\n".join(commands)
        for word, here in self.names.items():
            script = script.replace(word, here)
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{script}"],
            cwd=self.directory,
            env={
                **os.environ,
                "PATH": f"{self.directory / '.bin'}:{os.environ['PATH']}",
                "PYTHONPATH": ":".join(sys.path),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == status, f"{script}\n{done.stdout}"
        return done.stdout

    def follow(self, page: str, heading: str) -> str:
        """Run the commands below a heading of a page."""
        return self.run(*commands_below(page, heading))
