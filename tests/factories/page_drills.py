# SPDX-License-Identifier: Apache-2.0
"""The commands of a page of the documentation, run as somebody would who follows it.

What the page shows of their output is not compared.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.factories.page_blocks import blocks_of
from tests.factories.page_commands import commands_on
from tests.factories.page_session import with_authz
from tests.factories.pages import DOCS

if TYPE_CHECKING:
    from pathlib import Path


def commands_below(page: str, heading: str) -> list[str]:
    """The commands of `docs/PAGE` between a heading and the next one of any level, in order.

    Raises:
        AssertionError: there is none.
    """
    commands = [one.text for one in commands_on(DOCS / page, heading)]
    assert commands, f"{page} has no commands below {heading!r}"
    return commands


def headings(page: str) -> list[str]:
    """The headings of a page that have commands below them."""
    return list(
        dict.fromkeys(
            block.heading for block in blocks_of(DOCS / page) if block.language == "console"
        )
    )


@dataclass(frozen=True, kw_only=True)
class Shell:
    """A directory in which commands are run one after the other, with `authz` on the way.

    Args:
        names: words of the page and what stands for them here (`/backups` and the like).
    """

    directory: Path
    names: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        tools = self.directory / ".bin"
        tools.mkdir(exist_ok=True)
        self.environment.update(with_authz(tools))

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
            env={**os.environ, **self.environment},
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
