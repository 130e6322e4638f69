# SPDX-License-Identifier: Apache-2.0
"""`make verify-deploy`: run the tests marked `deploy`, then list which program accepted what.

It fails when a test fails, and when a file of deploy/ or envoy/ was accepted by nobody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[2]
#: Prose, read by people.
PROSE = {".md"}


class Accepted(TypedDict):
    """A line that a test wrote."""

    artefact: str
    program: str
    what: str


def shipped() -> list[str]:
    """Every file that somebody installs, relative to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "deploy", "envoy"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return [name for name in listed if Path(name).suffix not in PROSE]


def table(lines: list[Accepted]) -> str:
    """One row for each artefact and program, sorted."""
    rows = sorted({(one["artefact"], one["program"], one["what"]) for one in lines})
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"{artefact:<{widths[0]}}  {program:<{widths[1]}}  {what}"
        for artefact, program, what in rows
    )


def unread(files: list[str], lines: list[Accepted]) -> list[str]:
    """The files that no program accepted, by themselves or as part of a folder."""
    names = {one["artefact"] for one in lines}
    return [
        name
        for name in files
        if not any(name == one or name.startswith(f"{one.rstrip('/')}/") for one in names)
    ]


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
    if lines:
        print(f"\n{table(lines)}\n")
    missing = unread(shipped(), lines)
    for name in missing:
        print(f"{name}: no program read it")
    print(f"{len({one['artefact'] for one in lines})} artefacts, {len(missing)} read by nobody")
    return run.returncode or (1 if missing else 0)


if __name__ == "__main__":
    sys.exit(main())
