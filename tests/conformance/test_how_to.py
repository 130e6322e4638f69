# SPDX-License-Identifier: Apache-2.0
"""The commands of how-to pages work as they stand there, one after the other.

Only pages that say so here: the others need a cluster, or an Envoy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.factories.pages import fenced

if TYPE_CHECKING:
    from pathlib import Path

PAGES = (
    "issue-and-revoke",
    "bring-your-own-ca",
    "rotate-a-ca",
    "api-tokens",
    "dashboard",
    "gitops",
    "upgrade-notes",
)

#: What there is already where a page begins.
BEFORE = {"upgrade-notes": "authz db migrate"}


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work(page: str, tmp_path: Path) -> None:
    lines = [
        line.removeprefix("$ ")
        for block in fenced(f"how-to/{page}.md", "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    assert lines
    (tmp_path / "authz").write_text(f'#!/bin/sh\nexec {sys.executable} -m authz "$@"\n')
    (tmp_path / "authz").chmod(0o755)
    (tmp_path / "here").mkdir()

    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -euo pipefail -x", BEFORE.get(page, ""), *lines])],
        cwd=tmp_path / "here",
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": ":".join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
