# SPDX-License-Identifier: Apache-2.0
"""The commands of how-to pages work as they stand there, one after the other, and print what the
page shows below them.

Only pages that say so here: the others need a cluster, or an Envoy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hcl2
import pytest

from authz import __version__
from tests.factories.accepted import followed
from tests.factories.page_session import follow, with_authz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES = (
    "how-to/rotate-a-ca.md",
    "how-to/dashboard.md",
    "how-to/gitops.md",
    "reference/expression-commands.md",
)


def run(
    page: str,
    directory: Path,
    change: Callable[[str], str] = lambda command: command,
) -> None:
    """Follow a page in a directory of its own."""
    (directory / "here").mkdir(exist_ok=True)
    follow(page, cwd=directory / "here", environment=with_authz(directory), change=change)


@pytest.mark.deploy
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    run(page, tmp_path)
    # What one of them exports is Terraform's language.
    for file in tmp_path.rglob("*.tf"):
        assert hcl2.loads(file.read_text(encoding="utf-8"))
    followed(page, f"authz {__version__}", "its commands, and what they print")


def test_a_store_is_upgraded(tmp_path: Path) -> None:
    """There is one already, where the page begins."""

    def with_a_store(command: str) -> str:
        return f"authz db migrate && {command}" if command == "authz version --json" else command

    run("how-to/upgrade-and-roll-back.md", tmp_path, change=with_a_store)
