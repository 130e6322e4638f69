# SPDX-License-Identifier: Apache-2.0
"""`make verify-deploy`: run the tests marked `deploy`, then list which program accepted what.

It fails when a test fails, and when something that is shipped was tried by nobody (verdict.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.deploy.verdict import NOT_FOLLOWED, Accepted, complaints, excused, summary, table

ROOT = Path(__file__).parents[2]
#: Prose, read by people.
PROSE = {".md"}


def _files(*paths: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *paths],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return sorted(listed)


def shipped() -> list[str]:
    """Every file that somebody installs, relative to the project."""
    return [name for name in _files("deploy", "envoy") if Path(name).suffix not in PROSE]


def guides() -> list[str]:
    """Every page that somebody follows, relative to the project."""
    return [name for name in _files("docs/how-to", "docs/tutorial") if name.endswith(".md")]


def main() -> int:
    """Run, print, judge."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "accepted"
        target.touch()
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "deploy", *sys.argv[1:]],
            cwd=ROOT,
            check=False,
            env={**os.environ, "AUTHZ_ACCEPTED": str(target)},
        )
        lines: list[Accepted] = [
            json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()
        ]
    files, pages = shipped(), guides()
    print(f"\n{table(lines)}\n")
    for page in excused(pages, lines):
        print(f"{page}: not followed, {NOT_FOLLOWED[page]}")
    missing = complaints(files, pages, lines)
    print(*missing, summary(files, pages, lines), sep="\n")
    return run.returncode or (1 if missing else 0)


if __name__ == "__main__":
    sys.exit(main())
