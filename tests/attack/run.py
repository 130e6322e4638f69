# SPDX-License-Identifier: Apache-2.0
"""`make attack`: run the tests marked `attack`, then print what was tried, and what came of it.

It fails when a test fails, when an answer was wrong or missing, and when nothing was tried, of any
group where no tests are named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.attack.report import GROUPS, Group, Tried, read, table

ROOT = Path(__file__).parents[2]


def verdict(rows: list[Tried], returncode: int, wanted: tuple[Group, ...] = GROUPS) -> int:
    """The exit status: that of the tests, or 1 when the table says that something went wrong.

    `wanted` are the groups of which something has to be tried.
    """
    sound = rows and not any(row["wrong"] or row["unanswered"] or not row["times"] for row in rows)
    complete = {row["group"] for row in rows}.issuperset(wanted)
    return returncode or (0 if sound and complete else 1)


def main() -> int:
    """Run, print, judge."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "tried"
        target.touch()
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "attack", *sys.argv[1:]],
            cwd=ROOT,
            check=False,
            # Four times the floods of `make test` (tests.attack.flooding).
            env={"AUTHZ_FLOODS": "200", **os.environ, "AUTHZ_ATTACK_REPORT": str(target)},
        )
        rows = read(target)
    print(f"\n{table(rows)}")
    # Of the tests that are named, nobody knows what they try.
    return verdict(rows, run.returncode, () if sys.argv[1:] else GROUPS)


if __name__ == "__main__":
    sys.exit(main())
